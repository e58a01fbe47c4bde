"""``pulse stress``: the harness, from the command line to the results."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.markup import escape

from conformance.clauses import load_clauses
from conformance.errors import ImplementationError, ManifestError, Unmeasured
from conformance.reporting.header import header_of
from conformance.reporting.results import Exit, Result, ResultsFile, results_file
from conformance.reporting.terminal import new_console, print_not_started, print_run
from conformance.reporting.verdict import decide
from conformance.resolve import resolve
from conformance.runner import run as runs
from conformance.subject.client import ANSWER_SECONDS
from conformance.subject.manifest import KnownFailure, Manifest
from conformance.system.platform import file_system_of, operating_system
from stress.cluster.coordinator import Cluster, ClusterError, ClusterUsageError, connected, parse_place
from stress.disk import KINDS, disk_of, enter_private_namespace, require_means
from stress.judge.results import case_name, clauses_of, results_of, sentence
from stress.load.chaos import supported
from stress.load.folder import new_folder
from stress.load.harness import Show, run_in_folder
from stress.record.folder_record import FolderRecord
from stress.record.json_codec import to_json
from stress.record.scenario import (
    CHAOS,
    PAUSE_ON_WINDOWS,
    SHARINGS,
    SIZES,
    Chaos,
    Goal,
    Scenario,
    Sharing,
    command_line,
    parse_goal,
    parse_size,
)
from stress.reporting.live import View, logging_to, showing

__all__ = ["Wanted", "prepared", "stress"]

Value = TypeVar("Value")
SYSTEM: str = sys.platform
POSITIVE = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True)
class Wanted:
    """What to run: which implementations, in which folders (as the user named them), how, and where to report."""

    manifest: Manifest
    reader: Manifest | None
    scenario: Scenario
    folders: tuple[Path, ...]
    disks: tuple[str, ...]
    dask: str | None
    places: tuple[tuple[str, str], ...]
    repro: str
    strict: bool
    report: Path | None
    log: Path | None
    answer_seconds: float


class _Parsed(click.ParamType[Value]):
    """A parameter that a function reads; its ValueError is the message."""

    def __init__(self, name: str, parse: Callable[[str], Value]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Read one value."""
        try:
            return self._parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _parse_sizes(text: str) -> tuple[int, ...]:
    return tuple(parse_size(part) for part in text.split(","))


def _parse_chaos(text: str) -> tuple[Chaos, ...]:
    wanted = text.split(",")
    unknown = [part for part in wanted if part not in CHAOS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no chaos; give any of {', '.join(CHAOS)}, with commas between them")
    return tuple(kind for kind in CHAOS if kind in wanted)


@click.group(name="pulse stress", invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--impl", default="reference", show_default=True, help="The writer: a manifest's path, or a name.")
@click.option("--reader", "reader_name", help="Judge this reader too: every second reader is one.")
@click.option("--writers", type=click.IntRange(1, 64), default=2, show_default=True, help="Writer processes.")
@click.option("--readers", type=click.IntRange(1, 64), default=2, show_default=True, help="Reader processes.")
@click.option("--targets", type=click.IntRange(1, 100), default=1, show_default=True, help="Files that all write.")
@click.option(
    "--size",
    "sizes",
    type=_Parsed("SIZE,…", _parse_sizes),
    default=",".join(map(str, SIZES)),
    show_default=True,
    help="Sizes of documents, mixed.",
)
@click.option("--seconds", type=POSITIVE, help="How long.  [default: 10, or no limit with --until]")
@click.option("--until", "goal", type=_Parsed("'N reads'", parse_goal), help="Until N reads, writes or kills.")
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="Writes a second of each writer.")
@click.option(
    "--read-pause",
    type=click.FloatRange(min=0),
    help=f"Seconds between two reads.  [default: 0, on Windows {PAUSE_ON_WINDOWS:g}]",
)
@click.option(
    "--sharing",
    type=click.Choice(SHARINGS),
    help="Windows: whether the kit's readers let others replace what they read.  [default: delete]",
)
@click.option("--pipeline", type=click.IntRange(1, 64), default=2, show_default=True, help="Requests sent ahead.")
@click.option("--chaos", type=_Parsed("KIND,…", _parse_chaos), default=None, help=f"Any of {', '.join(CHAOS)}.")
@click.option("--chaos-rate", type=POSITIVE, default=4.0, show_default=True, help="Disturbances a second.")
@click.option("--dir", "folders", multiple=True, type=click.Path(path_type=Path), help="Where; repeatable.")
@click.option(
    "--disk", "disks", multiple=True, type=click.Choice(list(KINDS)), help="A new file system of this type; repeatable."
)
@click.option("--dask", help="Run on all workers of the Dask cluster with this scheduler; --dir is what all see.")
@click.option("--dask-dir", "places", multiple=True, metavar="WORKER=PATH", help="What a worker sees --dir as.")
@click.option("--round-seconds", type=POSITIVE, default=2.0, show_default=True, help="Judge the history so often.")
@click.option("--stop-at-first", is_flag=True, help="End with the round of the first violation.")
@click.option("--seed", type=click.IntRange(0), help="Repeat sizes, and the schedule of chaos.")
@click.option("--strict", is_flag=True, help="A failed SHOULD fails the run.")
@click.option(
    "--answer-seconds", type=POSITIVE, default=ANSWER_SECONDS, show_default=True, help="Time-out of a request."
)
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for results.jsonl and HTML.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Append a line a minute; may be rotated.")
@click.pass_context
def stress(
    context: click.Context,
    impl: str,
    reader_name: str | None,
    writers: int,
    readers: int,
    targets: int,
    sizes: tuple[int, ...],
    seconds: float | None,
    goal: Goal | None,
    rate: float,
    read_pause: float | None,
    sharing: Sharing | None,
    pipeline: int,
    chaos: tuple[Chaos, ...] | None,
    chaos_rate: float,
    folders: tuple[Path, ...],
    disks: tuple[str, ...],
    dask: str | None,
    places: tuple[str, ...],
    round_seconds: float,
    stop_at_first: bool,
    seed: int | None,
    strict: bool,
    answer_seconds: float,
    report: Path | None,
    log: Path | None,
) -> int | None:
    """Let writers and readers loose on one file, and judge everything that is seen.

    Exit codes: 0 conformant, 1 not conformant, 2 usage, 3 the implementation could not be started or broke the
    protocol, 4 inconclusive: too little was seen, or the kit itself failed; 130 interrupted.
    """
    if context.invoked_subcommand is not None:
        return None
    if reader_name is not None and readers < 2:
        raise click.UsageError("--reader needs --readers 2 or more: the kit's own reader tells whose fault it is")
    on_windows = SYSTEM == "win32"
    for kind in chaos or ():
        if not supported(kind):
            raise click.UsageError(f"--chaos {kind}: only Linux can do that")
    if disks and SYSTEM != "linux":
        raise click.UsageError("--disk: only Linux makes file systems on loop devices; give a folder with --dir")
    if sharing is not None and not on_windows:
        raise click.UsageError("--sharing: only on Windows can an open file keep others from replacing it")
    if dask is not None and (reader_name is not None or chaos or disks or not folders):
        raise click.UsageError("--dask needs --dir, which all machines see; and goes without --reader, --chaos, --disk")
    if dask is None and places:
        raise click.UsageError("--dask-dir needs --dask")
    scenario = Scenario(
        writers=writers,
        readers=readers,
        targets=targets,
        sizes=sizes,
        seconds=10.0 if seconds is None and goal is None else seconds,
        goal=goal,
        rate=rate,
        read_pause=read_pause if read_pause is not None else PAUSE_ON_WINDOWS if on_windows else 0.0,
        pipeline=pipeline,
        chaos=chaos or (),
        chaos_rate=chaos_rate,
        round_seconds=round_seconds,
        stop_at_first=stop_at_first,
        seed=secrets.randbits(32) if seed is None else seed,
        sharing=sharing or ("delete" if on_windows else None),
    )
    clauses = frozenset(load_clauses())
    try:
        manifest = resolve(impl, clauses)
        reader = None if reader_name is None else resolve(reader_name, clauses)
    except ManifestError as error:
        raise click.UsageError(str(error)) from error
    _require_roles(manifest, reader)
    try:
        own_places = tuple(parse_place(place) for place in places)
    except ValueError as error:
        raise click.UsageError(f"--dask-dir: {error}") from error
    options = _options(impl, reader_name, dask, places, answer_seconds)
    wanted = Wanted(
        manifest=manifest,
        reader=reader,
        scenario=scenario,
        folders=folders or (() if disks else (Path(tempfile.gettempdir()),)),
        disks=disks,
        dask=dask,
        places=own_places,
        repro=command_line(scenario, options) + (" --strict" if strict else ""),
        strict=strict,
        report=report,
        log=log,
        answer_seconds=answer_seconds,
    )
    return _run(wanted)


def _require_roles(manifest: Manifest, reader: Manifest | None) -> None:
    if "writer" not in manifest.roles:
        raise click.UsageError(
            f"{manifest.name} does not write: judge it with --reader {manifest.name} --impl variant:plain"
        )
    if reader is not None and ("reader" not in reader.roles or reader.profile != manifest.profile):
        raise click.UsageError(f"{reader.name} does not read what {manifest.name} writes: it needs the role reader")


def _options(
    impl: str, reader: str | None, dask: str | None, places: tuple[str, ...], answer_seconds: float
) -> list[tuple[str, str]]:
    """The options that belong into the command that does the same again, beside those of the scenario."""
    given = {"impl": None if impl == "reference" else impl, "reader": reader, "dask": dask}
    options = [(name, value) for name, value in given.items() if value is not None]
    if answer_seconds != ANSWER_SECONDS:
        options.append(("answer-seconds", f"{answer_seconds:g}"))
    return [*options, *(("dask-dir", place) for place in places)]


@contextlib.contextmanager
def prepared(manifest: Manifest, seed: int, answer_seconds: float) -> Iterator[runs.Run]:
    """The run of an implementation: set up, and torn down again."""
    run = runs.prepare(manifest, seed=seed, answer_seconds=answer_seconds)
    try:
        yield run
    finally:
        runs.tear_down(run.folder)


def _run(wanted: Wanted) -> int:
    console = new_console()
    try:
        with contextlib.ExitStack() as stack:
            run = stack.enter_context(prepared(wanted.manifest, wanted.scenario.seed, wanted.answer_seconds))
            reader = wanted.reader
            if reader is not None:
                of_reader = stack.enter_context(prepared(reader, wanted.scenario.seed, wanted.answer_seconds))
                reader = of_reader.manifest  # its set-up may have moved it
            cluster = stack.enter_context(connected(wanted.dask, wanted.places)) if wanted.dask else None
            file = stack.enter_context(results_file(wanted.report))
            return _judge(wanted, run, reader, cluster, console, file)
    except ImplementationError as error:
        return print_not_started("pulse stress", wanted.manifest.name, error)
    except ClusterError as error:
        click.echo(f"pulse stress: {error}; this says nothing about the implementation", err=True)
        return Exit.INCONCLUSIVE
    except (ClusterUsageError, ManifestError, Unmeasured) as error:
        raise click.UsageError(str(error)) from error


def _judge(
    wanted: Wanted,
    run: runs.Run,
    reader: Manifest | None,
    cluster: Cluster | None,
    console: Console,
    file: ResultsFile | None,
) -> int:
    clauses = {clause: load_clauses()[clause] for clause in clauses_of(wanted.scenario, reads=reader is not None)}
    if cluster is None:
        systems, scenario = [*(file_system_of(folder) for folder in wanted.folders), *wanted.disks], wanted.scenario
    else:
        systems = [cluster.file_system(str(folder)) for folder in wanted.folders]
        scenario = cluster.scenario_of_all(wanted.scenario)
    cases = [case_name(scenario, system) for system in systems]
    header = header_of(
        wanted.manifest, run.about, systems, wanted.scenario.seed, {"clause": list(clauses), "case": cases}
    )
    if file is not None:
        file.header(header)
    console.print(f"seed {wanted.scenario.seed}")
    records: list[FolderRecord] = []
    results: list[Result] = []
    with showing(console) as on_console:
        show = on_console if wanted.log is None else _both(on_console, logging_to(wanted.log))
        places: list[Path | str] = [*wanted.folders, *wanted.disks]
        for where in places:
            if cluster is None:
                record = _in_place(wanted, run, reader, where, show)
            else:
                source, patience = wanted.manifest.source, wanted.answer_seconds
                record = cluster.run(source, wanted.scenario, str(where), answer_seconds=patience, show=show)
            records.append(record)
            new = results_of(
                record,
                f"{wanted.repro} {'--disk' if isinstance(where, str) else '--dir'} {shlex.quote(str(where))}",
                reads=reader is not None,
                known=_known_failures(wanted),
                os=operating_system(),
            )
            results += new
            if file is not None:  # at once: whatever happens later, this is known
                file.record("stress", to_json(record))
                for result in new:
                    file.result(result)
            title = f"[bold]{escape(record.file_system)}[/] ({escape(record.folder)})"
            console.print(f"{title}: {escape(sentence(record))}", soft_wrap=True)
            if not record.complete:
                break
    # Which known failures match nothing is the suite's business: this run has a few clauses only.
    verdict = decide(results, clauses, (), operating_system(), strict=wanted.strict, complete=False)
    complete = all(record.complete for record in records)
    if file is not None:
        if complete:
            file.footer(verdict)
        assert wanted.report is not None
        from stress.reporting.html import write_report  # not before: matplotlib takes seconds on some systems

        write_report(wanted.report, header, results, verdict if complete else None, records)
    print_run(console, header, results, verdict, each_case=True)
    if not complete:
        console.print("interrupted: what was seen until then is not the whole run", soft_wrap=True)
    if wanted.report is not None:
        console.print(f"report: {wanted.report}/report.html, results.jsonl", soft_wrap=True)
    return verdict.exit if complete else Exit.INTERRUPTED


def _known_failures(wanted: Wanted) -> tuple[KnownFailure, ...]:
    """What is written down about the writer, and about the reader's own clause."""
    of_reader = wanted.reader.known_failures if wanted.reader is not None else ()
    return (*wanted.manifest.known_failures, *(entry for entry in of_reader if entry.clause == "RDR-14"))


def _both(one: Show, other: Show) -> Show:
    def show(view: View) -> None:
        one(view)
        other(view)

    return show


def _in_place(wanted: Wanted, run: runs.Run, reader: Manifest | None, where: Path | str, show: Show) -> FolderRecord:
    """One folder's run, in a new folder inside it, or that of a new file system on a loop device."""
    if isinstance(where, Path):
        return _in_folder(wanted, run, reader, where, str(where), show)
    require_means(KINDS[where])
    enter_private_namespace()
    with disk_of(KINDS[where], run.folder) as disk:
        return _in_folder(wanted, run, reader, disk.place, f"a new {where} on a loop device", show)


def _in_folder(
    wanted: Wanted, run: runs.Run, reader: Manifest | None, folder: Path, shown_as: str, show: Show
) -> FolderRecord:
    with new_folder(folder) as inner:
        return run_in_folder(run, wanted.scenario, inner, shown_as=shown_as, reader=reader, show=show)
