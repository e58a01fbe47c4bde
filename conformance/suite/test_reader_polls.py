"""RDR-09 and RDR-10: what poll remembers, for how long and of which path, and that it finds what read finds."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError, Unmeasured, Violation
from conformance.oracle.payload import encode, make_status
from conformance.runner.case import Case
from conformance.suite.support.reading import (
    DOCUMENT,
    JUDGED_BY,
    LONG_TWINS,
    SPOILS,
    STATUS,
    TWINS,
    UNUSABLE,
    is_read_as,
    lost_by_poll,
    poll,
    put_at_one_time,
    require_equal,
    require_null_for,
    require_poll,
    require_polled,
    what_was_alike,
)
from conformance.vectors import Vector, load_vectors

LIMIT_SECONDS = 1.0
POLLS = 100  # in a row, of a file that is no document
PATHS = 300  # that one process polls: more than the 128 and 256 that caches often keep
INVALID = load_vectors("invalid")
READABLE = (*load_vectors("valid"), *load_vectors("either"))
LOOK_ALIKES = {
    "letter-case": ("status.json", "STATUS.json"),
    "last-character": ("s" * 250 + "a", "s" * 250 + "b"),
    "folder": (os.path.join("a", "status.json"), os.path.join("b", "status.json")),
}


def have_polled(case: Case, path: Path, status: dict[str, Any]) -> None:
    """Let the reader poll this document. Raises Unmeasured when it does not take it as fresh, which RDR-10 judges."""
    path.write_bytes(encode(status).encode("utf-8"))
    if poll(case, path) != (status, True):
        raise Unmeasured("a valid document is not polled as fresh in the first place (see RDR-10)")


@pytest.mark.clause("RDR-09")
@pytest.mark.parametrize("kind", UNUSABLE)
def test_last_valid_is_kept(case: Case, kind: str) -> None:
    have_polled(case, case.target, STATUS)
    UNUSABLE[kind](case.target)
    require_null_for(case, kind)
    for attempt in ("first", "second"):
        begin = time.monotonic()
        require_poll(case, STATUS, False, f"the {attempt} poll after: {kind}")
        taken = time.monotonic() - begin
        if taken > LIMIT_SECONDS and JUDGED_BY[kind] in ("RDR-07", "RDR-08"):  # which have this limit for read
            raise Violation(
                f"the {attempt} poll after: {kind}: it took {taken:.2f} s; the limit is {LIMIT_SECONDS:g} s"
            )


@pytest.mark.clause("RDR-09")
def test_kept_over_many_polls(case: Case) -> None:
    for kind in ("cut", "missing"):
        have_polled(case, case.target, STATUS)
        SPOILS[kind](case.target)
        require_null_for(case, kind)
        for number in range(1, 1 + POLLS):
            require_poll(case, STATUS, False, f"poll {number} after: {kind}")


@pytest.mark.clause("RDR-09")
def test_what_read_refuses_is_not_taken(case: Case) -> None:
    """Every invalid vector is polled; whether read gives null for it, as RDR-05 and RDR-06 say, is asked if need be."""
    have_polled(case, case.target, STATUS)
    others = []
    for vector in INVALID:
        case.target.write_bytes(vector.path.read_bytes())
        try:
            require_poll(case, STATUS, False, f"a poll: {vector.reason}")
        except (Violation, ImplementationError):
            if is_read_as(case, None):
                raise
            others.append(vector.name)
            have_polled(case, case.target, STATUS)
    if others:
        these = f"{len(others)} of {len(INVALID)} files, such as {others[0]}"
        raise Unmeasured(f"{these}, are not read as null in the first place (see RDR-05, RDR-06)")


@pytest.mark.clause("RDR-09")
def test_nothing_valid_yet(case: Case) -> None:
    require_poll(case, None, False, "no file, and never one")
    case.target.write_bytes(b"{")
    require_poll(case, None, False, "an invalid file, and never a valid one")


@pytest.mark.clause("RDR-09")
def test_two_paths_are_kept_apart(case: Case) -> None:
    have_polled(case, case.target, STATUS)
    require_nothing_of(case, case.folder / "other.json")


@pytest.mark.clause("RDR-09")
@pytest.mark.parametrize("kind", LOOK_ALIKES)
def test_paths_that_look_alike_are_kept_apart(case: Case, kind: str) -> None:
    first, second = (case.folder / name for name in LOOK_ALIKES[kind])
    for path in (first, second):
        path.parent.mkdir(exist_ok=True)
    try:
        first.touch()
    except OSError as error:
        raise Unmeasured(f"a name of {len(first.name)} characters cannot be made here: {error}") from error
    if second.exists():
        raise Unmeasured("this file system does not tell upper case from lower case")
    have_polled(case, first, STATUS)
    require_nothing_of(case, second)
    have_polled(case, second, make_status(0, 4))
    first.unlink()
    require_equal(poll(case, first)[0], STATUS, "a poll after another path was polled", lost_by_poll(False))


def require_nothing_of(case: Case, path: Path) -> None:
    """Raise Violation when poll has a status for a path at which no file ever was."""
    status, fresh = poll(case, path)
    if status is not None or fresh:
        raise Violation("poll of a missing file returned the status of another path", found=status, fresh=fresh)


@pytest.mark.clause("RDR-09")
def test_many_paths_are_kept(case: Case) -> None:
    statuses = {case.folder / f"job-{number}.json": make_status(0, number) for number in range(PATHS)}
    for path, status in statuses.items():
        have_polled(case, path, status)
        path.unlink()
    for number, (path, status) in enumerate(statuses.items(), start=1):
        when = f"path {number} of {PATHS}, polled again when all files were gone"
        found, fresh = poll(case, path)
        require_equal(found, status, when, lost_by_poll(False))
        if fresh is not False:
            raise Violation(f"{when}: poll says fresh = {fresh!r}, expected False")


@pytest.mark.clause("RDR-10")
@pytest.mark.parametrize("kind", SPOILS)
def test_recovers(case: Case, kind: str) -> None:
    later = make_status(0, 9)
    case.target.write_bytes(DOCUMENT)
    require_poll(case, STATUS, True, "a valid document")
    SPOILS[kind](case.target)
    require_null_for(case, kind)
    if poll(case) != (STATUS, False):
        raise Unmeasured(f"the last valid status is not kept in the first place: {kind} (see RDR-09)")
    if case.target.is_dir():
        case.target.rmdir()
    (case.folder / "next").write_bytes(encode(later).encode("utf-8"))
    (case.folder / "next").replace(case.target)
    require_poll(case, later, True, "the next valid document")


@pytest.mark.clause("RDR-10")
def test_what_read_takes_is_fresh(case: Case) -> None:
    """Every valid vector is polled, and those that a reader may take or not."""
    others = []
    before: Any = None
    for vector in READABLE:
        case.target.write_bytes(vector.path.read_bytes())
        try:
            polled = poll(case)
            if vector.kind == "either" and polled[1] is False:
                continue  # what it gives then is for RDR-09
            require_taken(polled, vector, before)
            before = vector.expected
        except (Violation, ImplementationError):
            if is_read_as(case, vector.expected):
                raise
            others.append(vector.name)
    if others:
        these = f"{len(others)} of {len(READABLE)} documents, such as {others[0]}"
        raise Unmeasured(f"{these}, are not read in the first place (see RDR-01)")


def require_taken(polled: tuple[Any, Any], vector: Vector, before: Any) -> None:
    """Raise Violation unless poll gave the document as a fresh one; ``before`` is the status of the one before."""
    if polled == (vector.expected, False) and vector.expected == before:
        raise Violation("a poll of a valid document with the values of the one before: fresh = False, expected True")
    require_polled(polled, vector.expected, True, f"a poll: {vector.reason}")


@pytest.mark.clause("RDR-10")
def test_same_size_and_time_is_noticed(case: Case) -> None:
    """A reader that looks only at size and modification time misses a second write within one tick; one that compares
    the ends of a document, what a long message has in its middle.
    """
    for status in (*TWINS, *LONG_TWINS):
        put_at_one_time(case.target, status)
        polled = poll(case)
        if polled != (status, True) and not is_read_as(case, status):
            raise Unmeasured(f"{what_was_alike(status)} is not read in the first place (see RDR-01)")
        require_polled(polled, status, True, what_was_alike(status))
