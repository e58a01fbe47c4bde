"""FLT without tracing: real faults that programs in every language meet.

A natural fault is set up from outside (a limit, a mount, a permission): it happens in the kernel, in any language.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError, NotApplicable, Unmeasured, Violation
from conformance.oracle.document import require_values, shown
from conformance.oracle.inotify import FolderWatch, writes_to
from conformance.oracle.payload import encode, make_status
from conformance.oracle.snapshot import Snapshot, snapshot
from conformance.runner.case import Case
from conformance.runner.keeps import NAME, undeclared
from conformance.subject.children import process_tree
from conformance.subject.client import Implementation
from conformance.subject.protocol import Answer
from conformance.suite.helpers.launch_prefixes import (
    bind_mounted,
    file_size_limited,
    small_file_system,
    without_permission_override,
)
from conformance.system.error_names import names_error

OLD, NEW, NEXT = make_status(0, 1), make_status(0, 2), make_status(0, 3)
LARGE = make_status(0, 4, 256 * 1024)
LIMIT = 255  # KiB: no multiple of the pieces that programs write, so that the last of them is cut short
_PAGE = b"\0" * 4096


@dataclass(frozen=True)
class Fault:
    """Which process writes what and where, how to cause the fault, and how to remove it again."""

    writer: Implementation
    target: Path
    status: dict[str, Any]
    next_target: Path
    arm: Callable[[], None] = lambda: None
    lift: Callable[[], None] = lambda: None
    root: str = ""  # the kit puts this before a path to see the writer's file system

    def seen(self, path: Path) -> Path:
        """The path as the kit sees it."""
        return Path(f"{self.root}{path}")


def file_too_large(case: Case) -> Fault:
    """write(2): short, then EFBIG."""
    writer = case.start_in(file_size_limited(LIMIT), ignore_signals=True)
    case.require_ok(case.publish(case.target, OLD, by=writer))
    return Fault(writer, case.target, LARGE, case.target)


def disk_full(case: Case) -> Fault:
    """write(2): short, then ENOSPC, on a real file system of 64 KiB that only the writer has."""
    if case.run.manifest.mode == "oneshot":
        raise Unmeasured("the small file system lives in one process; mode oneshot has one process per request")
    folder = case.folder / "small"
    folder.mkdir()
    target = folder / "status.json"
    writer = case.start_in(small_file_system(folder, 64))
    root = f"/proc/{writer.pid}/root"
    if not os.access(f"{root}{folder}", os.R_OK):
        raise Unmeasured("the folder of another mount namespace cannot be seen here: run as root")
    answer = case.publish(target, OLD, by=writer)
    if not answer.ok and names_error(answer.message, errno.EXDEV):
        raise Unmeasured(f"its temp is on another file system (see VIS-02): {answer.message}")
    case.require_ok(answer, "a small write on a small file system")
    return Fault(writer, target, LARGE, target, root=root)


def no_room_at_all(case: Case) -> Fault:
    """write(2), or what a buffered writer calls only in its close: ENOSPC for the first byte of a usual document."""
    fault = disk_full(case)
    filler = fault.seen(fault.target.parent) / "filler"

    def arm() -> None:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(_PAGE):
                pass
        free = shutil.disk_usage(filler.parent).free
        if free:
            raise Unmeasured(f"the small file system could not be filled: {free} bytes are free")

    return dataclasses.replace(fault, status=NEW, arm=arm, lift=filler.unlink)


def folder_not_writable(case: Case) -> Fault:
    """open(2) with O_CREAT: EACCES."""
    folder = case.folder / "closed"
    folder.mkdir()
    target = folder / "status.json"
    writer = case.start_in(without_permission_override())
    case.require_ok(case.publish(target, OLD, by=writer))
    return Fault(writer, target, NEW, target, lambda: folder.chmod(0o555), lambda: folder.chmod(0o755))


def no_descriptor(case: Case) -> Fault:
    """open(2): EMFILE."""
    if not sys.platform.startswith("linux"):
        raise Unmeasured("needs prlimit(2), which only Linux has")
    if case.run.manifest.mode == "oneshot":
        raise NotApplicable("a process per request opens its files before it can be limited")
    import resource

    writer = case.start()
    case.require_ok(case.publish(case.target, OLD, by=writer))
    pid = writer.pid
    assert pid is not None
    limits: dict[int, tuple[int, int]] = {}

    def arm() -> None:
        for process in process_tree(pid):
            used = {int(name) for name in os.listdir(f"/proc/{process.pid}/fd")}
            lowest_free = next(number for number in range(len(used) + 1) if number not in used)
            try:
                limits[process.pid] = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
                resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (lowest_free, limits[process.pid][1]))
            except PermissionError as error:
                raise Unmeasured("the limits of another user's process need CAP_SYS_RESOURCE") from error

    def lift() -> None:
        for number, limit in limits.items():
            with contextlib.suppress(ProcessLookupError):  # it gave no answer and was killed
                resource.prlimit(number, resource.RLIMIT_NOFILE, limit)

    return Fault(writer, case.target, NEW, case.target, arm, lift)


def folder_at_the_target(case: Case) -> Fault:
    """rename(2): EISDIR."""
    target = case.folder / "folder"
    target.mkdir()
    (target / "kept.txt").write_bytes(b"kept")
    return Fault(case.start(), target, NEW, case.target)


def mounted_target(case: Case) -> Fault:
    """rename(2): EBUSY."""
    case.require_ok(case.publish(case.target, OLD))
    return Fault(case.start_in(bind_mounted(case.target)), case.target, NEW, case.folder / "other.json")


def name_too_long(case: Case) -> Fault:
    """open(2) or rename(2): ENAMETOOLONG."""
    return Fault(case.start(), case.folder / ("n" * 256), NEW, case.target)


FAULTS = {
    "file-too-large": file_too_large,
    "disk-full": disk_full,
    "no-room-at-all": no_room_at_all,
    "folder-not-writable": folder_not_writable,
    "no-descriptor": no_descriptor,
    "folder-at-the-target": folder_at_the_target,
    "mounted-target": mounted_target,
    "name-too-long": name_too_long,
}


@dataclass(frozen=True)
class Outcome:
    """What a natural fault did."""

    answer: Answer
    before: Snapshot
    after: Snapshot
    listing_before: frozenset[str]
    listing_after: frozenset[str]
    descriptors: tuple[int | None, int | None]
    status: dict[str, Any]


def fire(case: Case, fault: Fault) -> Outcome:
    """Write once while the fault is in force."""
    case.hand_over()
    folder = fault.seen(fault.target.parent)
    before, listing = _seen(fault.seen(fault.target)), frozenset(os.listdir(folder))
    descriptors = descriptor_count(fault.writer)
    fault.arm()
    try:
        answer = case.publish(fault.target, fault.status, by=fault.writer)
    finally:
        fault.lift()
    after = _seen(fault.seen(fault.target))
    case.patience.until_gone(lambda: sorted(kept_out(case, fault, frozenset(os.listdir(folder)) - listing)))
    counts = descriptors, descriptors_after(case, fault, descriptors)
    return Outcome(answer, before, after, listing, frozenset(os.listdir(folder)), counts, fault.status)


def descriptors_after(case: Case, fault: Fault, before: int | None) -> int | None:
    """How many descriptors are open, once threads that work on after the answer have closed theirs."""
    if before is None:
        return None
    return before + case.patience.surplus(lambda: descriptor_count(fault.writer) or 0, before)


def kept_out(case: Case, fault: Fault, names: frozenset[str]) -> frozenset[str]:
    """The names without those of files that are kept beside a target."""
    return case.left(names, {fault.target.name, fault.next_target.name})


def fire_and_survive(case: Case, fault: Fault) -> Outcome:
    """As `fire`. Raises Unmeasured when no answer came, which FLT-01 judges."""
    try:
        return fire(case, fault)
    except ImplementationError as error:
        raise Unmeasured(f"the fault was not answered (see FLT-01): {error}") from error


def require_failed_cleanly(outcome: Outcome) -> None:
    """The answer must be ``io`` (which proves that the fault fired), and the target must be untouched."""
    if outcome.answer.ok or outcome.answer.error not in ("io", "refused"):
        said = "ok" if outcome.answer.ok else outcome.answer.error
        data = outcome.after.data
        raise Violation(f"{what_became_of(outcome)}, and answered {said}", target=shown(data or b""))
    if changed := outcome.before.difference(outcome.after):
        harm = "" if outcome.after.data == outcome.before.data else f"{what_became_of(outcome)}, and "
        raise Violation(f"{harm}answered io, but the target changed: {changed}")


def what_became_of(outcome: Outcome) -> str:
    """The harm that a write has done which cannot succeed by a replace, in words."""
    before, after = outcome.before, outcome.after
    if not after.exists:
        new = sorted(outcome.listing_after - outcome.listing_before)
        if new:
            return f"published elsewhere, under the name {', '.join(new)[:80]}"
        return "lost the target" if before.exists else "wrote nothing"
    if after.data is None:
        return f"left the target as it was: {after.what} is there, and no file"
    if holds(after, outcome.status):
        return "wrote the document in place, although no replace can succeed"
    return "wrote nothing" if before == after else "left the target torn: bytes that are not one whole document"


def holds(found: Snapshot, status: dict[str, Any]) -> bool:
    """Whether a file is this document, by value."""
    try:
        require_values(found.data or b"", status)
    except Violation:
        return False
    return True


def require_failed(outcome: Outcome) -> None:
    """What comes after a failure can only be judged when there was one."""
    if outcome.answer.ok:
        raise Unmeasured("the write was answered ok, so nothing failed (see FLT-01)")


def _seen(path: Path) -> Snapshot:
    # A name that is too long for the file system cannot even be looked at.
    return snapshot(path) if len(os.fsencode(path.name)) <= 255 else Snapshot(exists=False)


def descriptor_count(implementation: Implementation) -> int | None:
    """How many descriptors the process has open; None when there is one process per request."""
    if implementation.pid is None or sys.platform == "win32":
        return None
    return sum(process.num_fds() for process in process_tree(implementation.pid))


@pytest.mark.clause("FLT-01")
@pytest.mark.parametrize("name", FAULTS)
def test_answer_is_true(case: Case, name: str) -> None:
    outcome = fire(case, FAULTS[name](case))
    if outcome.answer.ok and holds(outcome.after, outcome.status):
        raise Unmeasured("the answer ok is true: the write succeeded, not by a replace (see VIS-01, MET-09, MET-10)")
    require_failed_cleanly(outcome)


@pytest.mark.clause("FLT-01")
def test_without_a_fault(case: Case) -> None:
    """Answering io without any fault is as wrong as answering ok after one."""
    for status in (OLD, NEW):
        case.require_ok(case.publish(case.target, status), "a write without any fault")
        case.require_holds(case.target, status)


CHANGES: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "emptied": lambda target: target.write_bytes(b""),
    "older": lambda target: target.write_text(encode(OLD), encoding="utf-8"),
    "blanked": lambda target: target.write_bytes(b" " * target.stat().st_size),  # its size says nothing
}


@pytest.mark.clause("FLT-01")
@pytest.mark.parametrize("change", CHANGES)
def test_same_document_again(case: Case, change: str) -> None:
    """What a writer remembers of its last write says nothing about what the file is now."""
    for _ in range(2):
        case.require_ok(case.publish(case.target, NEW))
        CHANGES[change](case.target)
        case.require_ok(case.publish(case.target, NEW), f"the same document again, after the target was {change}")
        found = snapshot(case.target).data
        if found is None:
            raise Violation(f"answered ok to the same document again, but the target, which was {change}, is missing")
        case.require_holds(case.target, NEW)


@pytest.mark.clause("FLT-02")
@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_left(case: Case, name: str) -> None:
    fault = FAULTS[name](case)
    # Descriptors are counted around the second failure: what a runtime opens for its first one is not a leak.
    first, second = fire_and_survive(case, fault), fire_and_survive(case, fault)
    require_failed(second)
    left = kept_out(case, fault, second.listing_after - first.listing_before)
    if left:
        raise Violation(f"left behind after a failed write: {', '.join(sorted(left))}")
    before, after = second.descriptors
    if before is not None and after is not None and after > before:
        raise Violation(f"{before} descriptors were open before the failed write, {after} after it")


@pytest.mark.clause("FLT-02")
def test_only_declared_files_are_kept(case: Case) -> None:
    """A file that stays after every write is not judged by the other clauses: the manifest has to declare it."""
    for status in (OLD, NEW, NEXT):
        case.require_ok(case.publish(case.target, status))
    found = undeclared(case.run)
    if found:
        line = f"keeps = {json.dumps([*case.run.manifest.keeps, *found])}"
        raise Violation(
            f"after every write, also a successful one, there is a file beside the target: {', '.join(found)} "
            f"({NAME} is the target's name); if it is meant to stay, the manifest must say so: [declares] {line}"
        )


@pytest.mark.clause("FLT-03")
@pytest.mark.parametrize("name", FAULTS)
def test_next_write_works(case: Case, name: str) -> None:
    fault = FAULTS[name](case)
    require_failed(fire_and_survive(case, fault))
    answer = case.publish(fault.next_target, NEXT, by=fault.writer)
    case.require_ok(answer, "the write after a failed one")
    case.require_holds(fault.seen(fault.next_target), NEXT)


@pytest.mark.clause("FLT-06")
def test_mounted_target_is_not_copied_onto(case: Case) -> None:
    """EBUSY; EXDEV cannot happen within one folder unless it is injected."""
    require_failed_cleanly(fire_and_survive(case, mounted_target(case)))


@pytest.mark.clause("FLT-06")
def test_temporary_folder_on_another_file_system(case: Case) -> None:
    """EXDEV as users meet it: TMPDIR is a tmpfs of its own. A writer that makes no temp there is not affected."""
    case.require_ok(case.publish(case.target, OLD))
    folder = case.folder / "temporary"
    folder.mkdir()
    writer = case.start_in(small_file_system(folder, 65_536), scratch=folder)
    before = snapshot(case.target)
    with FolderWatch(case.folder) as watch:
        answer = case.publish(case.target, NEW, by=writer)
        touched = writes_to(watch.events(), case.target.name)
    if touched:
        what = ", ".join(dict.fromkeys(event.kind for event in touched))
        raise Violation(f"with TMPDIR on another file system, the target itself was written to or removed: {what}")
    if answer.ok:
        case.require_holds(case.target, NEW)
    elif changed := before.difference(snapshot(case.target)):
        raise Violation(f"answered {answer.error}, but the target changed: {changed}")
