"""``pulse stress``: the harness, from the command line to the results."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import Inconclusive, ManifestError, Unmeasured
from conformance.reporting.escaping import for_terminal
from conformance.reporting.header import header_of
from conformance.reporting.repeat import repeat_command
from conformance.reporting.results import Exit, Result, ResultsFile, results_file
from conformance.reporting.terminal import new_console, print_run
from conformance.reporting.verdict import decide
from conformance.runner import room
from conformance.runner import run as runs
from conformance.runner.command_line import failures_as_exit_codes
from conformance.runner.left_behind import LeftBehind, line_of, warning_of
from conformance.subject.accounts import give
from conformance.system.platform import file_system_of, operating_system
from stress.cluster.coordinator import Cluster, ClusterError, ClusterUsageError, connected
from stress.cluster.machine import MachinePlan
from stress.commands.options import StressPlan, load_options, plan_of
from stress.disk import KINDS, disk_of, enter_private_namespace, require_means
from stress.judge.results import case_name, clauses_of, results_of, sentence
from stress.load.folder import new_folder
from stress.load.harness import run_in_folder
from stress.load.plan import LoadPlan
from stress.load.sampler import Show
from stress.record.folder_record import FolderRecord
from stress.record.json_codec import to_json
from stress.reporting.live import View, logging_to, showing

__all__ = ["stress"]


@click.group(name="pulse stress", invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@load_options
@click.pass_context
def stress(context: click.Context, /, **options: Any) -> int | None:
    """Run concurrent writers and readers on one file and check every read.

    Exit codes: 0 conformant, 1 not conformant, 2 usage, 3 the implementation could not be started or broke the
    protocol, 4 inconclusive: too little was seen, or the kit itself failed; 130 interrupted.
    """
    if context.invoked_subcommand is not None:
        return None
    with failures_as_exit_codes("pulse stress", options["impl"]):
        return _run(plan_of(options))


@dataclass(frozen=True)
class _Prepared:
    """A plan whose implementations are set up: the writer's run, the reader's, and the cluster if there are any."""

    plan: StressPlan
    run: runs.Run
    reader: runs.Run | None
    cluster: Cluster | None

    def systems(self) -> list[str]:
        """The file systems, in the order of `run_each`. Raises ClusterUsageError."""
        place = self.plan.place
        if self.cluster is not None:
            return [self.cluster.file_system(str(folder)) for folder in place.folders]
        return [*(file_system_of(folder) for folder in place.folders), *place.disks]

    def run_each(self, show: Show) -> Iterator[tuple[FolderRecord, tuple[str, str]]]:
        """Run the load in each place. Yields what was observed, and the option that names the place."""
        place = self.plan.place
        for folder in place.folders:
            option = ("dir", str(folder))
            if self.cluster is not None:
                machine_plan = MachinePlan(
                    self.plan.manifest.source, self.plan.scenario, str(folder), self.plan.run_plan.answer_seconds
                )
                yield self.cluster.run(machine_plan, show), option
            else:
                yield self._run_in(folder, str(folder), show), option
        for disk in place.disks:
            yield self._run_on_new(disk, show), ("disk", disk)

    def _run_on_new(self, name: str, show: Show) -> FolderRecord:
        kind = KINDS[name]
        require_means(kind)
        enter_private_namespace()
        try:
            with disk_of(kind, self.run.folder) as disk:
                if self.run.user is not None:
                    disk.place.parent.chmod(0o711)  # as the folder of the run: found by its name, not looked into
                return self._run_in(disk.place, f"a new {name} on a loop device", show)
        except Inconclusive as full:
            raise ManifestError(str(full)) from full

    def _run_in(self, folder: Path, shown_as: str, show: Show) -> FolderRecord:
        with new_folder(folder) as inner:
            give(inner, self.run.user)
            if warning := room.warning_of(inner):
                click.echo(f"pulse stress: {warning}", err=True)
            reader = None if self.reader is None else self.reader.manifest
            run = dataclasses.replace(self.run, places=(inner,))
            return run_in_folder(LoadPlan(run, self.plan.scenario, inner, shown_as, reader), show)

    def about_reader(self) -> dict[str, str]:
        """The name and version of the reader implementation; nothing without one."""
        if self.reader is None:
            return {}
        return {"name": self.reader.manifest.name, "version": str(self.reader.about.get("version", ""))}


def _run(plan: StressPlan) -> int:
    try:
        with contextlib.ExitStack() as stack:
            run = stack.enter_context(runs.prepared(plan.manifest, plan.run_plan))
            reader = None
            if plan.reader is not None:
                reader = stack.enter_context(runs.prepared(plan.reader, plan.run_plan))
            place = plan.place
            cluster = stack.enter_context(connected(place.dask, place.dask_folders)) if place.dask else None
            file = stack.enter_context(results_file(plan.reporting.folder))
            return _judge(_Prepared(plan, run, reader, cluster), new_console(), file)
    except ClusterError as error:
        click.echo(f"pulse stress: {error}; this says nothing about the implementation", err=True)
        return Exit.INCONCLUSIVE
    except (ClusterUsageError, Unmeasured) as error:
        raise click.UsageError(str(error)) from error


def _judge(prepared_plan: _Prepared, console: Console, file: ResultsFile | None) -> int:
    plan, cluster = prepared_plan.plan, prepared_plan.cluster
    scenario = plan.scenario if cluster is None else cluster.scenario_of_all(plan.scenario)
    reads = plan.reader is not None
    clauses = {clause: load_clauses()[clause] for clause in clauses_of(plan.scenario, reads=reads)}
    systems = prepared_plan.systems()
    selection = {"clause": list(clauses), "case": [case_name(scenario, system) for system in systems]}
    header = header_of(
        plan.manifest,
        prepared_plan.run.about,
        systems,
        plan.scenario.seed,
        selection,
        program="pulse stress",
        reader=prepared_plan.about_reader(),
    )
    if file is not None:
        file.header(header)
    console.print(f"seed {plan.scenario.seed}")
    records: list[FolderRecord] = []
    results: list[Result] = []
    with showing(console) as on_console:
        show = on_console if plan.log is None else _both(on_console, logging_to(plan.log))
        for record, option in prepared_plan.run_each(show):
            records.append(record)
            repro = repeat_command(plan.repro, [option])
            new = results_of(record, repro, reads=reads, known=plan.known_failures, os=operating_system())
            results += new
            if file is not None:  # at once: whatever happens later, this is known
                file.record("stress", to_json(record))
                for result in new:
                    file.result(result)
            title = f"[bold]{for_terminal(record.file_system)}[/] ({for_terminal(record.folder)})"
            console.print(f"{title}: {for_terminal(sentence(record))}", soft_wrap=True)
            if not record.complete:
                break
    # Known failures that match nothing are the suite's business: this run has only a few clauses.
    verdict = decide(
        results, clauses, (), operating_system(), strict=plan.reporting.strict, complete=False, part="measured"
    )
    complete = all(record.complete for record in records)
    left = LeftBehind()
    left.end()  # every process of the load has ended
    if left.found:
        verdict = dataclasses.replace(verdict, warnings=(warning_of(left.found),))
        if file is not None:
            file.record("left", line_of(left.found))
    if file is not None and complete:
        file.footer(verdict)
    print_run(console, header, results, verdict, each_case=True)
    if not complete:
        console.print("interrupted: the results cover only the part of the run before that", soft_wrap=True)
    if file is not None:
        from stress.reporting.html import write_report  # not before: matplotlib takes seconds on some systems

        reported = verdict if complete else None
        file.write_beside("report.html", lambda page: write_report(page.parent, header, results, reported, records))
        console.print(f"report: {plan.reporting.folder}/report.html, report.md, results.jsonl", soft_wrap=True)
    return verdict.exit if complete else Exit.INTERRUPTED


def _both(one: Show, other: Show) -> Show:
    def show(view: View) -> None:
        one(view)
        other(view)

    return show
