"""What the commands of ``pulse stress`` print and write alike: the header, the table of clauses, results.jsonl."""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from conformance.reporting.results import Header, Result, ResultsFile, Verdict, describe_implementation
from conformance.reporting.terminal import clause_table
from conformance.runner.controller import kit_version
from conformance.subject.manifest import Manifest
from conformance.system.platform import describe_platform

__all__ = ["header_of", "new_console", "print_verdict", "results_file"]

PIPED_WIDTH = 110  # characters, where there is no terminal to ask


def new_console() -> Console:
    """A console of a fixed width where there is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def header_of(
    manifest: Manifest,
    about: Mapping[str, Any],
    file_systems: Sequence[str],
    seed: int,
    selection: Mapping[str, Any],
) -> Header:
    """The header of results.jsonl. ``about`` is the implementation's answer to the handshake."""
    return Header(
        kit=kit_version(),
        implementation=describe_implementation(manifest, about),
        platform=describe_platform(),
        file_system=", ".join(file_systems),
        python=platform.python_version(),
        seed=seed,
        selection=dict(selection),
    )


def print_verdict(console: Console, header: Header, results: list[Result], verdict: Verdict) -> None:
    """The table of clauses, every failure with its first example, what is unmeasured, and the verdict."""
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
def results_file(report: Path | None) -> Iterator[ResultsFile | None]:
    """``results.jsonl`` in this folder, or None without one. Raises click.UsageError when it cannot be written."""
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
