"""Problems are counted, and reported once."""

import logging
import subprocess
import sys

import pytest

from pulse._problems import Problems


def test_the_first_of_each_kind_is_logged_and_all_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems()
    for kind in ("write", "loss", "write", "loss"):
        problems.report(kind, f"a {kind} failed")
    assert problems.count == 4
    assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
        ("pulse", "WARNING", "pulse: a write failed"),
        ("pulse", "WARNING", "pulse: a loss failed"),
    ]


def test_what_is_settled_is_said_once_and_may_be_reported_again(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems()
    problems.settle("write", "never said")
    problems.report("write", "failed")
    problems.settle("write", "works")
    problems.settle("write", "never said")
    problems.report("write", "failed again")
    assert [record.message for record in caplog.records] == ["pulse: failed", "pulse: works", "pulse: failed again"]
    assert problems.count == 2


def test_a_program_that_configures_nothing_sees_it_on_stderr_even_with_warnings_as_errors() -> None:
    script = "from pulse._problems import Problems; Problems().report('write', 'the disk is full')"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, check=True, text=True)
    assert (done.stdout, done.stderr) == ("", "pulse: the disk is full\n")


def test_what_cannot_be_logged_is_counted_and_logged_when_it_happens_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    problems = Problems()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "logging", None)  # it cannot be imported, as when no descriptor is free
        problems.report("write", "one")
        problems.settle("write", "it works")
    assert problems.count == 1
    problems.report("write", "two")
    problems.report("write", "three")
    assert [record.message for record in caplog.records] == ["pulse: two"]


def test_a_log_handler_that_raises_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("the log server is away")

    monkeypatch.setattr(logging.getLogger("pulse"), "handlers", [Raising()])
    problems = Problems()
    problems.report("write", "one")
    assert problems.count == 1
