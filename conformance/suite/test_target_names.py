"""MET-05: the names of targets, those that a file system takes and those that it does not."""

from __future__ import annotations

import os
import sys

import pytest

from conformance.contract.errors import Unmeasured, Violation
from conformance.oracle.payload import make_status
from conformance.runner.case import Case
from conformance.suite.support.target_names import LONG, NAMES, POSIX_NAMES, longest_path, named, of_length

OLD, NEW = make_status(0, 1, 300), make_status(0, 2, 500)


@pytest.mark.clause("MET-05")
@pytest.mark.parametrize("name", [*NAMES, *POSIX_NAMES])
def test_name(case: Case, name: str) -> None:
    target = named(case.folder, name)
    for status in (OLD, NEW):
        case.require_ok(case.publish(target, status))
        case.require_holds(target, status)
    case.require_listing(case.folder, {target.name}, "after two writes")


@pytest.mark.clause("MET-05")
@pytest.mark.parametrize("name", ["статус.json", "run 🎉.json"], ids=["cyrillic", "emoji"])
def test_name_in_the_c_locale(case: Case, name: str) -> None:
    """As cron and systemd start programs: a runtime may take the encoding of paths from the locale."""
    target = case.folder / name
    writer = case.start(environment={"LC_ALL": "C", "LANG": "C"})
    for status in (OLD, NEW):
        case.require_ok(case.publish(target, status, by=writer))
        case.require_holds(target, status)
    case.require_listing(case.folder, {target.name}, "after two writes")


_ROOM = 300  # bytes that the temp's name may be longer than the target's


@pytest.mark.clause("MET-05")
@pytest.mark.parametrize("length", LONG)
def test_long_path(case: Case, length: int) -> None:
    """A path that is cut to the size of a buffer leads elsewhere. The temp's path may be too long where that of the
    target only just is not.
    """
    target = of_length(case.folder, length)
    limit = longest_path(case.folder)
    top = set(os.listdir(case.folder))
    for status in (OLD, NEW):
        answer = case.publish(target, status)
        if answer.ok or length + _ROOM < limit:
            case.require_ok(answer, f"a path of {length:,} bytes")
            case.require_holds(target, status)
        else:
            case.require_io(answer, f"a path of {length:,} bytes")
    expected = {target.name} if answer.ok else set()
    case.require_listing(target.parent, expected, "after two writes")
    case.require_listing(case.folder, top, "where only the beginning of the path leads")


TOO_LONG = {
    "256-bytes": "n" * 251 + ".json",
    "256-bytes-unicode": "ё" * 128,
    "257-bytes-with-folder": os.path.join("sub", "n" * 252 + ".json"),
    "1000-bytes": "n" * 1000,
    "path-of-5000-bytes": os.path.join(*["n" * 199] * 25, "status.json"),
}


def leaves_a_temp(case: Case) -> bool:
    """Whether a write to a name of 256 bytes, which is one of FLT-02's, leaves anything behind."""
    folder = case.folder / "as for FLT-02"
    folder.mkdir()
    case.publish(folder / TOO_LONG["256-bytes"], NEW)
    return bool(case.patience.until_gone(lambda: sorted(case.left(os.listdir(folder), {TOO_LONG["256-bytes"]}))))


@pytest.mark.clause("MET-05")
@pytest.mark.parametrize("name", TOO_LONG)
def test_name_that_is_too_long(case: Case, name: str) -> None:
    """A name that is shortened is another name, where no reader looks."""
    if sys.platform == "win32":
        raise Unmeasured("long names on Windows are covered by WIN-06")
    target = case.folder / TOO_LONG[name]
    (case.folder / "sub").mkdir()
    answer = case.publish(target, NEW)

    def found() -> list[str]:
        paths = [path for path in case.folder.rglob("*") if not path.is_dir()]
        left = case.left({path.name for path in paths}, {target.name})
        return sorted(str(path.relative_to(case.folder)) for path in paths if path.name in left or path == target)

    if not answer.ok:
        case.require_io(answer, f"a name that is too long ({name})")
        if left := case.patience.until_gone(found):
            if leaves_a_temp(case):
                raise Unmeasured("a write to a name that is too long leaves a temp behind (see FLT-02)")
            raise Violation("a write that failed left files behind", names=left)
    elif (names := found()) != [TOO_LONG[name]]:  # a file system may take longer names than the usual 255 bytes
        raise Violation("answered ok, and published under another name", names=names)
