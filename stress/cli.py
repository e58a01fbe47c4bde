"""``pulse stress``: the harness of real disasters. Results are those of the suite (SPEC.md, "Results")."""

from __future__ import annotations

import contextlib
import platform
import secrets
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from conformance import run as runs
from conformance.clauses import load_clauses
from conformance.errors import ImplementationError, ManifestError
from conformance.manifest import operating_system, resolve
from conformance.report import write_report
from conformance.results import (
    Exit,
    Header,
    Result,
    ResultsFile,
    Verdict,
    decide,
    describe_implementation,
    describe_platform,
)
from conformance.session import kit_version
from conformance.summary import clause_table
from stress import powercut
from stress.disk import KINDS
from stress.verdict import CLAUSES, Way, case_name

__all__ = ["main"]

PIPED_WIDTH = 110  # characters, where there is no terminal to ask
_WAYS: tuple[Way, ...] = ("random", "boundaries")


@click.group(name="pulse stress", context_settings={"help_option_names": ["-h", "--help"]})
def _group() -> None:
    """Put an implementation under real stress."""


@_group.command(name="powercut")
@click.option("--impl", default="reference", show_default=True, help="A manifest's path, or a name.")
@click.option("--file-system", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Only these; repeatable.")
@click.option("--way", "ways", multiple=True, type=click.Choice(_WAYS), help="Only these ways of cutting; repeatable.")
@click.option("--cuts", type=click.IntRange(1), default=200, show_default=True, help="Random cuts a file system.")
@click.option("--only", type=click.IntRange(0), help="Only the cut with this number, to repeat a failure.")
@click.option("--seed", type=click.IntRange(0), help="Repeat what is drawn at random; the moments are not exact.")
@click.option("--strict", is_flag=True, help="A failed SHOULD fails the run.")
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for results.jsonl and HTML.")
@click.option("--dir", "parent", type=click.Path(file_okay=False, path_type=Path), help="Where the images are made.")
def _powercut(
    impl: str,
    kinds: tuple[str, ...],
    ways: tuple[Way, ...],
    cuts: int,
    only: int | None,
    seed: int | None,
    strict: bool,
    report: Path | None,
    parent: Path | None,
) -> int:
    """Cut real file systems off while an implementation writes, and look at what is left (Linux, as root).

    Exit codes: 0 conformant, 1 not conformant, 2 usage, 3 the implementation could not be started or broke the
    protocol in the smoke stage, 4 inconclusive: too little was seen, or nothing could be measured here.
    """
    wanted = powercut.Wanted(kinds or tuple(KINDS), ways or _WAYS, cuts, only)
    try:
        manifest = resolve(impl, frozenset(load_clauses()))
        run = runs.prepare(manifest, seed=secrets.randbits(32) if seed is None else seed, parent=parent)
    except ManifestError as error:
        click.echo(f"pulse stress powercut: {error}", err=True)
        return Exit.USAGE
    except ImplementationError as error:
        click.echo(f"pulse stress powercut: {impl}: {error}", err=True)
        if error.stderr.strip():
            click.echo(f"its standard error:\n{error.stderr.rstrip()}", err=True)
        return Exit.NOT_STARTED
    try:
        with _results_file(report) as file:
            return _judge(run, wanted, file, strict=strict, report=report)
    finally:
        runs.tear_down(run.folder)


def _judge(
    run: runs.Run, wanted: powercut.Wanted, file: ResultsFile | None, *, strict: bool, report: Path | None
) -> int:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    header = Header(
        kit=kit_version(),
        implementation=describe_implementation(run.manifest, run.about),
        platform=describe_platform(),
        file_system=", ".join(wanted.file_systems),
        python=platform.python_version(),
        seed=run.seed,
        selection={
            "clause": CLAUSES,
            "case": [case_name(way, kind) for kind in wanted.file_systems for way in wanted.ways],
        },
    )
    if file is not None:
        file.header(header)
    results: list[Result] = []
    for result in powercut.results(run, wanted):
        results.append(result)
        if file is not None:
            file.result(result)
        if result.clause == "PWR-03":
            console.print(f"{result.case}: {escape(result.message)} ({result.seconds:.1f} s)", soft_wrap=True)
    clauses = {clause: load_clauses()[clause] for clause in CLAUSES}
    # Which known failures match nothing is the suite's business: this run has three clauses only.
    verdict = decide(results, clauses, (), operating_system(), strict=strict, complete=False)
    _print(console, header, results, verdict)
    if file is not None:
        file.footer(verdict)
        assert report is not None
        write_report(report)
        console.print(f"report: {report}/report.html, results.jsonl", soft_wrap=True)
    return verdict.exit


def _print(console: Console, header: Header, results: list[Result], verdict: Verdict) -> None:
    console.print()
    console.print(clause_table(verdict.counts))
    for result in results:
        if result.outcome in ("fail", "error", "xpass"):
            console.print(
                f"\n[bold red]{result.outcome}[/] {result.clause} {escape(f'[{result.case}]')}", soft_wrap=True
            )
            console.print(f"  {escape(result.message)}", soft_wrap=True)
            for example in result.evidence.get("examples", ())[:1]:
                for title, value in example.items():
                    text = "".join(f"\n    {line}" for line in value) if title == "trace" else str(value)
                    console.print(f"  [dim]{title}:[/] {escape(text)}", soft_wrap=True)
            console.print(f"  [dim]repeat:[/] {escape(result.repro)}", soft_wrap=True)
        elif result.outcome == "xfail":
            console.print(
                f"[yellow]xfail[/] {result.clause} {escape(f'[{result.case}] {result.message}')}", soft_wrap=True
            )
    unmeasured = dict.fromkeys(f"{r.case}: {r.message}" for r in results if r.outcome in ("unmeasured", "n/a"))
    for line in unmeasured:
        console.print(f"[dim]unmeasured:[/] {escape(line)}", soft_wrap=True)
    name = " ".join(word for word in (header.implementation["name"], header.implementation["version"]) if word)
    where = f"{header.platform['system']}, {header.file_system}, seed {header.seed}"
    console.print(f"\n[bold]{escape(name)}[/] ({where}): [bold]{verdict.word.upper()}[/]", soft_wrap=True)


@contextlib.contextmanager
def _results_file(report: Path | None) -> Iterator[ResultsFile | None]:
    if report is None:
        yield None
        return
    try:
        report.mkdir(parents=True, exist_ok=True)
        stream = (report / "results.jsonl").open("w", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"--report {report}: cannot be written: {error}") from error
    with stream:
        yield ResultsFile(stream)


def main(arguments: list[str]) -> int:
    """Run ``pulse stress`` with these arguments. Returns the exit code."""
    # Being asked to end is like Ctrl-C: everything is cleaned up.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(_group.main(arguments, standalone_mode=False))
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("pulse stress: interrupted; the run did not finish, and there is no verdict", err=True)
        return Exit.INTERRUPTED
    except Exception:  # a crash of the kit must not look like a verdict about the implementation
        traceback.print_exc()
        click.echo("pulse stress: the kit itself failed; this says nothing about the implementation", err=True)
        return Exit.INCONCLUSIVE
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
