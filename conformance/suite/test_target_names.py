"""MET-05: the names of targets, those that a file system takes and those that it does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured, Violation
from conformance.oracle.payload import make_status
from conformance.runner.case import Case
from conformance.system.windows import verbatim

OLD, NEW = make_status(0, 1, 300), make_status(0, 2, 500)
NAMES = {
    "space": "my status file.json",
    "leading-space": " status.json",
    "cyrillic": "статус обучения.json",
    "emoji": "run 🎉.json",
    "combining": "re\u0301sume\u0301.json",
    "no-extension": "status",
    "many-dots": "a.b.c.d.json",
    "leading-dot": ".status.json",
    "leading-dash": "-rf.json",
    "percent": "100%s.json",
    "percent-encoded": "run%2D1%20a.json",
    "backup": "status.json~",
    "shell": "a;b&c$HOME`d`.json",
    "quotes": "it's.json",
    "longest": "n" * 250 + ".json",
    "longest-unicode": "ё" * 125 + ".json",
}
POSIX_NAMES = {
    "newline": "a\nb.json",
    "backslash": "a\\b.json",
    "double-quotes": 'a"b.json',
    "star": "a*?.json",
}


def require_names_in_characters(folder: Path) -> None:
    """Raise Unmeasured under Wine if the host's file system limits names in bytes: no Windows program can know that."""
    probe = verbatim(folder / ("ё" * 200))
    try:
        probe.touch()
    except OSError as error:
        raise Unmeasured("a name of 200 characters is too long here, although Windows itself allows it") from error
    probe.unlink()


@pytest.mark.clause("MET-05")
@pytest.mark.parametrize("name", [*NAMES, *POSIX_NAMES])
def test_name(case: Case, name: str) -> None:
    if name in POSIX_NAMES and sys.platform == "win32":
        raise Unmeasured("Windows does not allow this name")
    target = case.folder / {**NAMES, **POSIX_NAMES}[name]
    if sys.platform == "win32":
        if len(str(target)) > 259:
            raise Unmeasured("the path is longer than MAX_PATH (see WIN-06)")
        if name == "longest-unicode":
            require_names_in_characters(case.folder)
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


LONG = (1030, 2050, 4090)  # bytes: a little more than usual buffers, and almost what Linux takes
_ROOM = 300  # bytes that the temp's name may be longer than the target's


@pytest.mark.clause("MET-05")
@pytest.mark.parametrize("length", LONG)
def test_long_path(case: Case, length: int) -> None:
    """A path that is cut to the size of a buffer leads elsewhere. The temp's path may be too long where that of the
    target only just is not.
    """
    if sys.platform == "win32":
        raise Unmeasured("long paths on Windows are covered by WIN-06")
    limit = os.pathconf(case.folder, "PC_PATH_MAX")
    if length >= limit:
        raise Unmeasured(f"the system takes no path of more than {limit - 1} bytes")
    target = case.folder
    while (room := length - len(os.fsencode(target))) > 0:
        target /= "n" * (room - 1 if room <= 200 else min(199, room - 3))
    target.parent.mkdir(parents=True)
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
