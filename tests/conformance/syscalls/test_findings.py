"""The findings of a run's visits: made once, shared between workers, and selected by ``--point``."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError, Unmeasured
from conformance.runner.notes import Notes
from conformance.runner.run_json import run_to_json
from conformance.syscalls.findings import kill_series, slow_motion, visits
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.points import Point
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.session import Traced

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")
IN_PLACE = (
    "import os\nclass Implementation:\n    def replace(self, path, text):\n"
    "        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)\n"
    "        try:\n            rest = text.encode()\n            while rest:\n"
    "                rest = rest[os.write(file, rest):]\n        finally:\n            os.close(file)\n"
)

FAILING = "class Implementation:\n    def replace(self, path, text):\n        raise OSError(5, 'no')\n"


@pytest.fixture
def laboratory_of(laboratory: Callable[..., Laboratory]) -> Callable[..., Laboratory]:
    """A laboratory for an implementation, given as source; the correct one without."""

    def make(source: str = CORRECT, **changes: Any) -> Laboratory:
        return laboratory(source, **changes)

    return make


# Visits


@pytest.mark.parametrize(
    ("family", "glob", "points"),
    [
        ("faults", "*:sync:*", ["replace:2:sync:EIO", "replace:2:sync:ENOSPC", "replace:2:sync:EDQUOT"]),
        (
            "faults",
            "replace:2:sync:EIO*",
            ["replace:2:sync:EIO", "replace:2:sync:EIO+clean-up", "replace:2:sync:EIO-lasting"],
        ),
        ("interrupts", "*:4:*", ["replace:4:rename:interrupt-after"]),
        ("interrupts", "*:2:*", ["replace:2:sync:interrupt-before", "replace:2:sync:interrupt-after"]),
        ("kills", "*:0:*", ["replace:0:create:kill-before", "replace:0:create:kill-after"]),
        ("kills", "*:4:*", ["replace:4:rename:kill-after"]),
    ],
)
def test_a_family_of_points(
    laboratory_of: Callable[..., Laboratory], family: str, glob: str, points: list[str]
) -> None:
    found = [visit.point for visit in visits(laboratory_of(point=glob), family, "replace")]
    assert found[: len(points)] == points
    assert len(found) == (10 if glob == "*:sync:*" else len(points))


@pytest.mark.parametrize("family", ["kills", "interrupts"])
def test_a_quick_run_visits_the_boundaries_at_which_something_has_changed(
    laboratory_of: Callable[..., Laboratory], family: str
) -> None:
    after = [visit.point for visit in visits(laboratory_of(quick=True), family, "replace") if "-after" in visit.point]
    kinds = [point.split(":")[2] for point in after]
    assert kinds == ["create", "write", "rename"]


def test_no_point_that_matches_is_not_measured(laboratory_of: Callable[..., Laboratory]) -> None:
    with pytest.raises(Unmeasured, match=r"--point nothing:\* matches no fault of this write \(\d+ points\)"):
        visits(laboratory_of(point="nothing:*"), "faults", "first")


def test_visits_are_made_once(laboratory_of: Callable[..., Laboratory], monkeypatch: pytest.MonkeyPatch) -> None:
    laboratory = laboratory_of(point="*:sync:EIO")
    first = visits(laboratory, "faults", "replace")

    def never(*arguments: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(laboratory, "visit", never)
    assert visits(laboratory, "faults", "replace") == first
    assert [visit.injection.left for visit in first] == [()]
    with pytest.raises(AssertionError, match="made again"):
        visits(laboratory, "faults", "first")  # these are other visits


WORKER = """
import sys
from conformance.runner.run_json import run_from_json
from conformance.syscalls.findings import visits
from conformance.syscalls.laboratory import Laboratory
laboratory = Laboratory(run_from_json(sys.stdin.readline()))
sys.stdin.readline()
recorded = []
record = laboratory.record
laboratory.record = lambda *what: recorded.append(what) or record(*what)
print([visit.point for visit in visits(laboratory, 'faults', 'replace')])
print(bool(recorded))
laboratory.stop()
"""


def test_workers_share_them(laboratory_of: Callable[..., Laboratory]) -> None:
    laboratory = laboratory_of(point="*:sync:*")
    notes = laboratory.run.folder / "notes"
    notes.mkdir()
    run = dataclasses.replace(laboratory.run, notes=Notes(notes))
    command = [sys.executable, "-c", WORKER]
    pipe = subprocess.PIPE
    workers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    printed = [worker.communicate(f"{run_to_json(run)}\n\n", timeout=100)[0].splitlines() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert printed[0][0] == printed[1][0]
    assert "replace:2:sync:EIO" in printed[0][0]
    assert run.notes.names("faults-") == ["faults-replace"]
    assert sorted(lines[1] for lines in printed) == ["False", "True"]  # one of the workers has made them


def test_an_error_of_the_implementation_is_kept(laboratory_of: Callable[..., Laboratory]) -> None:
    hanging = CORRECT.replace("os.unlink(temp)", "__import__('threading').Event().wait()")
    laboratory = laboratory_of(hanging, point="*:sync:EIO", answer_seconds=2.0)
    for _ in range(2):
        with pytest.raises(ImplementationError, match=r"gave no answer within .*\(at replace:2:sync:EIO\)"):
            visits(laboratory, "faults", "replace")
    assert "error" in laboratory.run.notes.read("faults-replace")


def test_kills_that_break_something_end_soon(laboratory_of: Callable[..., Laboratory]) -> None:
    """A writer that cannot write after a kill, because of what the kill left, may wait long at every point."""
    fixed = CORRECT.replace('f"{path}.{os.getpid()}.{self.count}.tmp"', 'f"{path}.tmp"')
    found = visits(laboratory_of(fixed), "kills", "replace")
    assert [visit.injection.next_write.split(":")[0] for visit in found] == ["ok, by a new process", "io", "io", "io"]


def test_what_cannot_be_measured_is_not_kept(laboratory_of: Callable[..., Laboratory]) -> None:
    laboratory = laboratory_of(FAILING)
    with pytest.raises(Unmeasured, match="see FLT-01"):
        visits(laboratory, "faults", "replace")
    assert laboratory.run.notes.names("") == []


def test_on_other_systems_than_linux(laboratory_of: Callable[..., Laboratory], monkeypatch: pytest.MonkeyPatch) -> None:
    laboratory = laboratory_of()
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(Unmeasured, match="the syscall engine needs Linux"):
        visits(laboratory, "faults", "replace")


# Slow motion


@pytest.mark.parametrize("scenario", ["replace", "first"])
def test_readers_of_a_correct_writer_see_no_torn_document(
    laboratory_of: Callable[..., Laboratory], scenario: Any
) -> None:
    slow = slow_motion(laboratory_of(), scenario, 8192)
    assert (slow.boundaries, slow.reads, slow.wrong, slow.at) == (10, 30, "", None)
    assert len(slow.trace) == 5


def test_readers_see_a_write_in_place(laboratory_of: Callable[..., Laboratory]) -> None:
    slow = slow_motion(laboratory_of(IN_PLACE), "replace", 8192)
    assert slow.wrong.startswith("a reader saw torn bytes, not a whole document after operation 0 (openat)")
    assert slow.at == 0
    assert slow.trace[0].startswith("→")


def instead_of_the_replace(*statements: str) -> str:
    """The correct writer with other statements where it replaces the target."""
    return CORRECT.replace("os.replace(temp, path)\n", "\n            ".join(statements) + "\n")


def test_readers_see_a_target_that_is_missing(laboratory_of: Callable[..., Laboratory]) -> None:
    removing = instead_of_the_replace(
        "with contextlib.suppress(OSError):", "    os.unlink(path)", "os.replace(temp, path)"
    )
    assert (
        slow_motion(laboratory_of(removing), "replace", 8192).wrong == "a reader saw no file after operation 4 (unlink)"
    )


def test_readers_see_a_target_that_is_no_file(laboratory_of: Callable[..., Laboratory]) -> None:
    turning = instead_of_the_replace("os.mkdir(path)", "os.rmdir(path)", "os.replace(temp, path)")
    wrong = slow_motion(laboratory_of(turning), "first", 99).wrong
    assert wrong == "a reader saw a folder, and no file after operation 4 (mkdir)"


def test_readers_see_the_old_document_come_back(laboratory_of: Callable[..., Laboratory]) -> None:
    turning = instead_of_the_replace(
        "with contextlib.suppress(OSError):",
        "    os.link(path, path + '.old')",
        "with contextlib.suppress(OSError):",
        "    os.unlink(path + '.new')",
        "os.link(temp, path + '.new')",
        "os.replace(temp, path)",
        "with contextlib.suppress(OSError):",
        "    os.replace(path + '.old', path)",
        "os.replace(path + '.new', path)",
    )
    wrong = slow_motion(laboratory_of(turning), "replace", 8192).wrong
    assert wrong == "a reader saw the old document after the new one after operation 8 (rename)"


def test_a_slow_write_that_does_not_work(laboratory_of: Callable[..., Laboratory]) -> None:
    with pytest.raises(Unmeasured, match="does not succeed"):
        slow_motion(laboratory_of(FAILING), "first", 99)


def test_a_slow_write_that_ends_the_process(laboratory_of: Callable[..., Laboratory]) -> None:
    laboratory = laboratory_of(FAILING.replace("raise OSError(5, 'no')", "__import__('os')._exit(3)"))
    with pytest.raises(ImplementationError, match="ended with exit code 3"):
        slow_motion(laboratory, "first", 99)


# Consecutive kills


def test_a_series_of_kills(laboratory_of: Callable[..., Laboratory]) -> None:
    laboratory = laboratory_of(point="*:[234]:*", kills=6)
    series = kill_series(laboratory)
    assert (series.kills, series.points, series.refused, series.wrong) == (6, 3, "", "")
    assert series.reads > 0
    # After sync and close a temp is left, and never removed. After the rename it is the target.
    assert series.temps_left == 4
    assert kill_series(laboratory) == series


def test_kills_that_do_not_fire_are_an_error_of_the_kit(
    laboratory_of: Callable[..., Laboratory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Point, "rules", lambda point: ())
    with pytest.raises(TraceError, match="only 0 of 3 kills fired in 6 writes"):
        kill_series(laboratory_of(kills=3))


def test_no_boundary_that_matches(laboratory_of: Callable[..., Laboratory]) -> None:
    with pytest.raises(Unmeasured, match="no boundary matches --point nothing"):
        kill_series(laboratory_of(point="nothing"))


def test_the_place_of_a_refusal_is_reported_after_many_rounds(laboratory_of: Callable[..., Laboratory]) -> None:
    """The points are visited in turn, again and again; the fourth kill here is at the second of two points."""
    full = CORRECT.replace(
        "        Implementation.count += 1\n",
        "        if len(os.listdir(os.path.dirname(path))) == 5:\n            raise OSError(28, 'full')\n"
        "        Implementation.count += 1\n",
    )
    refused = kill_series(laboratory_of(full, point="*:sync:*", kills=9)).refused
    assert refused.startswith("after 4 kills, the last replace:")
    assert refused.endswith(":sync:kill-after, a write was refused")


def test_a_write_between_two_kills_that_is_refused(laboratory_of: Callable[..., Laboratory]) -> None:
    """A temp with a fixed name blocks the next write."""
    fixed = CORRECT.replace('f"{path}.{os.getpid()}.{self.count}.tmp"', 'f"{path}.tmp"')
    series = kill_series(laboratory_of(fixed, point="*:sync:*", kills=6))
    assert series.refused == "after 1 kills, the last replace:2:sync:kill-after, a write was refused"


def test_a_reader_sees_what_a_kill_tore(laboratory_of: Callable[..., Laboratory]) -> None:
    series = kill_series(laboratory_of(IN_PLACE, point="*:open:*", kills=6))
    assert series.wrong.startswith("torn")


def test_a_process_that_had_faults_serves_no_other_findings(laboratory_of: Callable[..., Laboratory]) -> None:
    """What a fault has done to it would change what is found later, though not when a single case is repeated."""
    laboratory = laboratory_of(point="*:sync:EIO")
    traced: Traced = laboratory.traced
    laboratory.record("replace")
    assert laboratory.traced is traced
    visits(laboratory, "faults", "replace")
    assert laboratory.traced is not traced
