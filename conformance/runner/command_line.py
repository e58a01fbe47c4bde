"""What every command of the kit has in common: its start and end, its shared options, and what failures mean."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, ManifestError, OutputError
from conformance.reporting.results import Exit
from conformance.reporting.terminal import print_not_started
from conformance.runner import room
from conformance.runner.resolve import resolve
from conformance.runner.run import Run, RunPlan, prepared
from conformance.runner.standard_output import Printed, watched_output

__all__ = [
    "SECONDS",
    "ReportOptions",
    "answer_seconds_option",
    "dir_option",
    "failures_as_exit_codes",
    "impl_option",
    "prepared_by_name",
    "report_option",
    "report_options",
    "run_command",
    "run_plan",
    "sandbox_options",
    "seed_option",
    "strict_option",
    "user_option",
]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_PRESS_SECONDS = 2.0

FOLDER = click.Path(file_okay=False, path_type=Path)
SECONDS = click.FloatRange(min=0, min_open=True)


def impl_option(text: str = "A manifest's path, or a name.") -> Decorator:
    """``--impl NAME``; ``text`` is the help."""
    return click.option("--impl", default="reference", show_default=True, help=text)


def seed_option(text: str = "Repeat everything random.") -> Decorator:
    """``--seed NUMBER``; see `run_plan`."""
    return click.option("--seed", type=click.IntRange(0), help=text)


def report_option(text: str = "Folder for results, JUnit and HTML.") -> Decorator:
    """``--report FOLDER``; see `report_options`."""
    return click.option("--report", type=FOLDER, help=text)


def strict_option() -> Decorator:
    """``--strict``; see `report_options`."""
    return click.option("--strict", is_flag=True, help="A failed SHOULD fails the run.")


def dir_option(text: str = "Test on this file system.") -> Decorator:
    """``--dir FOLDER``, the run's ``parent``; see `run_plan`."""
    return click.option("--dir", "parent", type=FOLDER, help=text)


def user_option() -> Decorator:
    """``--user NAME``; see `run_plan`."""
    text = "Run the implementation as this user (Linux, as root)."
    return click.option("--user", metavar="NAME", help=text)


def sandbox_options() -> Decorator:
    """``--sandbox`` and ``--sandbox-read FOLDER``; see `run_plan`."""
    flag = click.option("--sandbox", is_flag=True, help="Run the implementation in a sandbox (Linux).")
    text = "Show this folder in the sandbox, read-only; repeatable."
    shown = click.option("--sandbox-read", multiple=True, metavar="FOLDER", help=text)
    return lambda command: flag(shown(command))


def answer_seconds_option() -> Decorator:
    """``--answer-seconds SECONDS``; see `run_plan`."""
    default = RunPlan.answer_seconds
    return click.option(
        "--answer-seconds", type=SECONDS, default=default, show_default=True, help="Time-out of a request."
    )


@dataclass(frozen=True)
class ReportOptions:
    """``--strict`` and ``--report``: what fails a run, and the folder for its files, if any."""

    strict: bool = False
    folder: Path | None = None


def run_plan(given: Mapping[str, Any]) -> RunPlan:
    """The plan that a command's options make, by their names in Python; a seed is drawn unless one is given."""
    options = {field.name: given[field.name] for field in dataclasses.fields(RunPlan) if field.name in given}
    if options.get("seed") is None:
        options["seed"] = secrets.randbits(32)
    return RunPlan(**options)


def report_options(given: Mapping[str, Any]) -> ReportOptions:
    """The options of a report among a command's options."""
    return ReportOptions(given.get("strict", False), given.get("report"))


@contextlib.contextmanager
def failures_as_exit_codes(command: str, impl: str) -> Iterator[None]:
    """Say on standard error why ``impl`` cannot be judged, and end the command: raises click.exceptions.Exit."""
    try:
        yield
    except ManifestError as error:
        click.echo(f"{command}: {error}", err=True)
        raise click.exceptions.Exit(Exit.USAGE) from error
    except ImplementationError as error:
        raise click.exceptions.Exit(print_not_started(command, impl, error)) from error


@contextlib.contextmanager
def prepared_by_name(command: str, impl: str, plan: RunPlan) -> Iterator[Run]:
    """A run of the implementation of this name. Raises click.exceptions.Exit, after saying why, when there is none."""
    with failures_as_exit_codes(command, impl), prepared(resolve(impl, frozenset(load_clauses())), plan) as run:
        if warning := room.warning_of(run.folder):
            click.echo(f"{command}: {warning}", err=True)
        yield run


class _OneInterrupt:
    """Ctrl-C, or being asked to end, ends the run once: what comes right after it would only spoil the summary.

    One press may arrive several times, for example through ``timeout``. A later one counts again.
    """

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        now = time.monotonic()
        if now - self._last > _PRESS_SECONDS:
            self._last = now
            raise KeyboardInterrupt


def run_command(command: click.Command, name: str, arguments: list[str], *, crashed: Exit = Exit.INCONCLUSIVE) -> int:
    """Run a command that returns its exit code, such as ``pulse conformance``, with these arguments.

    Returns the exit code: 2 for usage, 130 when it was interrupted, ``crashed`` when the kit itself failed, or when
    what it printed or reported could not be written and no worse code says more. A request to end (SIGTERM) is like
    Ctrl-C, and so is a terminal that is closed (SIGHUP), unless nohup has that ignored: everything is cleaned up.
    """
    with watched_output() as printed:
        code = _run(command, name, arguments, crashed, printed)
    if printed.failure is None:
        return code
    if not isinstance(printed.failure, BrokenPipeError):  # that is a program such as head, which has read enough
        click.echo(f"{name}: standard output could not be written: {printed.failure}", err=True)
    return code or crashed


def _signals_to_end() -> Sequence[signal.Signals]:
    ends = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        ends.append(signal.SIGHUP)
    return ends


def _run(command: click.Command, name: str, arguments: list[str], crashed: Exit, printed: Printed) -> int:
    handler = _OneInterrupt()
    before = {number: signal.signal(number, handler) for number in _signals_to_end()}
    try:
        # Not by `click.Command.main`, which prints an empty line when it is interrupted.
        with command.make_context(name, list(arguments)) as context:
            return int(command.invoke(context))
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        if printed.failure is None:  # no program that has closed the pipe
            click.echo(f"{name}: interrupted; the run did not finish, and there is no verdict", err=True)
        return Exit.INTERRUPTED
    except OutputError as error:
        click.echo(f"{name}: {error}", err=True)
        return error.exit or crashed
    except Exception:  # a crash of the kit must not look like a verdict about the implementation
        traceback.print_exc()
        click.echo(f"{name}: the kit itself failed; this says nothing about the implementation", err=True)
        return crashed
    finally:
        for number, handled_by in before.items():
            signal.signal(number, handled_by)
