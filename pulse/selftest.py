"""``pulse selftest``: six tests of the reference in a real folder."""

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any, TextIO

from pulse.reader import safe_read_json
from pulse.status import progress
from pulse.writer import write_done_status, write_error_status, write_idle_status, write_running_status

__all__ = ["selftest"]

_WORDS = str.maketrans({"✅": "OK", "❌": "FAILED", "📊": "->"})

Check = Callable[[str], list[str]]
"""Takes the path of the status file; returns the lines to print below the test's; raises when it fails."""


def selftest(stdout: TextIO) -> int:
    """Run the six tests in a temporary folder and print their verdict.

    Args:
        stdout: where to print; marks become words where its encoding lacks them.

    Returns:
        The exit code: 0 when all pass, else 1.
    """
    tests: list[tuple[str, Check]] = [
        ("write_idle_status()...", _idle),
        ("safe_read_json()...", _safe_read),
        ("write_running_status() (epoch 2.5/3.0)...", _running),
        ("write_error_status()...", _error),
        ("write_done_status()...", _done),
        ("PULSE v1 Schema validation...", _schema),
    ]
    failures = 0
    _say(stdout, "=== PULSE SELF-TEST (PULSE v1) ===\n")
    with tempfile.TemporaryDirectory(prefix="pulse-selftest-") as folder:
        for number, (title, check) in enumerate(tests, 1):
            try:
                lines = check(os.path.join(folder, "training_status.json"))
            except Exception as error:  # whatever goes wrong is this test's verdict, and the others still run
                failures += 1
                _say(stdout, f"Test {number}: {title} ❌ {error!a}")
                continue
            _say(stdout, f"Test {number}: {title} ✅")
            for line in lines:
                _say(stdout, line)
    if failures:
        _say(stdout, f"\n=== {failures} OF {len(tests)} TESTS FAILED ===")
        return 1
    _say(stdout, "\n=== ALL TESTS PASSED (PULSE v1 COMPLIANT) ===")
    return 0


def _say(stdout: TextIO, line: str) -> None:
    """Print a line, with words for the marks where ``stdout`` has no such characters."""
    try:
        line.encode(stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        line = line.translate(_WORDS)
    print(line, file=stdout)


def _expect(path: str, **expected: Any) -> dict[str, Any]:
    """The document at ``path``, after checking that its members have the expected values and Python types."""
    with open(path, "rb") as file:  # not our reader: it must not vouch for our writer
        document = json.loads(file.read())
    if not isinstance(document, dict):
        raise AssertionError(f"the document is a {type(document).__name__}")
    for name, value in expected.items():
        found = document.get(name)
        if found != value or type(found) is not type(value):
            raise AssertionError(f"{name} is {found!r}, not {value!r}")
    return document


def _idle(path: str) -> list[str]:
    """The idle example, with its default message."""
    write_idle_status(path)
    _expect(path, status="idle", epoch=0.0, total_epochs=0.0, loss=0.0, message="Waiting to start...")
    return []


def _safe_read(path: str) -> list[str]:
    """The reader returns what is there, and nothing for a missing and a broken document."""
    if safe_read_json(path) != _expect(path):
        raise AssertionError("the reader does not return what was written")
    if safe_read_json(path + ".missing") is not None:
        raise AssertionError("a missing file is read as a document")
    with open(path + ".torn", "wb") as file:
        file.write(b'{"status": "runn')
    if safe_read_json(path + ".torn") is not None:
        raise AssertionError("a torn file is read as a document")
    return []


def _running(path: str) -> list[str]:
    """The running example, and the progress that a panel shows for it."""
    write_running_status(path, 2.5, 3.0, 0.342, "epoch 2/3, step 150/800")
    document = _expect(path, status="running", epoch=2.5, total_epochs=3.0, loss=0.342)
    percent = f"{progress(document):.1f}%"
    if percent != "83.3%":
        raise AssertionError(f"the progress of epoch 2.5/3.0 is {percent}, not 83.3%")
    return [f"📊 UI progress calculation: {percent} (epoch 2.5/3.0)"]


def _error(path: str) -> list[str]:
    """The error example: the message says why."""
    write_error_status(path, 2.5, 3.0, 0.342, "CUDA out of memory at step 150")
    _expect(path, status="error", epoch=2.5, message="CUDA out of memory at step 150")
    return []


def _done(path: str) -> list[str]:
    """The done example, with its default message."""
    write_done_status(path, 3.0, 3.0, 0.127)
    _expect(path, status="done", epoch=3.0, total_epochs=3.0, loss=0.127, message="Training completed")
    return []


def _schema(path: str) -> list[str]:
    """Exactly six members of the right types."""
    types = {
        "status": str,
        "epoch": float,
        "total_epochs": float,
        "loss": float,
        "message": str,
        "timestamp": int,
    }
    found = {name: type(value) for name, value in _expect(path).items()}
    if found != types:
        raise AssertionError(f"the members are {found!r}")
    return [
        "✅ PULSE v1 schema valid: exactly 6 fields",
        "✅ All field types correct",
        "✅ No extra fields (profile, dataset, version deferred to v2)",
    ]
