"""What every command has in common: exit codes, signals, shared options."""

from __future__ import annotations

import io
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from conformance.contract.errors import ImplementationError, ManifestError
from conformance.reporting.results import Exit
from conformance.runner.command_line import (
    ReportOptions,
    answer_seconds_option,
    dir_option,
    failures_as_exit_codes,
    impl_option,
    report_option,
    report_options,
    run_command,
    run_plan,
    seed_option,
    strict_option,
)
from conformance.runner.run import RunPlan


def run(body: Callable[[], int], **settings: Any) -> int:
    return run_command(click.Command("kit", callback=body), "pulse kit", [], **settings)


def raising(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


def test_the_exit_code_is_that_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda: Exit.NOT_CONFORMANT) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (click.UsageError("no such thing"), 2, "Error: no such thing"),
        (KeyboardInterrupt(), 130, "pulse kit: interrupted; the run did not finish, and there is no verdict"),
        (click.Abort(), 130, "pulse kit: interrupted"),
        (RuntimeError("broken"), 4, "RuntimeError: broken\npulse kit: the kit itself failed; this says nothing"),
    ],
)
def test_an_exception_becomes_an_exit_code(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raising(error)) == code
    assert says in capsys.readouterr().err


def test_a_command_may_have_another_exit_code_for_a_crash() -> None:
    assert run(raising(RuntimeError("broken")), crashed=Exit.NOT_CONFORMANT) == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_several_signals_at_once_interrupt_the_run_once(name: str) -> None:
    if sys.platform == "win32":
        pytest.skip("there SIGTERM cannot be sent to one's own process")
    number = signal.Signals[name]
    cleaned: list[str] = []

    def body() -> int:
        try:
            signal.pthread_kill(threading.get_ident(), number)
            time.sleep(30)
        finally:
            # To this thread, so that it has come before the next line: another one might get it when all is over.
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            cleaned.append("all of it")
        return 0

    handled = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(each) for each in handled]
    assert run(body) == 130
    assert cleaned == ["all of it"]
    assert [signal.getsignal(each) for each in handled] == before


def test_below_nohup_a_closed_terminal_does_not_end_the_run() -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGHUP")

    def body() -> int:
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
        return 0

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(body) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_the_output_cannot_show_becomes_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)

    def body() -> int:
        click.echo("≥", file=stream)
        return 0

    assert run(body) == 0
    assert stream.buffer.getvalue() == b"\\u2265\n"


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ManifestError("no such manifest"), 2, "pulse kit: no such manifest\n"),
        (ImplementationError("died", "Traceback"), 3, "pulse kit: demo: died\nits standard error:\n  | Traceback\n"),
    ],
)
def test_an_implementation_that_cannot_be_judged_ends_the_command(
    error: Exception, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def body() -> int:
        with failures_as_exit_codes("pulse kit", "demo"):
            raise error

    assert run(body) == code
    assert capsys.readouterr().err == says


def test_shared_options_become_plans(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    @click.command()
    @impl_option()
    @seed_option("Another help.")
    @report_option()
    @strict_option()
    @dir_option()
    @answer_seconds_option()
    def command(**given: Any) -> int:
        seen.append(given)
        return 0

    command.main([], standalone_mode=False)
    options = ["--seed", "7", "--report", "r", "--strict", "--dir", str(tmp_path), "--answer-seconds", "2.5"]
    command.main(options, standalone_mode=False)
    usual, given = seen
    assert run_plan(given) == RunPlan(seed=7, parent=tmp_path, answer_seconds=2.5)
    assert report_options(given) == ReportOptions(strict=True, folder=Path("r"))
    assert (usual["impl"], report_options(usual)) == ("reference", ReportOptions())
    plan = run_plan(usual)
    assert plan == RunPlan(seed=plan.seed)
    assert plan.seed != run_plan(usual).seed
