"""The suite's cases that use the syscall engine, from the command line to the results and the summary."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.syscalls.tracer.session import Traced

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")
# The cases of these clauses that use the engine.
CASES = ("*_operation*", "*boundary*", "*kills*", "slow*", "*state*", "*survives*", "next*")
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module", autouse=True)
def _tracing_is_allowed(obedient: Traced) -> None:
    """`obedient` skips the tests where tracing is not allowed."""


@pytest.fixture
def judge(make_manifest: Callable[..., Path], conformance_command: Command, tmp_path: Path) -> Callable[..., Any]:
    """Judges an implementation, given as source: ``judge(source, options…)`` → the process and its results."""

    def run(source: str, *options: str) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
        manifest = make_manifest(mode="python", entry_point="under_test:Implementation", profile="replace")
        (manifest.parent / "under_test.py").write_text(source, encoding="utf-8")
        report = tmp_path / "report"
        done = conformance_command("--impl", manifest, "-n", "0", "--report", report, *options)
        lines = (report / "results.jsonl").read_text(encoding="utf-8").splitlines()
        return done, [json.loads(line) for line in lines]

    return run


def results(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "outcome" in line and "clause" in line]


def test_a_point_alone_is_repeated(judge: Callable[..., Any]) -> None:
    point = "replace:2:sync:EIO"
    done, lines = judge(CORRECT, "--clause", "FLT-04", "--case", "*_operation:*", "--point", point)
    assert done.returncode == 0
    assert lines[0]["selection"] == {"clause": ["FLT-04"], "case": ["*_operation:*"], "point": [point]}
    passed, unmeasured = sorted(results(lines), key=lambda line: line["outcome"])
    assert passed["outcome"] == "pass"
    assert passed["counts"] == {"faults": 1, "operations": 1}
    assert unmeasured["outcome"] == "unmeasured"
    assert unmeasured["message"].startswith(f"--point {point} matches no fault of this write (")
    assert "enumerated: FLT-04: 1 fault, 1 operation" in done.stdout


def test_a_failure_says_how_to_repeat_it_and_shows_the_trace(judge: Callable[..., Any]) -> None:
    careless = CORRECT.replace(
        "                os.fsync(descriptor)\n",
        "                with contextlib.suppress(OSError):\n                    os.fsync(descriptor)\n",
    )
    done, lines = judge(careless, "--clause", "FLT-04", "--case", "*_operation:*", "--point", "replace:2:sync:E*")
    assert done.returncode == 1
    failed = next(line for line in results(lines) if line["outcome"] == "fail")
    assert failed["repro"].endswith("--point replace:2:sync:EIO")
    assert failed["message"].startswith("replace:2:sync:EIO: the target was replaced or touched")
    assert failed["message"].endswith("(5 of 5 faults)")
    assert len(failed["evidence"]["all"]) == 5
    assert "→  2 fsync        sync status.json." in done.stdout
    assert "Input/output error (injected)" in done.stdout


HIDING = CORRECT.replace(
    "            with contextlib.suppress(OSError):\n                os.unlink(temp)\n", "            os.unlink(temp)\n"
)


@pytest.mark.parametrize(("clause", "outcome"), [("FLT-08", "fail"), ("FLT-04", "unmeasured")])
def test_an_error_with_a_failing_clean_up_is_repeated_by_its_own_point(
    judge: Callable[..., Any], clause: str, outcome: str
) -> None:
    """The error alone is visited, too, and judged by no clause."""
    point = "replace:2:sync:EIO+clean-up"
    _, lines = judge(HIDING, "--clause", clause, "--case", "*_operation:*-replace", "--point", point)
    [result] = results(lines)
    assert result["outcome"] == outcome
    assert result["counts"] == ({"faults": 1, "operations": 1} if outcome == "fail" else {})


def test_every_result_says_what_was_enumerated(judge: Callable[..., Any]) -> None:
    clauses = [f"--clause={name}" for name in ("FLT-0[1789]", "VIS-0[256]", "KIL-0[124]", "PWR-0[124]")]
    done, lines = judge(CORRECT, *clauses, *(f"--case={name}" for name in CASES), "--point", "*:[12]:*", "--kills", "6")
    found = [(line["clause"], line["counts"]) for line in results(lines) if line["counts"]]
    for expected in (
        ("FLT-01", {"faults": 21, "operations": 2}),
        ("FLT-07", {"faults": 2, "operations": 2}),
        ("FLT-08", {"faults": 2, "operations": 2}),
        ("FLT-09", {"judged as kills": 0, "interrupts": 4, "operations": 2}),
        ("VIS-02", {"operations": 5}),
        ("VIS-05", {"boundaries": 10, "reads": 30}),
        ("VIS-06", {"faults": 2, "operations": 1}),
        ("KIL-01", {"kill points": 2, "operations": 2}),
        ("KIL-02", {"kills": 6}),
    ):
        assert expected in found
    assert {"KIL-04", "PWR-01", "PWR-02", "PWR-04"} <= {clause for clause, _ in found}
    assert "enumerated: " in done.stdout
    # This writer does not sync the folder.
    assert {line["clause"] for line in results(lines) if line["outcome"] == "fail"} == {"PWR-02"}


def test_an_order_that_is_wrong_fails(judge: Callable[..., Any]) -> None:
    done, lines = judge(CORRECT.replace(" | os.O_EXCL", ""), "--clause", "VIS-0[138]", "--case", "order*")
    outcomes = {(line["clause"], line["outcome"]) for line in results(lines) if line["counts"]}
    assert outcomes == {("VIS-01", "pass"), ("VIS-03", "fail"), ("VIS-08", "pass")}
    assert "the temp was not created exclusively (O_EXCL)" in done.stdout


def test_a_write_in_place_is_torn_in_every_way(judge: Callable[..., Any]) -> None:
    in_place = (
        "class Implementation:\n    def replace(self, path, text):\n"
        "        with open(path, 'w', encoding='utf-8') as file:\n            file.write(text)\n"
    )
    clauses = ("--clause", "VIS-05", "--clause", "KIL-01", "--clause", "PWR-0[12]", "--clause", "VIS-01")
    _, lines = judge(in_place, *clauses)
    failed = {line["clause"] for line in results(lines) if line["outcome"] == "fail"}
    assert failed == {"VIS-01", "VIS-05", "KIL-01", "PWR-01", "PWR-02"}


FOLDER_SYNC = """            os.replace(temp, path)
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
"""


STRICT = CORRECT.replace("            os.replace(temp, path)\n", FOLDER_SYNC)
TOLERANT = STRICT.replace(
    "            finally:\n", "            except OSError:\n                pass\n            finally:\n"
)


@pytest.mark.parametrize(
    ("source", "outcome"), [(STRICT, "fail"), (TOLERANT, "pass"), (CORRECT, "unmeasured")], ids=["io", "ok", "no sync"]
)
def test_a_folder_that_cannot_be_synced_must_not_be_an_error(
    judge: Callable[..., Any], source: str, outcome: str
) -> None:
    _, lines = judge(source, "--clause", "PWR-02", "--case", "folder_that*")
    assert [each["outcome"] for each in results(lines)] == [outcome, outcome]


def test_the_number_of_consecutive_kills_can_be_reduced(judge: Callable[..., Any]) -> None:
    _, lines = judge(CORRECT, "--clause", "KIL-0[34]", "--kills", "7")
    found = {each["clause"]: each for each in results(lines)}
    assert found["KIL-03"]["outcome"] == "unmeasured"
    assert found["KIL-03"]["message"] == "needs 100 kills in a row; this run makes 7 (--kills)"
    assert (found["KIL-04"]["outcome"], found["KIL-04"]["counts"]["kills"]) == ("pass", 7)


FIXED_TEMP = """
import os
class Implementation:
    def replace(self, path, text):
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".tmp", path)
"""
IN_PLACE = """
class Implementation:
    def replace(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
"""


@pytest.mark.parametrize(
    ("source", "case", "story"),
    [
        (FIXED_TEMP, "next_write_when*:replace", "status.json.tmp came back as a second name of status.json"),
        (IN_PLACE, "next_write_beside*:replace", "the write after a power cut is in place, as any other is"),
    ],
    ids=["fixed temp", "in place"],
)
def test_a_next_write_that_tears_the_target_is_shown(
    judge: Callable[..., Any], source: str, case: str, story: str
) -> None:
    _, lines = judge(source, "--clause", "PWR-04", "--case", case)
    [failed] = results(lines)
    assert story in failed["message"]
    assert failed["evidence"]["trace"][0].startswith("→  0 openat")
