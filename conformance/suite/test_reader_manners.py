"""RDR-11…14: what a reader leaves alone, and how it copes with a busy writer."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.contract.errors import ImplementationError, Inconclusive, NotApplicable, Unmeasured, Violation
from conformance.oracle.inotify import FolderWatch
from conformance.oracle.payload import encode, identify_values, make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Case
from conformance.subject.children import process_tree
from conformance.subject.client import ServeImplementation
from conformance.suite.helpers.busy_writer import KitWriter, replace_patiently
from conformance.suite.helpers.launch_prefixes import without_owner_override, without_permission_override
from conformance.suite.support.reading import (
    DOCUMENT,
    SPOILS,
    STATUS,
    UNUSABLE,
    lost_by_poll,
    poll,
    polls_what_is_there,
    read,
    require_equal,
    require_not_of,
    require_null_for,
)
from conformance.system.file_kinds import NotAFile
from conformance.system.guarded_path import very_file
from conformance.system.share_modes import PAUSE_SECONDS, hold, read_shared

LIMIT_SECONDS = 1.0
ANOTHER = (12345, 23456)  # user and group
PATIENCE_SECONDS = 30.0
OVERLAPS = 30  # writes, each during a read
DISTINCT = 20  # documents that must be seen for a run to mean anything
NEIGHBOURS = (
    *("status.tmp", "status.json.tmp", ".status.json.tmp", ".status.json.0123456789abcdef.tmp", "status.json.new"),
    *("status.json.bak", "status.bak", "status.json~", "status.json.old", "status.json.orig", "status.json.backup"),
    *(
        "status.json.1",
        "status.json.prev",
        "status.json.last",
        "status.json.swp",
        "#status.json#",
        "status-backup.json",
    ),
)


@pytest.mark.clause("RDR-11")
def test_no_handle_is_kept(case: Case) -> None:
    pid = case.implementation.pid
    if pid is None:
        raise NotApplicable("a process per request keeps nothing")
    case.target.write_bytes(DOCUMENT)
    for _ in range(3):
        read(case)
        poll(case)
    require_nothing_held(pid, case.folder, "between two reads")
    (case.folder / "next").write_bytes(DOCUMENT)
    (case.folder / "next").replace(case.target)
    require_nothing_held(pid, case.folder, "after the file was replaced")
    case.target.write_bytes(b"{")
    poll(case)
    require_nothing_held(pid, case.folder, "after an invalid file was read")


@pytest.mark.clause("RDR-11")
@pytest.mark.parametrize("kind", [kind for kind in UNUSABLE if kind != "missing"])
def test_no_handle_is_kept_of_what_is_refused(case: Case, kind: str) -> None:
    """Each way out of a read has a close of its own, in many languages."""
    pid = case.implementation.pid
    if pid is None:
        raise NotApplicable("a process per request keeps nothing")
    case.target.write_bytes(DOCUMENT)
    UNUSABLE[kind](case.target)
    require_null_for(case, kind)
    # The null device may well be its standard input.
    before = open_and_mapped(pid).count(os.devnull) if kind == "device-null" else 0
    try:
        for _ in range(3):
            read(case)
            poll(case)
    except ImplementationError as error:
        raise Unmeasured(f"{kind}: {error} (see RDR-09)") from error
    require_nothing_held(pid, case.folder, f"after this was read: {kind}")
    if kind == "device-null" and open_and_mapped(pid).count(os.devnull) > before:
        raise Violation(f"{os.devnull} is still open after a link to it was read")


def require_nothing_held(pid: int, folder: Path, when: str) -> None:
    """Raise Violation when the process, or a child of it, has a file of the folder open or mapped, replaced or not."""
    if sys.platform == "win32":
        for path in filter(Path.is_file, folder.iterdir()):
            try:
                with hold(path, "none"):  # it cannot be opened unshared while any process has it open
                    pass
            except PermissionError as error:
                raise Violation(f"a file is still open {when}", files=[str(path)]) from error
        return
    of_folder = [path for path in open_and_mapped(pid) if path.startswith(f"{folder}{os.sep}")]
    if of_folder:
        raise Violation(f"a file is still open or mapped {when}", files=of_folder)


def open_and_mapped(pid: int) -> list[str]:
    """What the process and its children have open or mapped, by the names that the system has for it."""
    held: list[str] = []
    for process in process_tree(pid):
        if sys.platform == "linux":
            descriptors = Path(f"/proc/{process.pid}/fd")
            held += [os.readlink(descriptors / name) for name in os.listdir(descriptors)]
            maps = Path(f"/proc/{process.pid}/maps").read_text(errors="replace")
            held += [line.split(maxsplit=5)[-1] for line in maps.splitlines()]
        else:
            try:
                held += [entry.path for entry in process.open_files()]
            except psutil.AccessDenied as error:
                raise Unmeasured(f"the open files of a process cannot be listed here: {error}") from error
    return held


@pytest.mark.clause("RDR-12")
@pytest.mark.parametrize("kind", ["valid", "invalid", "missing"])
def test_nothing_is_written(case: Case, kind: str) -> None:
    if kind != "missing":
        case.target.write_bytes(DOCUMENT if kind == "valid" else DOCUMENT[:-1])
    case.hand_over()
    before = snapshot(case.target)
    read(case)
    if case.run.manifest.mode != "oneshot":
        poll(case)
    changed = before.difference(snapshot(case.target))
    if changed:
        raise Violation(f"reading changed the target: {changed}")
    case.require_listing(
        case.folder,
        {case.target.name} - ({case.target.name} if kind == "missing" else set()),
        "after reading",
    )


@pytest.mark.clause("RDR-12")
def test_permission_to_read_is_enough(case: Case) -> None:
    """A file and a folder without write permission."""
    reader = case.start_in(without_permission_override())
    case.target.write_bytes(DOCUMENT)
    case.target.chmod(0o444)
    case.folder.chmod(0o555)
    answer = case.request("read", reader, path=str(case.target))
    case.folder.chmod(0o755)
    require_equal(answer.fields.get("status"), STATUS, "a read-only file in a read-only folder")


@pytest.mark.clause("RDR-12")
def test_file_of_another_user(case: Case) -> None:
    """A panel runs as a user of its own, to whom the system refuses what only the owner may ask for, as O_NOATIME."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no owners of this kind")
    if os.geteuid() != 0:
        raise Unmeasured("only root can give a file to another user: run as root")
    reader = case.start_in(without_owner_override())
    case.target.write_bytes(DOCUMENT)
    case.target.chmod(0o644)
    try:
        with very_file(case.target) as this:
            os.chown(this, *ANOTHER)
    except NotAFile:
        raise
    except OSError as error:  # in a user namespace most owners do not exist
        raise Unmeasured(f"root cannot give files to {ANOTHER} here: {error}") from error
    answer = case.request("read", reader, path=str(case.target))
    require_equal(answer.fields.get("status"), STATUS, "a file that another user owns, and that all may read")


@pytest.mark.clause("RDR-12")
@pytest.mark.parametrize("kind", ["valid", "invalid"])
def test_nothing_is_made_meanwhile(case: Case, kind: str) -> None:
    """Files that are created and removed again during the read are seen too."""
    case.target.write_bytes(DOCUMENT if kind == "valid" else DOCUMENT[:-1])
    case.hand_over()
    with FolderWatch(case.folder) as watch:
        read(case)
        if case.run.manifest.mode != "oneshot":
            poll(case)
        changes = [str(event) for event in watch.events() if event.changes]
    if changes:
        raise Violation("reading left traces in the folder", events=changes)


@pytest.mark.clause("RDR-12")
@pytest.mark.parametrize("kind", ["flock", "lockf"])
def test_locks_are_ignored(case: Case, kind: str) -> None:
    """A reader that takes a lock waits for any process that holds one."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no advisory locks")
    import fcntl

    case.target.write_bytes(DOCUMENT)
    with case.target.open("r+b") as holder:
        (fcntl.flock if kind == "flock" else fcntl.lockf)(holder, fcntl.LOCK_EX)
        begin = time.monotonic()
        require_equal(read(case), STATUS, "a locked target")
        taken = time.monotonic() - begin
    if taken > LIMIT_SECONDS and case.run.manifest.mode != "oneshot":
        raise Violation(f"the read of a locked file took {taken:.2f} s")


PROGRESS = {
    "example": (2.5, 3.0, 250 / 3),
    "begin": (0.0, 3.0, 0.0),
    "end": (3.0, 3.0, 100.0),
    "beyond-the-end": (4.0, 3.0, 100.0),
    "far-beyond": (1e300, 1e-300, 100.0),
    "no-total": (0.0, 0.0, 0.0),
    "no-total-but-epochs": (5.0, 0.0, 0.0),
    "fraction": (0.5, 8.0, 6.25),
    "tiny": (1e-9, 1.0, 1e-7),
    "large": (1e300, 2e300, 50.0),
    "largest": (1e307, 1e308, 10.0),
}


@pytest.mark.clause("RDR-13")
@pytest.mark.parametrize("name", PROGRESS)
def test_progress(case: Case, name: str) -> None:
    if case.run.manifest.mode == "oneshot":
        raise NotApplicable("mode oneshot has no operation progress")
    epoch, total, expected = PROGRESS[name]
    answer = case.request("progress", status={**STATUS, "epoch": epoch, "total_epochs": total})
    found = answer.fields.get("progress")
    if not answer.ok or isinstance(found, bool) or not isinstance(found, int | float):
        raise Violation(f"progress of {epoch}/{total}: answered {found!r} {answer.message}, not a number")
    # The protocol's own example is rounded to two digits.
    if not 0 <= found <= 100 or abs(found - expected) > 0.01 or (total == 0 and found != 0):
        raise Violation(f"progress of {epoch}/{total} is {found!r}; expected {expected:.2f}")


@pytest.mark.clause("RDR-14")
@pytest.mark.parametrize("size", [256, 4096, 1 << 18])
def test_never_torn_while_a_writer_runs(case: Case, size: int) -> None:
    """The kit replaces the target as fast as it can; every status that a reader gives must be a whole one of them."""
    enough = 60 if case.run.manifest.mode == "oneshot" else 400 if size < 1 << 16 else 150
    polls = case.run.manifest.mode != "oneshot" and polls_what_is_there(case)
    seen: list[int] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    with KitWriter(case.target, size) as writer:
        while time.monotonic() < deadline and (len(seen) < enough or len(set(seen)) < DISTINCT):
            time.sleep(PAUSE_SECONDS)
            there = sequence_at(case.target)
            if seen and there < seen[-1]:
                raise Violation(f"future: document {seen[-1]} was read, and after that the target held {there}")
            operation = "poll" if polls and len(seen) % 2 else "read"
            found = read(case) if operation == "read" else poll(case)[0]
            if found is None:
                raise Violation(f"{operation} {len(seen)} gave null, although the target always held a whole document")
            _, sequence = identify_values(found)
            if sequence < there:
                raise Violation(f"stale: a {operation} gave document {sequence} after the target held document {there}")
            seen.append(sequence)
        published = writer.stop()
    require_last(read(case), published - 1, "the read after the last write")
    if polls:
        require_last(poll(case)[0], published - 1, "the poll after the last write")
    if len(set(seen)) < DISTINCT:
        raise Inconclusive(
            f"only {len(set(seen))} distinct documents in {len(seen)} reads of {published} published ones; "
            f"at least {DISTINCT} are needed: run it again on a less busy machine"
        )
    if seen[-1] >= published:
        raise Violation(f"future: document {seen[-1]} was read, but only {published} were ever published")


def sequence_at(target: Path) -> int:
    """The number of the document that is at the target now, as the kit itself reads it."""
    while True:
        try:
            return identify_values(json.loads(read_shared(target)))[1]
        except PermissionError:
            if sys.platform != "win32":
                raise  # only on Windows does a replace in progress block a reader for a moment
            time.sleep(PAUSE_SECONDS)


def require_last(found: Any, sequence: int, when: str) -> None:
    """Raise Violation unless a reader's answer is the document of this number."""
    number = None if found is None else identify_values(found)[1]
    if number != sequence:
        raise Violation(f"stale: {when} gave {'null' if number is None else f'document {number}'}, not {sequence}")


@pytest.mark.clause("RDR-14")
def test_write_during_a_read_is_seen_afterwards(case: Case) -> None:
    """What a cache gets wrong in that moment stays wrong when no other write follows."""
    running = case.implementation
    if not isinstance(running, ServeImplementation):
        raise NotApplicable("a process per request keeps nothing")
    documents = [encode(make_status(0, number, 1 << 15)).encode("utf-8") for number in range(1 + OVERLAPS)]
    case.target.write_bytes(documents[0])
    begin = time.monotonic()
    require_last(read(case), 0, "the first read")
    usual = time.monotonic() - begin
    next_document = case.folder / "next"
    for number in range(1, 1 + OVERLAPS):
        next_document.write_bytes(documents[number])
        read_number = running.send("read", path=str(case.target))
        time.sleep(usual * (number % 10) / 10)  # each tenth of a read has its turn
        replace_patiently(next_document, case.target)
        _, found = identify_values(running.receive(read_number).fields["status"])
        if found not in (number - 1, number):
            raise Violation(f"a read during write {number} gave document {found}")
        require_last(read(case), number, f"the read after write {number}, which happened during a read,")


@pytest.mark.clause("RDR-14")
@pytest.mark.parametrize("kind", ["valid", "missing", "cut", "empty", "invalid"])
def test_what_is_not_published_is_not_read(case: Case, kind: str) -> None:
    """A newer temp belongs to a write that is not finished, and may never be; a backup is history."""
    case.target.write_bytes(DOCUMENT)
    if kind != "valid":
        SPOILS[kind](case.target)
        require_null_for(case, kind)
    newer = time.time() + 10
    neighbours = {name: make_status(0, 100 + number) for number, name in enumerate(NEIGHBOURS)}
    for name, status in neighbours.items():
        (case.folder / name).write_bytes(encode(status).encode("utf-8"))
        with very_file(case.folder / name) as this:
            os.utime(this, (newer, newer))
    expected = STATUS if kind == "valid" else None
    found = read(case)
    require_not_of(neighbours, found, f"a read beside temps and backups ({kind} target)")
    require_equal(found, expected, f"temps and backups beside a target ({kind})")
    if case.run.manifest.mode != "oneshot":
        polled, _ = poll(case)  # what it says of its freshness is for RDR-09 and RDR-10
        require_not_of(neighbours, polled, f"a poll beside temps and backups ({kind} target)")
        require_equal(polled, expected, f"a poll of it ({kind})", lost_by_poll(kind == "valid"))
