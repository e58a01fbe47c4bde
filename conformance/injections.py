"""What an injected fault did to a write: the record, and the pure functions that judge it (clauses FLT and VIS-04)."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

__all__ = ["ERRORS_OF_CALL", "FakeSystemReport", "Injection", "judge"]

# What each call can fail with: open(2), write(2), fsync(2), close(2), rename(2), unlink(2), link(2), stat(2), chmod(2),
# chown(2), mkdir(2), getdents(2), readlink(2), truncate(2), utimensat(2).
ERRORS_OF_CALL: dict[str, tuple[int, ...]] = {
    "open": (errno.EACCES, errno.EMFILE, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO),
    "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG),
    "flush": (errno.ENOSPC, errno.EIO, errno.EDQUOT),
    "fsync": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "close": (errno.EIO, errno.ENOSPC, errno.EDQUOT),
    "rename": (errno.EACCES, errno.EBUSY, errno.EXDEV, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EIO),
    "unlink": (errno.EACCES, errno.EBUSY, errno.EPERM, errno.EIO),
    "link": (errno.EACCES, errno.EMLINK, errno.EPERM, errno.ENOSPC),
    "stat": (errno.EACCES, errno.EIO, errno.ENOMEM),
    "chmod": (errno.EPERM, errno.EROFS, errno.EIO),
    "chown": (errno.EPERM, errno.EROFS, errno.EIO),
    "mkdir": (errno.EACCES, errno.ENOSPC, errno.EROFS),
    "list": (errno.EACCES, errno.EMFILE, errno.EIO),
    "readlink": (errno.EACCES, errno.EIO),
    "truncate": (errno.EIO, errno.EPERM),
    "utime": (errno.EACCES, errno.EPERM),
}
_NO_COPY = (errno.EXDEV, errno.EBUSY, errno.EPERM)

State = Literal["old", "new", "other", "missing"]
What = Literal["error", "interrupt", "error and failing clean-up"]


@dataclass(frozen=True)
class Injection:
    """One write with a fault at one call, and everything that was seen.

    ``call`` is the kind of the call (a key of ERRORS_OF_CALL) and ``position`` its number in the write, from 0.
    ``error`` is an errno (0 for an interrupt). ``target_before_fault`` is what the target was when the fault fired.
    ``answer`` is ``ok``, ``invalid``, ``io``, ``interrupt`` or ``crash``; ``answered_error`` the errno of ``io``.
    """

    what: What
    call: str
    position: int
    error: int
    writable: bool
    fired: bool
    target_before_fault: State
    answer: str
    answered_error: int
    text: str
    target: State
    touched: bool
    left: tuple[str, ...]
    descriptors_left: int
    next_write: str

    def name(self) -> str:
        """The injection in words."""
        fault = errno.errorcode.get(self.error, "an interrupt") if self.error else "an interrupt"
        cleaning = " with a failing clean-up" if self.what == "error and failing clean-up" else ""
        return f"{fault} at call {self.position} ({self.call}){cleaning}"


@dataclass(frozen=True)
class FakeSystemReport:
    """Everything that one fake operating system had to say. ``problem`` is empty when the implementation runs there."""

    system: str
    problem: str
    calls: tuple[str, ...] = ()
    injections: tuple[Injection, ...] = ()
    disk_full: Injection | None = None
    read_only: Injection | None = None
    bystander_survived: bool | None = None  # made under the temp's name after the replace
    planted_survived: bool | None = None  # made under the temp's name before the temp


def judge(clause: str, injection: Injection) -> str | None:
    """Say in words how this injection breaks the clause, or return None.

    The caller has chosen the injections that the clause is about with `concerns`.
    """
    return _JUDGES[clause](injection)


def concerns(clause: str, injection: Injection) -> bool:
    """Whether a clause is about this injection."""
    faulty = injection.what == "error"
    before_replace = injection.target_before_fault == "old"
    match clause:
        case "FLT-01" | "FLT-02" | "FLT-03":
            return faulty
        case "FLT-04":
            return faulty and injection.call == "fsync" and before_replace
        case "FLT-05":
            return faulty and injection.call == "close" and injection.writable and before_replace
        case "FLT-06":
            return faulty and injection.call == "rename" and injection.error in _NO_COPY
        case "FLT-08":
            # A best-effort call that fails may be tolerated; then there is no first error to tell.
            must_fail = injection.call in ("open", "write", "fsync", "rename") or injection.writable
            return injection.what == "error and failing clean-up" and before_replace and must_fail
        case "FLT-09":
            return injection.what == "interrupt"
    raise ValueError(f"no in-process injection is about {clause}")


def _answer_is_true(injection: Injection) -> str | None:
    if injection.answer not in ("ok", "io"):
        return f"answered {injection.answer} ({injection.text}) instead of ok or io"
    if injection.target not in ("old", "new"):
        return f"left the target {injection.target}"
    if injection.answer == "ok" and injection.target != "new":
        return "answered ok, but the target is the old document"
    if injection.answer == "io" and injection.target != injection.target_before_fault:
        return f"answered io; the target was {injection.target_before_fault} at the fault and is {injection.target} now"
    if injection.answer == "io" and injection.target == "old" and injection.touched:
        return "answered io and kept the old bytes, but the target is another file or has another time"
    return None


def _nothing_left(injection: Injection) -> str | None:
    if injection.left and injection.call != "unlink":
        return f"left {', '.join(injection.left)} behind"
    if injection.descriptors_left:
        return f"left {injection.descriptors_left} descriptor(s) open"
    return None


def _next_works(injection: Injection) -> str | None:
    return None if injection.next_write == "ok" else f"the next write was answered {injection.next_write}"


def _not_replaced(injection: Injection) -> str | None:
    if injection.target != "old" or injection.touched:
        return f"the target was replaced or touched ({injection.target}), although the {injection.call} had failed"
    if injection.answer != "io":
        return f"answered {injection.answer} instead of io"
    return None


def _first_error_told(injection: Injection) -> str | None:
    if injection.answer == "io" and injection.answered_error != injection.error:
        told = errno.errorcode.get(injection.answered_error, str(injection.answered_error))
        return f"reported {told} instead of {errno.errorcode[injection.error]}, which came first"
    return _answer_is_true(injection)


def _interrupt_leaves_nothing(injection: Injection) -> str | None:
    if injection.target not in ("old", "new"):
        return f"left the target {injection.target}"
    if injection.left:
        return f"left {', '.join(injection.left)} behind"
    if injection.descriptors_left:
        return f"left {injection.descriptors_left} descriptor(s) open"
    return None if injection.answer == "interrupt" else f"answered {injection.answer}: the interrupt was swallowed"


_JUDGES = {
    "FLT-01": _answer_is_true,
    "FLT-02": _nothing_left,
    "FLT-03": _next_works,
    "FLT-04": _not_replaced,
    "FLT-05": _not_replaced,
    "FLT-06": _not_replaced,
    "FLT-08": _first_error_told,
    "FLT-09": _interrupt_leaves_nothing,
}
