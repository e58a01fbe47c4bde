"""``pulse selftest``: its six tests pass for the reference and fail for a defect."""

import io
from typing import Any

import pytest

from pulse import atomic_write_json, selftest, write_idle_status

PASSED = """\
=== PULSE SELF-TEST (PULSE v1) ===

Test 1: write_idle_status()... ✅
Test 2: safe_read_json()... ✅
Test 3: write_running_status() (epoch 2.5/3.0)... ✅
📊 UI progress calculation: 83.3% (epoch 2.5/3.0)
Test 4: write_error_status()... ✅
Test 5: write_done_status()... ✅
Test 6: PULSE v1 Schema validation... ✅
✅ PULSE v1 schema valid: exactly 6 fields
✅ All field types correct
✅ No extra fields (profile, dataset, version deferred to v2)

=== ALL TESTS PASSED (PULSE v1 COMPLIANT) ===
"""


def run(encoding: str = "utf-8") -> tuple[int, str]:
    """The exit code of the self-test and what it prints to a terminal with this encoding."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    code = selftest.selftest(stdout)
    stdout.seek(0)
    return code, stdout.read()


def test_prints_the_six_tests() -> None:
    assert run() == (0, PASSED)


@pytest.mark.parametrize("encoding", ["ascii", "cp1251", "latin-1"])
def test_a_terminal_without_the_marks_gets_words(encoding: str) -> None:
    code, printed = run(encoding)
    assert code == 0
    assert printed == PASSED.replace("✅", "OK").replace("📊", "->")


def test_a_failure_is_reported_to_a_terminal_without_the_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "write_error_status", write_nothing)
    code, printed = run("ascii")
    assert code == 1
    assert "Test 4: write_error_status()... FAILED OSError(28, 'disk full \\u2717')" in printed


def test_a_stream_without_an_encoding_is_taken_for_utf_8() -> None:
    stdout = io.StringIO()
    assert selftest.selftest(stdout) == 0
    assert stdout.getvalue() == PASSED


def write_seven(path: str, *_arguments: Any) -> None:
    """A writer with a seventh member."""
    atomic_write_json(
        path,
        {
            "status": "done",
            "epoch": 3.0,
            "total_epochs": 3.0,
            "loss": 0.127,
            "message": "Training completed",
            "timestamp": 1,
            "lr": 1,
        },
    )


def write_list(path: str) -> None:
    """A writer of something that is not an object."""
    with open(path, "w", encoding="ascii") as file:
        file.write("[]")


def write_nothing(path: str, *_arguments: Any) -> None:
    """A writer that fails."""
    raise OSError(28, "disk full ✗")


@pytest.mark.parametrize(
    ("name", "broken", "failed"),
    [
        ("write_idle_status", write_nothing, "Test 1: write_idle_status()... ❌ OSError"),
        ("write_idle_status", write_list, "Test 1: write_idle_status()... ❌ AssertionError"),
        ("write_idle_status", lambda path: write_idle_status(path, "x"), "Test 1: write_idle_status()... ❌"),
        ("safe_read_json", lambda path: {}, "Test 2: safe_read_json()... ❌"),
        ("progress", lambda status: 83.4, "Test 3: write_running_status() (epoch 2.5/3.0)... ❌"),
        (
            "write_error_status",
            write_nothing,
            "Test 4: write_error_status()... ❌ OSError(28, 'disk full \\u2717')",
        ),
        ("write_done_status", write_nothing, "Test 5: write_done_status()... ❌"),
        ("write_done_status", write_seven, "Test 6: PULSE v1 Schema validation... ❌"),
    ],
)
def test_a_defect_fails_its_test_and_the_others_still_run(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Any, failed: str
) -> None:
    monkeypatch.setattr(selftest, name, broken)
    code, printed = run()
    assert code == 1
    assert failed in printed
    assert printed.count("\nTest ") == 6
    assert printed.endswith("TESTS FAILED ===\n")


@pytest.mark.parametrize(
    "read",
    [
        lambda path: None if path.endswith(".torn") else selftest._expect(path.removesuffix(".missing")),
        lambda path: None if path.endswith(".missing") else selftest._expect(path.removesuffix(".torn")),
    ],
    ids=["finds a missing file", "reads a torn file"],
)
def test_a_reader_that_invents_documents_fails(monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    monkeypatch.setattr(selftest, "safe_read_json", read)
    code, printed = run()
    assert code == 1
    assert "is read as a document" in printed
    assert "=== 1 OF 6 TESTS FAILED ===" in printed
