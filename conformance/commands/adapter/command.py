"""``pulse adapter check``: talks to an adapter, and says what is wrong with it in one screen."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from conformance.commands.adapter.checks import Step, checked
from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.reporting.escaping import printable
from conformance.reporting.results import Exit, counted
from conformance.runner.command_line import SECONDS, failures_as_exit_codes, run_command
from conformance.runner.resolve import resolve
from conformance.runner.run import RunPlan, prepared

__all__ = ["main"]

NAME = "pulse adapter"
_WIDTH = 80
_INDENT = " " * 6
_AFTER_SET_UP = (
    "run the command yourself, in the manifest's folder; it ran in a copy of that, beside which nothing is: if it "
    "needs something out of the folder, put the manifest at the root of your project"
)


@click.group(name=NAME, context_settings={"help_option_names": ["-h", "--help"]})
def _group() -> None:
    """Help with an adapter: the program through which the kit talks to a writer or reader."""


@_group.command(name="check", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("impl", required=False, metavar="[MANIFEST]")
@click.option("--command", "line", metavar="LINE", help="Check this command; there is no manifest yet.")
@click.option(
    "--mode",
    type=click.Choice(["serve", "oneshot"]),
    default="serve",
    show_default=True,
    help="With --command: one process, or one for each write.",
)
@click.option(
    "--profile",
    type=click.Choice(["replace", "json", "pulse"]),
    default="replace",
    show_default=True,
    help="With --command: what it writes.",
)
@click.option("--start-seconds", type=SECONDS, default=30.0, show_default=True, help="Time-out of the start.")
@click.option("--answer-seconds", type=SECONDS, default=10.0, show_default=True, help="Time-out of a request.")
def _check(impl: str | None, line: str | None, **given: Any) -> int:
    """Talk to an adapter as the suite does, and say what is wrong with it and what to do about it.

    MANIFEST is an implementation.toml, its folder, or a name, as for --impl. By default: the one in this folder.

    Exit codes: 0 nothing wrong; 1 something wrong; 2 usage.
    """
    if line is not None and impl is not None:
        raise click.UsageError("give a manifest or --command, not both")
    manifest: Manifest | None = None if line is None else _of_command(line, given["mode"], given["profile"])
    name = line or impl or "."
    plan = RunPlan(seed=0, start_seconds=given["start_seconds"], answer_seconds=given["answer_seconds"])
    with failures_as_exit_codes(f"{NAME} check", name):
        manifest = manifest or resolve(name, frozenset(load_clauses()))
        try:
            with prepared(manifest, plan, smoke=False) as run:
                folder = run.folder / "smoke"
                steps = checked(run.manifest, run.launch_options(), folder)
        except ImplementationError as error:
            steps = [Step("set-up", "wrong", _with_stderr(error), _AFTER_SET_UP)]
    how = manifest.callable or shlex.join(manifest.command)
    _say(f"{manifest.name} ({manifest.mode}, {manifest.profile}): {how}")
    return _print(steps)


def _of_command(line: str, mode: Any, profile: Any) -> Manifest:
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise click.UsageError(f"--command {line}: {error}") from error
    if not words:
        raise click.UsageError("--command: names no command")
    return Manifest(
        name="the command",
        language="unknown",
        profile=profile,
        roles=("writer",),
        mode=mode,
        folder=Path.cwd(),
        source="",
        command=words,
    )


def _with_stderr(error: ImplementationError) -> str:
    last = error.stderr.strip().splitlines()[-3:]
    return " | ".join([*str(error).splitlines(), *last])


def _print(steps: Sequence[Step]) -> int:
    before = ""
    for step in steps:
        if step.title != before:
            _say(f"  {step.verdict:9}  {step.title}")
        before = step.title
        if step.seen:
            _wrapped(step.seen)
            _wrapped(f"→ {step.todo}")
    wrong = len({step.title for step in steps if step.verdict == "wrong"})
    left = sum(step.verdict == "not tried" for step in steps)
    rest = f", {left} not tried" if left else ""
    _say(f"{counted(len({step.title for step in steps}), 'steps')}: {wrong} wrong{rest}")
    return Exit.NOT_CONFORMANT if wrong else Exit.CONFORMANT


def _wrapped(text: str) -> None:
    for each in textwrap.wrap(
        printable(text, one_line=True), _WIDTH - 2, initial_indent=_INDENT, subsequent_indent=_INDENT
    ):
        click.echo(each)


def _say(text: str) -> None:
    click.echo(printable(text, one_line=True))


def main(arguments: list[str]) -> int:
    """Run ``pulse adapter`` with these arguments. Returns the exit code."""
    return run_command(_group, NAME, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
