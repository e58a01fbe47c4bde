"""WIN-01…04 and WIN-06: a held target, a held temp, a read-only target, and names that mean something else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.contract.errors import Inconclusive, Unmeasured, Violation
from conformance.oracle.payload import make_status
from conformance.oracle.snapshot import Snapshot, snapshot
from conformance.runner.case import Case
from conformance.subject.protocol import Answer
from conformance.suite.helpers.file_holder import Holder
from conformance.suite.support.polling import polled_for_existence
from conformance.system.error_names import names_a_holder
from conformance.system.share_modes import Sharing
from conformance.system.windows import verbatim

OLD, NEW, NEXT = make_status(0, 1, 300), make_status(0, 2, 500), make_status(0, 3, 400)
HELD_SECONDS = 0.2
TEMP_SECONDS = 5.0  # a write whose temp is not seen within this time has none
ATTEMPTS = 10  # writes to try until a holder catches a temp
READ_ONLY_WRITES, READ_ONLY_SECONDS = 100, 10.0


def put_old(case: Case) -> Snapshot:
    """Have the old document written, and look at it."""
    case.require_ok(case.publish(case.target, OLD), "the first write")
    return snapshot(case.target)


def require_written(case: Case, answer: Answer, what: str) -> None:
    """Raise Violation unless the answer is ok, and the target holds the new document, without a temp beside it."""
    case.require_ok(answer, what)
    case.require_holds(case.target, NEW)
    case.require_listing(case.folder, {case.target.name}, f"after {what}")


def require_untouched(case: Case, before: Snapshot, answer: Answer, what: str) -> None:
    """Raise Violation unless the answer is ``io`` and the target is as it was."""
    case.require_io(answer, what)
    changed = before.difference(snapshot(case.target))
    if changed:
        raise Violation(f"{what}: answered io, but the target changed: {changed}")


def require_next_write(case: Case) -> None:
    """Raise Violation unless a write works once nothing is held any more."""
    case.require_ok(case.publish(case.target, NEXT), "the write after everything was released")
    case.require_holds(case.target, NEXT)


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Look every millisecond. Returns whether it happened in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


@pytest.mark.clause("WIN-01")
@pytest.mark.parametrize("share", ["read-write", "read", "none"])
def test_target_held_for_a_moment(case: Case, share: Sharing) -> None:
    """The 200 ms start when the temp appears, so that the replace falls within them."""
    put_old(case)
    standing = set(os.listdir(case.folder))  # the target, and what is kept beside it
    with Holder(case.target, share) as holder, ThreadPoolExecutor(1) as pool:
        write: Future[Answer] = pool.submit(case.publish, case.target, NEW)
        begun = wait_until(lambda: set(os.listdir(case.folder)) != standing or write.done(), TEMP_SECONDS)
        waiting = not wait_until(write.done, HELD_SECONDS)
        holder.release()
        answer = write.result()
    what = f"a write while the target is held for {HELD_SECONDS * 1000:.0f} ms"
    case.require_ok(answer, what)
    if not waiting:
        raise Violation(f"{what} was answered ok before the holder let go: the target cannot have been replaced")
    if not begun:
        raise Inconclusive(
            f"no temp was seen within {TEMP_SECONDS:g} s of the request, so the hold may have ended before the replace"
        )
    require_written(case, answer, what)


@pytest.mark.clause("WIN-02")
@pytest.mark.parametrize("share", ["read-write", "none"])
def test_target_held_for_ever(case: Case, share: Sharing) -> None:
    before = put_old(case)
    with Holder(case.target, share) as holder:
        answer = case.publish(case.target, NEW)
        left = set(os.listdir(case.folder)) - {case.target.name}
        holder.release()
    require_untouched(case, before, answer, "a write while the target is held for ever")
    if others := case.left(left, {case.target.name}):
        raise Violation(f"left behind when the answer came: {', '.join(sorted(others))}")
    require_next_write(case)


@pytest.mark.clause("WIN-02")
def test_error_is_the_systems_own(case: Case) -> None:
    """The message must make clear that another process holds the file."""
    if case.run.manifest.mode == "oneshot":
        raise Unmeasured("an exit code carries no message")
    put_old(case)
    with Holder(case.target, "read-write") as holder:
        answer = case.publish(case.target, NEW)
        holder.release()
    case.require_io(answer, "a write while the target is held for ever")
    if not answer.message:
        raise Unmeasured("the answer has no message that could name the error")
    if not names_a_holder(answer.message):
        raise Violation(
            f"the message does not name the error of the replace (access denied, or held): {answer.message}"
        )


def write_while_temps_are_held(case: Case, seconds: float | None) -> tuple[Snapshot, Answer]:
    """Write while every new file is held as soon as it is seen. Returns what the target was before, and the answer.

    Raises Unmeasured when no temp can be held.
    """
    for _ in range(ATTEMPTS):
        before = put_old(case)
        with Holder(case.folder, "read-write", seconds=seconds, appearing=True) as holder:
            answer = case.publish(case.target, NEW)
            holder.release()
        if holder.held:
            return before, answer
        case.require_ok(answer, "a write whose temp was not held")
    if holder.refused:
        raise Unmeasured("its temps are not shared with other processes, so none can be held")
    raise Inconclusive(f"no temp was seen in {ATTEMPTS} writes")


@pytest.mark.clause("WIN-03")
def test_temp_held_for_a_moment(case: Case) -> None:
    _, answer = write_while_temps_are_held(case, HELD_SECONDS)
    require_written(case, answer, f"a write whose temp is held for {HELD_SECONDS * 1000:.0f} ms")


@pytest.mark.clause("WIN-03")
def test_temp_held_for_ever(case: Case) -> None:
    before, answer = write_while_temps_are_held(case, None)
    require_untouched(case, before, answer, "a write whose temp is held for ever")
    require_next_write(case)


@pytest.mark.clause("WIN-04")
def test_read_only_target(case: Case) -> None:
    put_old(case)
    case.target.chmod(0o444)
    before = snapshot(case.target)
    answer = case.publish(case.target, NEW)
    if answer.ok:
        require_written(case, answer, "a write to a read-only target")
    else:
        require_untouched(case, before, answer, "a write to a read-only target")
        case.require_listing(case.folder, {case.target.name}, "after the failed write")
    case.target.chmod(0o666)


@pytest.mark.clause("WIN-04")
def test_read_only_target_is_never_missing(case: Case) -> None:
    """Deleting it first leaves a moment in which the target is neither old nor new."""
    put_old(case)
    deadline = time.monotonic() + READ_ONLY_SECONDS
    with polled_for_existence(case) as polls:
        for sequence in range(READ_ONLY_WRITES):
            case.target.chmod(0o444)
            case.publish(case.target, make_status(0, sequence, 500))
            polls.writes += 1
            if time.monotonic() > deadline:
                break
    case.target.chmod(0o666)
    polls.require_never_missing()


# Not AUX, COM1 or LPT1: a device may be attached to them.
RESERVED = {
    "nul": "NUL",
    "nul-with-extension": "nul.json",
    "con": "CON",
    "con-with-extension": "CON.json",
    "trailing-dot": "status.json.",
    "trailing-space": "status.json ",
    "stream": "status.json:stream",
    "wildcard": "status?.json",
}


@pytest.mark.clause("WIN-06")
@pytest.mark.parametrize("kind", RESERVED)
def test_reserved_name(case: Case, kind: str) -> None:
    name = RESERVED[kind]
    # Not through pathlib: the path must be exactly this text.
    answer = case.publish(f"{case.folder}{os.sep}{name}", NEW)
    require_exactly(case, answer, case.folder, name)


def require_exactly(case: Case, answer: Answer, folder: Path, name: str) -> None:
    """Raise Violation unless the folder holds this document under this name and nothing else, or it was refused."""
    names = set(os.listdir(verbatim(folder)))
    if not answer.ok:
        if answer.error not in ("io", "invalid", "refused"):
            raise Violation(f"a write to {name!r} was answered with {answer.error}: {answer.message}")
        if left := case.left(names, {name}):
            raise Violation(f"a write to {name!r} was refused, but left {sorted(left)}")
        return
    if name not in names or case.left(names, {name}):
        raise Violation(f"a write to {name!r} was answered ok, but the folder holds {sorted(names)}")
    case.require_holds(verbatim(folder / name), NEW)


def folder_of_length(folder: Path, length: int) -> Path:
    """Make a sub-folder whose path has ``length`` characters. Raises Unmeasured when that of ``folder`` is too long."""
    room = length - len(str(folder))
    if room < 2:
        raise Unmeasured(f"the path of the case's folder is already too long: {folder}; choose another with --dir")
    while room > 1:
        part = min(room - 1, 100) if room - 1 != 101 else 99
        folder = folder / ("d" * part)
        verbatim(folder).mkdir()
        room -= part + 1
    return folder


@pytest.mark.clause("WIN-06")
@pytest.mark.parametrize("length", [240, 255, 258])
def test_path_below_the_limit(case: Case, length: int) -> None:
    """The target's path stays below the 260 characters that every program may use; the temp's must fit them, too."""
    folder = folder_of_length(case.folder, length - len("/status.json"))
    case.require_ok(case.publish(folder / "status.json", NEW), f"a write to a path of {length} characters")
    require_exactly(case, case.publish(folder / "status.json", NEW), folder, "status.json")


@pytest.mark.clause("WIN-06")
@pytest.mark.parametrize("length", [261, 400])
def test_path_beyond_the_limit(case: Case, length: int) -> None:
    folder = folder_of_length(case.folder, length - len("/status.json"))
    answer = case.publish(folder / "status.json", NEW)
    require_exactly(case, answer, folder, "status.json")
