"""Visits of the points of a write: what is hit, what is observed there, and what is an error of the kit."""

from __future__ import annotations

import dataclasses
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError, Unmeasured
from conformance.oracle.payload import encode, make_status
from conformance.runner.run import Run
from conformance.syscalls.laboratory import LARGE, SIZE, Laboratory, NotHit
from conformance.syscalls.points import Point, Scenario, fault_points
from conformance.syscalls.target_state import NEW
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.verdicts import judged, problem
from conformance.syscalls.visit import Visit
from tests.conformance.syscalls.changed_writer import CORRECT, changed

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)

OPERATIONS = ["create", "write", "sync", "close", "rename"]


@pytest.fixture
def laboratory(laboratory: Callable[..., Laboratory]) -> Callable[..., Laboratory]:
    """A laboratory for an implementation, given as source; the correct one without."""

    def make(source: str = CORRECT, **changes: Any) -> Laboratory:
        return laboratory(source, **changes)

    return make


def fault(number: int, kind: Any, error: int = errno.EIO, **changes: Any) -> Point:
    key = {"create": "open", "sync": "fsync"}.get(kind, kind)
    point = Point("replace", "error", "before", number, kind, "other", key, error, of_temp=True)
    return dataclasses.replace(point, **changes)


# Recordings


@pytest.mark.parametrize("scenario", ["replace", "first"])
def test_a_write_without_a_fault(laboratory: Callable[..., Laboratory], scenario: Scenario) -> None:
    recording = laboratory().record(scenario)
    assert [each.kind for each in recording.operations] == OPERATIONS
    assert recording.place.state() == "new"
    assert recording.place.listing == ({"status.json"} if scenario == "replace" else set())
    assert [name for name, _ in recording.place.lengths] == sorted(recording.place.listing)


def test_in_profile_pulse_a_status_is_requested(
    run_of: Callable[..., Run], make_manifest: Callable[..., Path], laboratory: object
) -> None:
    manifest = make_manifest(mode="python", entry_point="under_test:Implementation")
    (manifest.parent / "under_test.py").write_text(CORRECT, encoding="utf-8")
    made = Laboratory(run_of(manifest))
    try:
        assert [each.kind for each in made.record("replace").operations] == OPERATIONS
    except Unmeasured as error:
        pytest.skip(str(error))
    finally:
        made.stop()


def test_a_writer_that_cannot_write_is_not_measured(laboratory: Callable[..., Laboratory]) -> None:
    broken = laboratory(changed(("        Implementation.count += 1\n", "        raise OSError(5, 'no')\n")))
    with pytest.raises(Unmeasured, match=r"was answered io \(see FLT-01 without_a_fault\)$"):
        broken.place("replace")
    with pytest.raises(Unmeasured, match=r"fault does not succeed \(see FLT-01 without_a_fault\)$"):
        broken.record("first")
    with pytest.raises(Unmeasured, match=r"fault does not succeed \(see VIS-07 sizes_leave_no_tail\)$"):
        broken.record("first", LARGE)
    with pytest.raises(Unmeasured, match=r"was answered io \(see VIS-01 whatever_the_size_and_the_name\)$"):
        broken.record_drawn("drawn", SIZE, NEW)


def test_a_document_that_is_not_there_is_not_measured(laboratory: Callable[..., Laboratory]) -> None:
    lost = laboratory(changed(("            os.replace(temp, path)\n", "            os.unlink(temp)\n")))
    with pytest.raises(Unmeasured, match=r"but its document is not there \(see FLT-01 without_a_fault\)$"):
        lost.record("first")


def test_a_write_that_ends_the_process_is_an_error_of_the_implementation(laboratory: Callable[..., Laboratory]) -> None:
    dying = laboratory(changed(("            os.replace(temp, path)\n", "            os._exit(3)\n")))
    with pytest.raises(ImplementationError, match="ended with exit code 3 instead of answering"):
        dying.record("first")


def test_a_write_that_was_not_traced_is_an_error_of_the_kit(
    laboratory: Callable[..., Laboratory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is no child of the tracer writes: the trace is empty, and every clause would pass."""
    unseen = laboratory()

    def ask(target: Path, sequence: int, size: int = 0, seconds: float | None = None) -> Callable[[Any], Any]:
        def write(implementation: Any) -> Any:
            target.write_text(encode(make_status(0, sequence)))
            return implementation.request("replace", path=str(tmp_path / "elsewhere"), text="x")

        return write

    monkeypatch.setattr(unseen, "ask", ask)
    with pytest.raises(TraceError, match="no operation on the target's folder was seen"):
        unseen.record("first")


def test_an_implementation_that_ended_is_started_again(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory()
    first = made.traced
    assert made.traced is first
    first.kill()
    assert made.traced is not first
    assert [each.kind for each in made.record("replace").operations] == OPERATIONS


# Visits


def test_a_failed_sync(laboratory: Callable[..., Laboratory]) -> None:
    visit = laboratory().visit(fault(2, "sync"))
    assert (visit.point, visit.what) == ("replace:2:sync:EIO", "error")
    seen = visit.injection
    assert (seen.call, seen.position, seen.error, seen.fired, seen.writable) == ("fsync", 2, errno.EIO, True, True)
    assert (seen.answer, "Errno 5" in seen.text, seen.target, seen.target_before_fault) == ("io", True, "old", "old")
    assert (seen.touched, seen.left, seen.descriptors_left, seen.next_write) == (False, (), 0, "ok")
    assert visit.trace[2].startswith("→  2 fsync        sync status.json.")
    assert visit.trace[2].endswith(".tmp = Input/output error (injected)")
    assert [line[0] for line in visit.trace] == [" ", " ", "→", " ", " "]
    assert "unlink" in visit.trace[-1]


@pytest.mark.parametrize(("kind", "number"), [("sync", 2), ("close", 3)])
def test_a_failure_of_a_file_that_is_not_the_temp_is_marked(
    laboratory: Callable[..., Laboratory], kind: str, number: int
) -> None:
    """Only the temp's sync and close must never lead to a replace (FLT-04, FLT-05)."""
    made = laboratory()
    assert made.visit(fault(number, kind)).injection.call == {"sync": "fsync"}.get(kind, kind)
    other = made.visit(fault(number, kind, of_temp=False)).injection
    assert other.call == {"sync": "fsync"}.get(kind, kind) + " of another file"


def test_what_is_left(laboratory: Callable[..., Laboratory]) -> None:
    leaving = changed(
        ("                os.unlink(temp)\n", "                pass\n"),
        ("                    os.close(descriptor)\n", "                    pass\n"),
    )
    seen = laboratory(leaving).visit(fault(2, "sync")).injection
    assert len(seen.left) == 1
    assert seen.left[0].endswith(".tmp")
    assert seen.descriptors_left == 1


def test_what_a_good_write_also_leaves_is_not_reported(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory(changed(("        Implementation.count += 1\n", "        open(f'{path}.lock', 'a').close()\n")))
    recording = made.record("first")
    assert recording.kept == {"status.json.lock"}
    number = next(each.number for each in recording.operations if each.kind == "sync")
    point = fault(number, "sync", scenario="first")
    assert made.visit(point, recording).injection.left == ()
    assert made.visit(point).injection.left == ("status.json.lock",)


def test_a_failing_clean_up_is_reported(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory()
    cleaning = fault(2, "sync", what="error and failing clean-up")
    assert made.visit(cleaning).cleaning_failed
    assert not made.visit(fault(2, "sync")).cleaning_failed


def test_a_short_write_that_is_not_noticed(laboratory: Callable[..., Laboratory]) -> None:
    careless = changed(("rest = rest[os.write(descriptor, rest) :]", "rest = rest[:0 * os.write(descriptor, rest)]"))
    short = fault(1, "write", 0, what="short", size=4000)
    torn = laboratory(careless).visit(short).injection
    assert (torn.answer, torn.target) == ("ok", "torn")


def test_a_short_write_that_is_continued(laboratory: Callable[..., Laboratory]) -> None:
    seen = laboratory().visit(fault(1, "write", 0, what="short", size=4000))
    assert (seen.injection.answer, seen.injection.target) == ("ok", "new")
    assert [line.split()[1 if line[0] == " " else 2] for line in seen.trace].count("write") == 2


@pytest.mark.parametrize(("phase", "target"), [("before", "old"), ("after", "new")])
def test_a_kill_at_the_rename(laboratory: Callable[..., Laboratory], phase: Any, target: str) -> None:
    seen = laboratory().visit(fault(4, "rename", 0, what="kill", phase=phase)).injection
    assert (seen.answer, seen.target, seen.next_write) == ("crash", target, "ok, by a new process")
    assert seen.text == "ended with exit code -9 (SIGKILL) instead of answering"


@pytest.mark.parametrize(("then", "twice"), [("pass", False), ("os.close(descriptor)", True)], ids=["once", "twice"])
def test_a_close_that_is_made_again(laboratory: Callable[..., Laboratory], then: str, twice: bool) -> None:
    closing = f"try:\n                os.close(descriptor)\n            except OSError:\n                {then}\n"
    source = changed(("os.close(descriptor)\n            os.replace", f"{closing}            os.replace"))
    assert laboratory(source).visit(fault(3, "close", 0, what="EINTR")).closed_twice is twice


DEAD = "                os.unlink(temp)\n            self.dead = True\n"


def after_an_error(then: str) -> str:
    """A writer that does something else after its first error."""
    count = "        Implementation.count += 1\n"
    last = "                os.unlink(temp)\n"
    return changed((count, f"        if hasattr(self, 'dead'):\n            {then}\n{count}"), (last, DEAD))


@pytest.mark.parametrize(
    ("then", "reported"),
    [
        ("raise OSError(5, 'dead')", "io: OSError: [Errno 5] dead"),
        ("return", "ok, but wrote nothing"),
        ("os._exit(9)", "error: ended with exit code 9 instead of answering"),
    ],
)
def test_a_next_write_that_fails_is_reported(laboratory: Callable[..., Laboratory], then: str, reported: str) -> None:
    assert laboratory(after_an_error(then)).visit(fault(2, "sync")).injection.next_write == reported


def test_an_operation_that_is_not_hit_is_an_error_of_the_kit(laboratory: Callable[..., Laboratory]) -> None:
    """Never a pass, however the writer handled a fault that hit something else, or nothing."""
    made = laboratory()
    with pytest.raises(TraceError, match=r"replace:9:sync:EIO: the intended operation was not hit in 8 tries.*nothing"):
        made.visit(fault(9, "sync"))
    with pytest.raises(TraceError, match=r"was not hit in 8 tries; hit instead: Counter\(\{'write of other': 8\}\)"):
        made.visit(fault(1, "sync"))
    with pytest.raises(TraceError, match=r"Counter\(\{'rename of other': 8\}\)"):
        made.visit(fault(4, "rename", role="target"))


def test_an_operation_that_changes_its_place_is_tried_again(laboratory: Callable[..., Laboratory]) -> None:
    """Every third write lists the folder first, so that the sync is not always the same operation."""
    turning = changed(
        (
            "        temp = f",
            "        if Implementation.count % 3 == 2:\n            os.stat(os.path.dirname(path))\n        temp = f",
        )
    )
    made = laboratory(turning)
    seen = [made.visit(fault(2, "sync")).injection for _ in range(4)]
    assert [(each.call, each.answer, each.target) for each in seen] == [("fsync", "io", "old")] * 4


@pytest.mark.parametrize(("once", "left"), [(True, [0, 0]), (False, [0, 1])])
def test_a_folder_may_be_kept_open_once(laboratory: Callable[..., Laboratory], once: bool, left: list[int]) -> None:
    """The first write there may open it for all later ones, which may open no more."""
    condition = "path not in kept" if once else "True"
    keeping = changed(
        ("class Implementation:\n", "kept = {}\n\nclass Implementation:\n"),
        (
            "        temp = f",
            f"        if {condition}:\n"
            "            kept.setdefault(path, []).append(os.open(os.path.dirname(path), os.O_RDONLY))\n"
            "        temp = f",
        ),
    )
    made = laboratory(keeping)
    seen = []
    for scenario in ("first", "replace"):
        recording = made.record(scenario)
        [number] = [each.number for each in recording.operations if each.kind == "sync"]
        visit = made.visit(dataclasses.replace(fault(number, "sync"), scenario=scenario), recording)
        seen.append(visit.injection.descriptors_left)
    assert seen == left


CHANGING = changed(
    (
        "rest[os.write(descriptor, rest) :]",
        "rest[os.write(descriptor, rest[: 1000 + 700 * (Implementation.count % 5)]) :]",
    )
)


def test_a_writer_whose_pieces_change_is_hit_at_the_nearest_operation(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory(CHANGING)
    recording = made.record("replace")
    points = [each for each in fault_points(recording.operations, "replace", "status.json") if each.what != "lasting"]
    found = [made.visit(point, recording) for point in points]
    assert {visit.what for visit in found} == {"error", "error and failing clean-up", "short", "EINTR"}
    assert all(visit.injection.answer in ("ok", "io") for visit in found)
    assert not any(problem(clause, visit) for clause in ("FLT-01", "VIS-06") for visit in judged(clause, found))


def test_an_operation_that_never_comes_again_is_not_hit(laboratory: Callable[..., Laboratory]) -> None:
    """Only the first write of a process looks at the folder."""
    look = "        if self.count == 1:\n            os.stat(os.path.dirname(path))\n"
    looking = changed(("        temp = f", f"{look}        temp = f"))
    made = laboratory(looking)
    recording = made.record("first")
    point = next(each for each in fault_points(recording.operations, "first", "status.json") if each.kind == "stat")
    with pytest.raises(NotHit, match="not hit in 8 tries"):
        made.visit(point, recording)


def test_folders_of_visits_are_removed(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory()
    made.visit(fault(2, "sync"))
    assert os.listdir(made.run.folder / "cases") == []


def test_an_error_of_the_implementation_names_the_point(laboratory: Callable[..., Laboratory]) -> None:
    hanging = changed(("                os.unlink(temp)\n", "                __import__('threading').Event().wait()\n"))
    with pytest.raises(ImplementationError, match="gave no answer") as raised:
        laboratory(hanging, answer_seconds=2.0).visit(fault(2, "sync"))
    assert raised.value.__notes__ == ["at replace:2:sync:EIO"]


def test_every_point_of_a_correct_writer_is_hit(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory()
    recording = made.record("first")
    points = list(fault_points(recording.operations, "first", "status.json"))
    visits: list[Visit] = [made.visit(point) for point in points]
    assert [visit.point for visit in visits] == [point.name for point in points]
    assert all(visit.injection.next_write == "ok" for visit in visits)
    assert all(visit.injection.descriptors_left == 0 for visit in visits)
