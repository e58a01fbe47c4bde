"""What an injected fault or a kill did to a write: the records, and the pure functions that judge them (FLT, KIL)."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

from conformance.system.file_kinds import Kind

__all__ = ["Injection", "Kill", "State", "What", "concerns", "harm_to", "judge", "judge_kill"]

_NO_COPY = (errno.EXDEV, errno.EBUSY, errno.EPERM)

State = Literal["old", "new", "torn", "other", "missing", "unreadable"] | Kind
What = Literal["error", "interrupt", "error and failing clean-up"]


@dataclass(frozen=True)
class Injection:
    """One write with a fault at one call, and everything that was seen.

    ``call`` is the kind of the call (`conformance.oracle.call_errors`) and ``position`` its number in the write, from
    0. ``error`` is an errno (0 for an interrupt). ``target_before_fault`` is what the target was when the fault fired.
    ``answer`` is ``ok``, ``invalid``, ``io``, ``interrupt`` or ``crash``; ``answered_error`` the errno of ``io``.
    ``next_write`` is the result of the same object's next write: ``ok``, or what was wrong; empty when none was made.
    ``usual_descriptors`` is how many a write without any fault leaves open. ``existed`` says whether there was a target
    before the write: where there was none, that is the old state.
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
    usual_descriptors: int = 0
    existed: bool = True

    def name(self) -> str:
        """The injection in words."""
        fault = errno.errorcode.get(self.error, "an interrupt") if self.error else "an interrupt"
        cleaning = " with a failing clean-up" if self.what == "error and failing clean-up" else ""
        return f"{fault} at call {self.position} ({self.call}){cleaning}"


@dataclass(frozen=True)
class Kill:
    """One write that was killed right before or right after one call, and what was found afterwards.

    ``call`` and ``position`` are as in `Injection`. ``fired`` means that the process was seen to die there.
    ``next_write`` is the result of a new object's next write: ``ok``, or what was wrong.
    """

    phase: Literal["before", "after"]
    call: str
    position: int
    fired: bool
    target: State
    next_write: str

    def name(self) -> str:
        """The kill in words."""
        return f"a kill {self.phase} call {self.position} ({self.call})"


def harm_to(target: State) -> str | None:
    """Say in words what became of a target, or return None for one that is old or new."""
    match target:
        case "torn":
            return "left the target torn: bytes that are not one whole document"
        case "missing":
            return "lost the target: there is no file any more"
        case "other":
            return "left another document in the target, neither the old nor the new one"
        case "unreadable":
            return "left a target that cannot be read"
        case "old" | "new":
            return None
    return f"left {target} at the target, and no file"


def judge(clause: str, injection: Injection) -> str | None:
    """Say in words how this injection breaks the clause, or return None.

    The caller has selected the injections that the clause is about with `concerns`.
    """
    return _JUDGES[clause](injection)


def judge_kill(clause: str, kill: Kill) -> str | None:
    """Say in words how this kill breaks KIL-01 or KIL-02, or return None. Raises ValueError for another clause."""
    match clause:
        case "KIL-01":
            return harm_to(kill.target)
        case "KIL-02":
            return None if kill.next_write == "ok" else f"the next write was answered {kill.next_write}"
    raise ValueError(f"{clause} does not apply to kills")


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
            # A best-effort call that fails may be tolerated; then there is no first error to report.
            must_fail = injection.call in ("open", "write", "fsync", "rename") or injection.writable
            return injection.what == "error and failing clean-up" and before_replace and must_fail
        case "FLT-09":
            return injection.what == "interrupt"
    raise ValueError(f"{clause} does not apply to in-process injections")


def _answer_is_true(injection: Injection) -> str | None:
    if injection.answer not in ("ok", "io"):
        return f"answered {injection.answer} ({injection.text}) instead of ok or io"
    if harm := harm_to(injection.target):
        return f"{harm}, and answered {injection.answer}"
    if injection.answer == "ok" and injection.target != "new":
        return f"answered ok, but {'the target is the old document' if injection.existed else 'there is no target'}"
    if injection.answer == "io" and injection.target != injection.target_before_fault:
        if injection.target_before_fault == "old" and not injection.existed:
            return f"answered io; there was no target at the fault, and now there is one, which is {injection.target}"
        return f"answered io; the target was {injection.target_before_fault} at the fault and is {injection.target} now"
    if injection.answer == "io" and injection.target == "old" and injection.touched:
        return "answered io and kept the old bytes, but the target is another file or has another time"
    return None


def _nothing_left(injection: Injection) -> str | None:
    if injection.left and injection.call != "unlink":
        return f"left {', '.join(injection.left)} behind"
    if injection.descriptors_left:
        if injection.descriptors_left <= injection.usual_descriptors:
            return f"left {injection.descriptors_left} descriptor(s) open, as every write does, with or without a fault"
        return f"left {injection.descriptors_left} descriptor(s) open"
    return None


def _next_works(injection: Injection) -> str | None:
    return None if injection.next_write == "ok" else f"the next write was answered {injection.next_write}"


def _not_replaced(injection: Injection) -> str | None:
    if injection.target != "old" or injection.touched:
        what = harm_to(injection.target) or f"the target was replaced or touched ({injection.target})"
        return f"{what}, although the {injection.call} had failed"
    if injection.answer != "io":
        return f"answered {injection.answer} instead of io"
    return None


def _first_error_reported(injection: Injection) -> str | None:
    if injection.answer == "io" and injection.answered_error != injection.error:
        reported = errno.errorcode.get(injection.answered_error, str(injection.answered_error))
        return f"reported {reported} instead of {errno.errorcode[injection.error]}, which came first"
    return _answer_is_true(injection)


def _interrupt_leaves_nothing(injection: Injection) -> str | None:
    if harm := harm_to(injection.target):
        return harm
    if injection.left:
        answered = f", and answered {injection.answer} ({injection.text})" if injection.answer != "interrupt" else ""
        return f"left {', '.join(injection.left)} behind{answered}"
    return None if injection.answer == "interrupt" else f"answered {injection.answer}: the interrupt was swallowed"


_JUDGES = {
    "FLT-01": _answer_is_true,
    "FLT-02": _nothing_left,
    "FLT-03": _next_works,
    "FLT-04": _not_replaced,
    "FLT-05": _not_replaced,
    "FLT-06": _not_replaced,
    "FLT-08": _first_error_reported,
    "FLT-09": _interrupt_leaves_nothing,
}
