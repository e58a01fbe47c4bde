"""Shared by the reader tests: requesting a read or a poll, judging the answer, and spoiling a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conformance.contract.errors import ImplementationError, Unmeasured, Violation
from conformance.oracle.document import SIZE_LIMIT
from conformance.oracle.payload import encode, make_status
from conformance.runner.case import Case
from conformance.suite.support.oddities import ODDITIES
from conformance.system.guarded_path import very_file

STATUS = make_status(0, 3)
DOCUMENT = encode(STATUS).encode("utf-8")
TWINS = tuple({**STATUS, "loss": loss} for loss in (0.25, 0.75))  # their documents are of the same size
_SIDE = "step 150/800, loss=0.342 " * 4000  # characters: what a reader that looks at the ends of a file takes for all
LONG_TWINS = tuple({**STATUS, "message": f"{_SIDE}{middle}{_SIDE}"} for middle in "ab")


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


def polls_what_is_there(case: Case) -> bool:
    """Whether poll takes each of two documents at once that a cache may take for one. RDR-10 judges that: where it is
    not so, what poll gives beside a busy writer says nothing more.
    """
    path = case.folder / "polled.json"
    try:
        for status in TWINS:
            put_at_one_time(path, status)
            if poll(case, path) != (status, True):
                return False
    except Violation:
        return False
    finally:
        path.unlink(missing_ok=True)
    return True


def require_poll(case: Case, expected: Mapping[str, Any] | None, fresh: bool, when: str) -> None:
    """Raise Violation unless poll gives this status and this freshness."""
    require_polled(poll(case), expected, fresh, when)


def require_polled(polled: tuple[Any, Any], expected: Mapping[str, Any] | None, fresh: bool, when: str) -> None:
    """As `require_poll`, of what was polled already."""
    status, said_fresh = polled
    if fresh and said_fresh is False and expected is not None and status not in (None, expected):
        text = f"{when}: poll kept the status before (fresh = False), although the file is valid"
        raise Violation(text, expected=dict(expected), found=status)
    require_equal(status, expected, when, lost_by_poll(fresh))
    if said_fresh is not fresh:
        raise Violation(f"{when}: poll says fresh = {said_fresh!r}, expected {fresh!r}")


def lost_by_poll(fresh: bool) -> str:
    """What null means where poll has to give a status: the file's own, or the one that it keeps."""
    return "a valid document was polled as null" if fresh else "the last valid status was lost: null"


def require_equal(
    found: Any, expected: Mapping[str, Any] | None, when: str, lost: str = "a valid document was read as null"
) -> None:
    """Raise Violation unless a reader's answer has exactly these values, numbers as numbers and text as text.

    ``lost`` says what null means where a status is expected.
    """
    if expected is None:
        if found is not None:
            raise Violation(f"{when}: expected null", found=found)
        return
    if found is None:
        raise Violation(f"{when}: {lost}", expected=dict(expected))
    same = (
        isinstance(found, dict)
        and found.keys() == expected.keys()
        and all(_same(found[name], value) for name, value in expected.items())
    )
    if not same:
        raise Violation(f"{when}: the values are not those of the document", expected=dict(expected), found=found)


def require_not_of(neighbours: Mapping[str, Mapping[str, Any]], found: Any, when: str) -> None:
    """Raise Violation when a reader's answer is the document of one of these files beside the target."""
    name = next((name for name, status in neighbours.items() if found == status), None)
    if name is not None:
        raise Violation(f"{when} gave the document of {name}, which was not published at the target's name")


def _same(found: Any, expected: Any) -> bool:
    """Whether two members are equal; floats as doubles, because 18446744073709552000 is how many print 2.0**64."""
    if isinstance(found, bool) or isinstance(found, str) != isinstance(expected, str):
        return False
    if isinstance(found, int) and isinstance(expected, float):
        try:
            return float(found) == expected
        except OverflowError:
            return False
    return bool(found == expected)


def require_null_for(case: Case, kind: str) -> None:
    """Raise Unmeasured when the reader does not take this file for none, which another clause judges."""
    if not is_read_as(case, None):
        raise Unmeasured(f"this file ({kind}) is not read as null in the first place (see {JUDGED_BY[kind]})")


def is_read_as(case: Case, expected: Mapping[str, Any] | None) -> bool:
    """Whether the reader takes the target for this status, or for none; not when it fails, ends or hangs instead."""
    try:
        require_equal(read(case), expected, "read")
    except (Violation, ImplementationError):
        return False
    return True


def put_at_one_time(path: Path, status: Mapping[str, Any]) -> None:
    """Write a document whose modification time does not depend on when it was written."""
    path.write_bytes(encode(status).encode("utf-8"))
    with very_file(path) as this:
        os.utime(this, ns=(10**18, 10**18))


def what_was_alike(status: Mapping[str, Any]) -> str:
    """In words, a document of `TWINS` or `LONG_TWINS` after the other one of them."""
    if status in LONG_TWINS:
        return "a long document of the same size and time, which differs in the middle only"
    return "a document of the same size and time"


def instead_of_the_file(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """An action that removes the file and makes something else at its path."""

    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


def put(data: bytes) -> Callable[[Path], object]:
    """An action that writes these bytes to a path."""
    return lambda path: path.write_bytes(data)


SPOILS: dict[str, Callable[[Path], object]] = {
    "empty": put(b""),
    "cut": put(DOCUMENT[: len(DOCUMENT) // 2]),
    "missing": Path.unlink,
    "invalid": put(DOCUMENT.replace(b'"loss":', b'"lossy":')),
    "too-large": put(DOCUMENT + b" " * SIZE_LIMIT),
    "folder": instead_of_the_file(ODDITIES["folder"]),
}
UNUSABLE = {
    **SPOILS,
    # A reader without a limit, which "too-large" shows, takes all memory of the machine for a device without an end.
    **{kind: instead_of_the_file(make) for kind, make in ODDITIES.items() if kind != "device-zero"},
}
"""What may be at the target in place of a valid document that was there."""
JUDGED_BY = {
    "empty": "RDR-03",
    "cut": "RDR-04",
    "missing": "RDR-02",
    "invalid": "RDR-05",
    "too-large": "RDR-07",
    **dict.fromkeys(ODDITIES, "RDR-08"),
}
"""The clauses that say of each kind of file that it is read as null."""
