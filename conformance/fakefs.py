"""An implementation of mode ``python`` on a fake Linux, macOS or Windows (pyfakefs), with a fault at every file call.

``python -m conformance.fakefs FOLDER CALLABLE PROFILE SYSTEM`` prints one JSON report. It is a process of its own:
the implementation is imported as if this were the other system, and pyfakefs replaces the file calls of every module.
This is evidence for the implementation's own logic at each call, not for a real kernel or file system.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pyfakefs.fake_filesystem import FakeFilesystem, OSType
from pyfakefs.fake_filesystem_unittest import Patcher

from conformance.filecalls import Call, FileCalls
from conformance.host import load_factory
from conformance.injections import ERRORS_OF_CALL, FakeSystemReport, Injection, State, What
from conformance.payload import encode, make_status

__all__ = ["SYSTEMS", "read_report"]

SYSTEMS = {
    "linux": (OSType.LINUX, "linux", "/"),
    "macos": (OSType.MACOS, "darwin", "/"),
    "windows": (OSType.WINDOWS, "win32", "C:\\"),
}
_SIZE = 8192
_OLD, _NEW, _NEXT = (make_status(0, sequence, _SIZE) for sequence in range(3))
_MOST_CALLS = 200


@dataclass
class _Laboratory:
    """One implementation on one fake file system."""

    fs: FakeFilesystem
    calls: FileCalls
    make: Callable[[], Any]
    profile: str
    root: str
    separator: str
    number: int = 0
    implementation: Any = None

    def publish(self, target: str, status: dict[str, Any]) -> None:
        if self.profile == "pulse":
            self.implementation.write(target, status)
        else:
            self.implementation.replace(target, encode(status))

    def fresh_target(self) -> str:
        """A target in a new folder that holds the old document, written without faults by a new object."""
        self.number += 1
        self.implementation = self.make()  # what an earlier fault has broken for good stays out of this one
        folder = f"{self.root}{self.separator}case{self.number}"
        self.fs.create_dir(folder)
        target = f"{folder}{self.separator}status.json"
        self.publish(target, _OLD)
        return target

    def folder_of(self, target: str) -> str:
        return target.rpartition(self.separator)[0]

    def bytes_of(self, target: str) -> bytes | None:
        if not self.fs.exists(target):
            return None
        contents = self.fs.get_object(target).byte_contents
        return bytes(contents or b"")

    def state(self, target: str, old: bytes | None, new: bytes | None) -> State:
        found = self.bytes_of(target)
        if found is None:
            return "missing"
        return "old" if found == old else "new" if found == new else "other"

    def open_descriptors(self) -> int:
        return sum(entry is not None for entry in self.fs.open_files)


def _answer(action: Callable[[], None]) -> tuple[str, int, str]:
    """Run a write. Returns (answer, errno, text)."""
    try:
        action()
    except ValueError as error:
        return "invalid", 0, str(error)
    except OSError as error:
        return "io", error.errno or 0, str(error)
    except KeyboardInterrupt:
        return "interrupt", 0, ""
    except BaseException as error:  # whatever else comes out is the implementation's crash
        return "crash", 0, f"{type(error).__name__}: {error}"
    return "ok", 0, ""


def _inject(
    laboratory: _Laboratory, what: What, position: int, error: int, documents: tuple[bytes, bytes]
) -> Injection:
    """One write with one fault at the call with this number."""
    old, new = documents
    target = laboratory.fresh_target()
    identity = _identity(laboratory, target)
    descriptors = laboratory.open_descriptors()
    seen: dict[str, Any] = {"fired": False, "state": "old", "call": Call("", (), False)}

    def before(number: int, call: Call) -> BaseException | None:
        if number == position:
            seen.update(fired=True, state=laboratory.state(target, old, new), call=call)
            return KeyboardInterrupt() if what == "interrupt" else OSError(error, "injected")
        if what != "interrupt" and seen["fired"] and seen["call"].kind == call.kind == "rename":
            return OSError(error, "injected")  # it lasts, so that who tries again cannot succeed
        if what == "error and failing clean-up" and seen["fired"] and call.kind == "unlink":
            return OSError(errno.EROFS, "injected into the clean-up")
        return None

    laboratory.calls.before = before
    with laboratory.calls.recording():
        answer, answered_error, text = _answer(lambda: laboratory.publish(target, _NEW))
    return _described(
        laboratory,
        target,
        what,
        position,
        error,
        seen,
        (answer, answered_error, text),
        documents,
        touched=identity != _identity(laboratory, target),
        descriptors=descriptors,
    )


def _described(
    laboratory: _Laboratory,
    target: str,
    what: What,
    position: int,
    error: int,
    seen: dict[str, Any],
    answered: tuple[str, int, str],
    documents: tuple[bytes, bytes],
    *,
    touched: bool,
    descriptors: int,
) -> Injection:
    laboratory.calls.before = lambda number, call: None
    state = laboratory.state(target, *documents)
    left = sorted(set(laboratory.fs.listdir(laboratory.folder_of(target))) - {"status.json"})
    descriptors_left = laboratory.open_descriptors() - descriptors
    next_answer, _, next_text = _answer(lambda: laboratory.publish(target, _NEXT))
    if next_answer == "ok" and laboratory.state(target, *documents) != "other":
        next_answer, next_text = "ok, but wrote nothing", ""
    return Injection(
        what=what,
        call=seen["call"].kind,
        position=position,
        error=error,
        writable=seen["call"].writable,
        fired=seen["fired"],
        target_before_fault=seen["state"],
        answer=answered[0],
        answered_error=answered[1],
        text=answered[2],
        target=state,
        touched=touched,
        left=tuple(left),
        descriptors_left=descriptors_left,
        next_write=f"{next_answer} {next_text}".strip(),
    )


def _identity(laboratory: _Laboratory, target: str) -> tuple[Any, ...]:
    if not laboratory.fs.exists(target):
        return ()
    found = laboratory.fs.get_object(target)
    return id(found), found.st_mtime, found.st_mode


def _enumerate(laboratory: _Laboratory) -> FakeSystemReport:
    """Visit every call of one write with every error that it can give, and with an interrupt."""
    target = laboratory.fresh_target()
    old = laboratory.bytes_of(target) or b""
    with laboratory.calls.recording() as recorded:
        laboratory.publish(target, _NEW)
    new = laboratory.bytes_of(target) or b""
    calls = list(recorded)[:_MOST_CALLS]
    documents = old, new
    if old == new:
        return FakeSystemReport("", "answers ok, but the target does not change")
    injections = []
    for position, call in enumerate(calls):
        for error in ERRORS_OF_CALL[call.kind]:
            injections.append(_inject(laboratory, "error", position, error, documents))
        injections.append(_inject(laboratory, "interrupt", position, 0, documents))
        first_error = ERRORS_OF_CALL[call.kind][0]
        injections.append(_inject(laboratory, "error and failing clean-up", position, first_error, documents))
    return FakeSystemReport(
        system="",
        problem="",
        calls=tuple(call.kind for call in calls),
        injections=tuple(injections),
        bystander_survived=_bystander(laboratory),
        planted_survived=_planted(laboratory),
        read_only=_read_only(laboratory, documents),
        disk_full=_disk_full(laboratory, documents),
    )


def _bystander(laboratory: _Laboratory) -> bool | None:
    """Put a file under the temp's name right after the replace. Returns whether it survived; None: no replace seen."""
    target = laboratory.fresh_target()
    made: list[str] = []

    def after(number: int, call: Call) -> None:
        if call.kind == "rename" and not made:
            name = str(call.arguments[0])
            if not laboratory.fs.exists(name):
                laboratory.fs.create_file(name, contents="somebody else's")
                made.append(name)

    laboratory.calls.after = after
    with laboratory.calls.recording():
        answer, _, _ = _answer(lambda: laboratory.publish(target, _NEW))
    laboratory.calls.after = lambda number, call: None
    return laboratory.fs.exists(made[0]) if made and answer == "ok" else None


def _planted(laboratory: _Laboratory) -> bool | None:
    """Put a file under the temp's name right before it is opened. Returns whether it survived; None: no temp seen."""
    target = laboratory.fresh_target()
    contents = b"somebody else's"
    made: list[str] = []

    def before(number: int, call: Call) -> BaseException | None:
        name = call.arguments[0] if call.kind == "open" else None
        if isinstance(name, str) and not made and name != target and not laboratory.fs.exists(name):
            laboratory.fs.create_file(name, contents=contents)
            made.append(name)
        return None

    laboratory.calls.before = before
    with laboratory.calls.recording():
        _answer(lambda: laboratory.publish(target, _NEW))
    laboratory.calls.before = lambda number, call: None
    return laboratory.bytes_of(made[0]) == contents if made else None


def _read_only(laboratory: _Laboratory, documents: tuple[bytes, bytes]) -> Injection | None:
    """A folder without write permission; None on Windows, where folders have no such bit."""
    if laboratory.fs.is_windows_fs:
        return None
    target = laboratory.fresh_target()
    identity, descriptors = _identity(laboratory, target), laboratory.open_descriptors()
    laboratory.fs.chmod(laboratory.folder_of(target), 0o555)
    answered = _answer(lambda: laboratory.publish(target, _NEW))
    touched = identity != _identity(laboratory, target)
    laboratory.fs.chmod(laboratory.folder_of(target), 0o755)
    seen = {"fired": True, "state": "old", "call": Call("open", (), False)}
    return _described(
        laboratory,
        target,
        "error",
        0,
        errno.EACCES,
        seen,
        answered,
        documents,
        touched=touched,
        descriptors=descriptors,
    )


def _disk_full(laboratory: _Laboratory, documents: tuple[bytes, bytes]) -> Injection:
    """Room for half a document more."""
    target = laboratory.fresh_target()
    identity, descriptors = _identity(laboratory, target), laboratory.open_descriptors()
    total, used, _ = laboratory.fs.get_disk_usage(laboratory.root)
    laboratory.fs.set_disk_usage(used + _SIZE // 2, laboratory.root)
    answered = _answer(lambda: laboratory.publish(target, _NEW))
    touched = identity != _identity(laboratory, target)
    laboratory.fs.set_disk_usage(total, laboratory.root)
    seen = {"fired": True, "state": "old", "call": Call("write", (), True)}
    return _described(
        laboratory,
        target,
        "error",
        0,
        errno.ENOSPC,
        seen,
        answered,
        documents,
        touched=touched,
        descriptors=descriptors,
    )


@contextlib.contextmanager
def _platform(name: str) -> Iterator[None]:
    real = sys.platform
    sys.platform = name
    try:
        yield
    finally:
        sys.platform = real


def _report(folder: str, entry_point: str, profile: str, system: str) -> FakeSystemReport:
    kind, platform, root = SYSTEMS[system]

    def make() -> Any:
        with _platform(platform):
            return load_factory(folder, entry_point)()

    try:
        make()
    except Exception as error:
        return FakeSystemReport(system, f"cannot be imported as if on {system}: {type(error).__name__}: {error}")
    calls = FileCalls()
    calls.install()
    with Patcher(allow_root_user=False) as patcher:
        fs = patcher.fs
        assert fs is not None
        fs.os = kind
        separator = fs.path_separator
        work = f"{root.rstrip(separator)}{separator}pulse"
        fs.create_dir(work)
        fs.set_disk_usage(64 * 1024 * 1024, root)
        laboratory = _Laboratory(fs, calls, make, profile, work, separator)
        try:
            report = _enumerate(laboratory)
        except Exception as error:  # without a fault it does not run there: nothing can be said
            return FakeSystemReport(system, f"does not run on pyfakefs's {system}: {type(error).__name__}: {error}")
    return dataclasses.replace(report, system=system)


def read_report(text: str) -> FakeSystemReport:
    """Read what this module printed."""
    fields = json.loads(text)

    def injection(values: dict[str, Any] | None) -> Injection | None:
        return Injection(**{**values, "left": tuple(values["left"])}) if values else None

    fields["calls"] = tuple(fields["calls"])
    fields["injections"] = tuple(injection(values) for values in fields["injections"])
    fields["disk_full"], fields["read_only"] = injection(fields["disk_full"]), injection(fields["read_only"])
    return FakeSystemReport(**fields)


if __name__ == "__main__":
    report_text = json.dumps(dataclasses.asdict(_report(*sys.argv[1:])))
    print(report_text)
