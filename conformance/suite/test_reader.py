"""RDR: what a reader makes of whatever lies at the path."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.case import Case
from conformance.errors import Inconclusive, NotApplicable, Unmeasured, Violation
from conformance.kitwriter import KitWriter
from conformance.oracle import SIZE_LIMIT, shown, snapshot
from conformance.payload import encode, identify_values, make_status
from conformance.vectors import Vector, load_vectors
from conformance.watch import FolderWatch

STATUS = make_status(0, 3)
DOCUMENT = encode(STATUS).encode("utf-8")
VALID, INVALID, EITHER = (load_vectors(kind) for kind in ("valid", "invalid", "either"))
# RDR-06 is about the invalid vectors that are hard on a parser; the others are RDR-05's.
HARD = tuple(v for v in INVALID if v.layer == "depth" or "digits" in v.name)
PLAIN_INVALID = tuple(v for v in INVALID if v not in HARD)
LIMIT_SECONDS = 1.0


def names(vectors: tuple[Vector, ...]) -> pytest.MarkDecorator:
    """Parametrize with vectors, each by its name."""
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector.name) for vector in vectors])


def read(case: Case, path: Path | None = None) -> Any:
    """What the implementation reads. Raises Violation when it answers with a failure: a reader never fails."""
    answer = case.request("read", path=str(path or case.target))
    if not answer.ok or "status" not in answer.fields:
        raise Violation(
            f"read was answered with {answer.error or 'no status'}: {answer.message}; expected a status or null"
        )
    return answer.fields["status"]


def poll(case: Case, path: Path | None = None) -> tuple[Any, Any]:
    """What the implementation polls: (status, fresh)."""
    answer = case.request("poll", path=str(path or case.target))
    if not answer.ok or not {"status", "fresh"} <= answer.fields.keys():
        raise Violation(f"poll was answered with {answer.error or 'no status or fresh'}: {answer.message}")
    return answer.fields["status"], answer.fields["fresh"]


def require_poll(case: Case, expected: Mapping[str, Any] | None, fresh: bool, when: str) -> None:
    """Raise Violation unless poll gives this status and this freshness."""
    status, said_fresh = poll(case)
    require_equal(status, expected, when)
    if said_fresh is not fresh:
        raise Violation(f"{when}: poll says fresh = {said_fresh!r}, expected {fresh!r}")


def require_equal(found: Any, expected: Mapping[str, Any] | None, when: str) -> None:
    """Raise Violation unless a reader's answer has exactly these values, numbers as numbers and text as text."""
    if expected is None:
        if found is not None:
            raise Violation(f"{when}: expected null", found=found)
        return
    same = (
        isinstance(found, dict)
        and found.keys() == expected.keys()
        and all(
            found[name] == value
            and isinstance(found[name], str) == isinstance(value, str)
            and not isinstance(found[name], bool)
            for name, value in expected.items()
        )
    )
    if not same:
        raise Violation(f"{when}: the values are not those of the document", expected=dict(expected), found=found)


@pytest.mark.clause("RDR-01")
@names(VALID)
def test_valid(case: Case, vector: Vector) -> None:
    shutil.copyfile(vector.path, case.target)
    require_equal(read(case), vector.expected, vector.reason)


@pytest.mark.clause("RDR-01")
@names(EITHER)
def test_either(case: Case, vector: Vector) -> None:
    """A reader may take it or not; if it does, the values must be right."""
    shutil.copyfile(vector.path, case.target)
    found = read(case)
    if found is not None:
        require_equal(found, vector.expected, vector.reason)


@pytest.mark.clause("RDR-02")
def test_missing(case: Case) -> None:
    require_equal(read(case), None, "no file")
    require_equal(read(case, case.folder / "no-folder" / "status.json"), None, "no folder")
    case.require_listing(case.folder, set(), "after reading what is missing")


@pytest.mark.clause("RDR-03")
def test_empty(case: Case) -> None:
    case.target.write_bytes(b"")
    require_equal(read(case), None, "an empty file")


@pytest.mark.clause("RDR-04")
def test_cut_at_every_byte(case: Case) -> None:
    document = encode({**STATUS, "message": "эпоха 🎉 " + STATUS["message"]}).encode("utf-8")
    for length in range(len(document)):
        case.target.write_bytes(document[:length])
        require_equal(read(case), None, f"a document cut after {length} of {len(document)} bytes")
    case.target.write_bytes(document)
    if read(case) is None:
        raise Violation("the whole document is not read", bytes=shown(document))


@pytest.mark.clause("RDR-05")
@names(PLAIN_INVALID)
def test_invalid(case: Case, vector: Vector) -> None:
    shutil.copyfile(vector.path, case.target)
    require_equal(read(case), None, vector.reason)


@pytest.mark.clause("RDR-06")
@names(HARD)
def test_hard_on_the_parser(case: Case, vector: Vector) -> None:
    shutil.copyfile(vector.path, case.target)
    require_equal(read(case), None, vector.reason)
    case.target.write_bytes(DOCUMENT)
    require_equal(read(case), STATUS, "the next read")


def require_null_in_time(case: Case, path: Path, what: str) -> None:
    """Null within 1 s; in mode oneshot the time that any request takes is not counted."""
    begin = time.monotonic()
    require_equal(read(case, case.folder / "nothing-here"), None, "no file")
    usual = time.monotonic() - begin if case.run.manifest.mode == "oneshot" else 0.0
    begin = time.monotonic()
    require_equal(read(case, path), None, what)
    taken = time.monotonic() - begin - usual
    if taken > LIMIT_SECONDS:
        raise Violation(f"{what}: null came after {taken:.2f} s; the limit is {LIMIT_SECONDS:g} s")


@pytest.mark.clause("RDR-07")
def test_one_byte_over_the_limit(case: Case) -> None:
    room = SIZE_LIMIT + 1 - len(encode({**STATUS, "message": ""}))
    case.target.write_bytes(encode({**STATUS, "message": "x" * room}).encode("ascii"))
    require_null_in_time(case, case.target, f"a valid document of {case.target.stat().st_size} bytes")


@pytest.mark.clause("RDR-07")
def test_at_the_limit(case: Case) -> None:
    room = SIZE_LIMIT - len(encode({**STATUS, "message": ""}))
    status = {**STATUS, "message": "x" * room}
    case.target.write_bytes(encode(status).encode("ascii"))
    require_equal(read(case), status, "a valid document of exactly 1 MiB")


@pytest.mark.clause("RDR-07")
def test_ten_gigabytes(case: Case) -> None:
    with case.target.open("wb") as file:
        file.write(DOCUMENT)
        try:
            file.truncate(10 * 1024**3)
        except OSError as error:
            raise Unmeasured(f"a sparse file of 10 GB cannot be made here: {error}") from error
    require_null_in_time(case, case.target, "a file of 10 GB")


def make_fifo(path: Path) -> None:
    """A FIFO that nobody writes to."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no FIFO in a folder")
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """A socket; its own path would be too long for the system, so it is made by a relative name."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no socket in a folder")
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{folder}/{path.name}")
        except OSError as error:
            raise Unmeasured(f"a socket cannot be made here: {error}") from error
        finally:
            os.close(folder)


def link_to(destination: str, path: Path) -> None:
    """A symbolic link."""
    try:
        path.symlink_to(destination)
    except OSError as error:
        raise Unmeasured(f"symbolic links cannot be made here: {error}") from error


def link_to_device(name: str, path: Path) -> None:
    """A symbolic link to a device that never ends, or never begins."""
    if not Path(name).exists():
        raise Unmeasured(f"there is no {name} here")
    link_to(name, path)


ODDITIES = {
    "fifo": make_fifo,
    "folder": lambda path: path.mkdir(),
    "device-zero": lambda path: link_to_device("/dev/zero", path),
    "device-null": lambda path: link_to_device("/dev/null", path),
    "dangling-link": lambda path: link_to("nowhere.json", path),
    "link-to-itself": lambda path: link_to(path.name, path),
    "socket": make_socket,
}


@pytest.mark.clause("RDR-08")
@pytest.mark.parametrize("kind", ODDITIES)
def test_not_a_regular_file(case: Case, kind: str) -> None:
    ODDITIES[kind](case.target)
    require_null_in_time(case, case.target, kind)
    case.require_listing(case.folder, {case.target.name}, "after the read")


@pytest.mark.clause("RDR-08")
def test_file_instead_of_a_folder(case: Case) -> None:
    (case.folder / "file").write_bytes(DOCUMENT)
    require_null_in_time(case, case.folder / "file" / "status.json", "a path through a file")


def replace_by_folder(path: Path) -> None:
    """Put a folder in the place of the file."""
    path.unlink()
    path.mkdir()


def put(data: bytes) -> Callable[[Path], object]:
    """Write these bytes."""
    return lambda path: path.write_bytes(data)


SPOILS: dict[str, Callable[[Path], object]] = {
    "empty": put(b""),
    "cut": put(DOCUMENT[: len(DOCUMENT) // 2]),
    "missing": Path.unlink,
    "invalid": put(DOCUMENT.replace(b'"loss":', b'"lossy":')),
    "too-large": put(DOCUMENT + b" " * SIZE_LIMIT),
    "folder": replace_by_folder,
}


@pytest.mark.clause("RDR-09")
@pytest.mark.parametrize("kind", SPOILS)
def test_last_valid_is_kept(case: Case, kind: str) -> None:
    case.target.write_bytes(DOCUMENT)
    require_poll(case, STATUS, True, "a valid document")
    SPOILS[kind](case.target)
    for attempt in ("first", "second"):
        require_poll(case, STATUS, False, f"the {attempt} poll after: {kind}")


@pytest.mark.clause("RDR-09")
def test_nothing_valid_yet(case: Case) -> None:
    require_poll(case, None, False, "no file, and never one")
    case.target.write_bytes(b"{")
    require_poll(case, None, False, "an invalid file, and never a valid one")


@pytest.mark.clause("RDR-09")
def test_two_paths_are_kept_apart(case: Case) -> None:
    other = case.folder / "other.json"
    case.target.write_bytes(DOCUMENT)
    require_poll(case, STATUS, True, "a valid document")
    status, fresh = poll(case, other)
    if status is not None or fresh:
        raise Violation("poll of a missing file returned the status of another path", found=status, fresh=fresh)


@pytest.mark.clause("RDR-10")
@pytest.mark.parametrize("kind", SPOILS)
def test_recovers(case: Case, kind: str) -> None:
    later = make_status(0, 9)
    case.target.write_bytes(DOCUMENT)
    require_poll(case, STATUS, True, "a valid document")
    SPOILS[kind](case.target)
    require_poll(case, STATUS, False, kind)
    if case.target.is_dir():
        case.target.rmdir()
    (case.folder / "next").write_bytes(encode(later).encode("utf-8"))
    (case.folder / "next").replace(case.target)
    require_poll(case, later, True, "the next valid document")


@pytest.mark.clause("RDR-10")
def test_same_size_and_time_is_noticed(case: Case) -> None:
    """A reader that looks at size and modification time only misses a write within one tick (F36)."""
    documents = [encode({**STATUS, "loss": loss}).encode("utf-8") for loss in (0.25, 0.75)]
    for document in documents:
        case.target.write_bytes(document)
        os.utime(case.target, ns=(10**18, 10**18))
        require_poll(case, json.loads(document), True, "a document of the same size and time")


@pytest.mark.clause("RDR-11")
def test_no_handle_is_kept(case: Case) -> None:
    pid = case.implementation.pid
    if pid is None:
        raise NotApplicable("a process per request keeps nothing")
    case.target.write_bytes(DOCUMENT)
    for _ in range(3):
        read(case)
        poll(case)
    try:
        kept = [entry.path for entry in psutil.Process(pid).open_files() if Path(entry.path).parent == case.folder]
    except psutil.AccessDenied as error:
        raise Unmeasured(f"the open files of a process cannot be listed here: {error}") from error
    if kept:
        raise Violation("a file is still open between two reads", files=kept)
    case.target.write_bytes(b"{")
    poll(case)
    kept = [entry.path for entry in psutil.Process(pid).open_files() if Path(entry.path).parent == case.folder]
    if kept:
        raise Violation("an invalid file is still open after it was read", files=kept)


@pytest.mark.clause("RDR-12")
@pytest.mark.parametrize("kind", ["valid", "invalid", "missing"])
def test_nothing_is_written(case: Case, kind: str) -> None:
    if kind != "missing":
        case.target.write_bytes(DOCUMENT if kind == "valid" else DOCUMENT[:-1])
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
def test_nothing_is_made_meanwhile(case: Case) -> None:
    """What is made and removed again within the read is seen too."""
    case.target.write_bytes(DOCUMENT)
    with FolderWatch(case.folder) as watch:
        read(case)
        events = watch.events()
    if events:
        raise Violation("reading left traces in the folder", events=[str(event) for event in events])


@pytest.mark.clause("RDR-12")
@pytest.mark.parametrize("kind", ["flock", "lockf"])
def test_locks_are_ignored(case: Case, kind: str) -> None:
    """A reader that takes a lock waits for whoever holds one."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no advisory locks")
    import fcntl

    case.target.write_bytes(DOCUMENT)
    with case.target.open("r+b") as holder:
        (fcntl.flock if kind == "flock" else fcntl.lockf)(holder, fcntl.LOCK_EX)
        begin = time.monotonic()
        require_equal(read(case), STATUS, "a target that somebody has locked")
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
    if not 0 <= found <= 100 or abs(found - expected) > 0.01:
        raise Violation(f"progress of {epoch}/{total} is {found!r}; expected {expected:.2f}")


@pytest.mark.clause("RDR-14")
@pytest.mark.parametrize("size", [256, 4096, 1 << 18])
def test_never_torn_while_a_writer_runs(case: Case, size: int) -> None:
    """The kit replaces the target as fast as it can; every status that is read must be a whole one of them."""
    reads = 60 if case.run.manifest.mode == "oneshot" else 400
    seen = set()
    with KitWriter(case.target, size) as writer:
        for number in range(reads):
            found = read(case)
            if found is None:
                raise Violation(f"read {number} gave null, although the target always held a whole document")
            seen.add(identify_values(found))
        published = writer.stop()
    if len(seen) < 10 or published < 20:
        raise Inconclusive(f"only {len(seen)} distinct documents in {reads} reads of {published} published ones")
