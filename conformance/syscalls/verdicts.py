"""What a visit means: the pure functions that judge it, besides those that all fault engines share."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Sequence

from conformance.oracle.faults import Injection, concerns, harm_to, judge
from conformance.syscalls.visit import Visit
from conformance.system.error_names import names_error

__all__ = ["judged", "problem"]

_ALSO_FAULTS = ("short", "EINTR", "lasting")


def judged(clause: str, visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """The visits that a clause is about."""
    match clause:
        case "FLT-07":
            return tuple(visit for visit in visits if visit.what == "EINTR")
        case "KIL-05":
            return tuple(visit for visit in visits if not visit.ignored)
        case "KIL-06":
            return tuple(visit for visit in visits if visit.caught and visit.injection.answer != "hang")
        case "FLT-08":
            failed = {_place(visit) for visit in visits if visit.what == "error" and visit.injection.answer == "io"}
            cleaned = [
                visit for visit in visits if visit.what == "error and failing clean-up" and visit.cleaning_failed
            ]
            return tuple(visit for visit in cleaned if _place(visit) in failed and _reported_alone(visit, visits))
        case "VIS-06":
            return tuple(visit for visit in visits if visit.what == "short" or _is_interrupted_write(visit))
        case "VIS-01":
            return tuple(visit for visit in visits if visit.what == "error")
        case "VIS-02" | "VIS-03" | "VIS-04":
            return tuple(visit for visit in visits if visit.what in ("error", *_ALSO_FAULTS))
        case "FLT-06":
            # Every injected rename error persists: if the target is new, it was published in another way.
            return tuple(visit for visit in visits if visit.what == "error" and _is_refused_replace(visit))
        case "PWR-01" | "PWR-02":
            return tuple(
                visit for visit in visits if visit.next_trace and (clause == "PWR-01" or not _unsupported(visit))
            )
        case "MET-11":
            return tuple(
                visit for visit in visits if visit.what in ("error", *_ALSO_FAULTS) and visit.injection.existed
            )
    # A process that ends instead of answering is one failure, of FLT-01.
    visits = [visit for visit in visits if clause == "FLT-01" or visit.injection.answer != "crash"]
    always = clause in ("FLT-01", "FLT-02", "FLT-03")
    faulty = [visit for visit in visits if visit.what == "error" or (always and visit.what in _ALSO_FAULTS)]
    return tuple(visit for visit in faulty if concerns(clause, visit.injection))


def problem(clause: str, visit: Visit) -> str | None:
    """Say in words how a visit breaks a clause that is about it, or return None."""
    injection = visit.injection
    match clause:
        case "FLT-07":
            return _not_retried(visit)
        case "FLT-08":
            first = injection.error
            if injection.answer == "io" and not names_error(injection.text, first):
                return f"reported {injection.text!r}, which does not name {errno.errorcode[first]}, the first error"
            return judge("FLT-01", injection)
        case "FLT-09":
            return _interrupted(visit)
        case "KIL-01":
            return _killed(visit)
        case "KIL-02":
            works = injection.next_write.startswith("ok")
            return None if works else f"the next write was answered {injection.next_write}"
        case "KIL-05":
            return _terminated(visit)
        case "KIL-06":
            return f"left {', '.join(injection.left)} behind" if injection.left else None
        case "FLT-02" if visit.what == "lasting" and visit.removal_failed:
            return judge(clause, dataclasses.replace(injection, left=()))
        case "VIS-06":
            return _short(visit)
        case "VIS-01":
            return visit.on_target or None
        case "VIS-02" | "VIS-03" | "VIS-04":
            return visit.of_the_temp.get(clause)
        case "PWR-01":
            return f"in the next write, {visit.next_torn}" if visit.next_torn else None
        case "PWR-02":
            return f"in the next write, {visit.next_lost}" if visit.next_lost else None
        case "MET-11":
            return f"more may read the target than before: {visit.new_readers}" if visit.new_readers else None
    return judge(clause, injection)


def _is_interrupted_write(visit: Visit) -> bool:
    return visit.what == "EINTR" and visit.injection.call == "write"


def _unsupported(visit: Visit) -> bool:
    """Whether the fault was that of a file system that cannot sync a folder: a writer may remember that."""
    return "sync-folder" in visit.point and visit.injection.error in (errno.EINVAL, errno.ENOTSUP)


def _is_refused_replace(visit: Visit) -> bool:
    # A first document that is linked to its name takes no file's place: FLT-01 says whether it is whole.
    return visit.injection.call == "rename" and visit.injection.target_before_fault == "old" and not visit.linked


def _place(visit: Visit) -> tuple[int, int]:
    return visit.injection.position, visit.injection.error


def _reported_alone(visit: Visit, visits: Sequence[Visit]) -> bool:
    """Whether the implementation reports this error when nothing else fails: only then can it be hidden."""
    return any(
        other.what == "error"
        and _place(other) == _place(visit)
        and names_error(other.injection.text, visit.injection.error)
        for other in visits
    )


def _not_retried(visit: Visit) -> str | None:
    injection = visit.injection
    if visit.closed_twice:
        return "the descriptor was closed a second time after a close that EINTR had interrupted"
    if injection.call.startswith("close") or injection.target_before_fault == "new":
        return judge("FLT-01", injection)
    if injection.answer != "ok" or injection.target != "new":
        what = harm_to(injection.target) or _left(injection)
        return f"answered {injection.answer} ({injection.text}) and {what}"
    if injection.call == "fsync" and visit.sync_skipped:
        return "answered ok, but the file was published without another sync: the interrupted one was taken for done"
    return None


def _left(injection: Injection) -> str:
    return f"left the target {injection.target}" if injection.existed else "there is no target"


def _interrupted(visit: Visit) -> str | None:
    injection = visit.injection
    if harm := harm_to(injection.target):
        return harm
    if visit.lost:
        return "SIGINT was ignored there, though not before the write: the interrupt is lost"
    if visit.discarded:
        return "SIGINT was blocked there, though not before the write, and then discarded: the interrupt is lost"
    if not visit.caught:  # the language's runtime ends the process: judged as a kill
        return None
    answered = f", and answered io ({injection.text})" if injection.answer == "io" else ""
    return f"left {', '.join(injection.left)} behind{answered}" if injection.left else None


def _terminated(visit: Visit) -> str | None:
    injection = visit.injection
    if injection.answer == "hang":
        return f"after SIGTERM it neither ended nor answered: it {injection.text}"
    if visit.lost:
        return "SIGTERM was ignored there, though not before the write: it is lost"
    if visit.discarded:
        return "SIGTERM was blocked there, though not before the write, and then discarded: it is lost"
    if injection.answer == "ok" and injection.target != "new":
        return f"answered ok after SIGTERM, but the target is {injection.target}"
    return _killed(visit)


def _killed(visit: Visit) -> str | None:
    return harm_to(visit.injection.target)


def _short(visit: Visit) -> str | None:
    injection = visit.injection
    if injection.answer == "ok" and injection.target != "new":
        what = harm_to(injection.target) or _left(injection)
        took = "no bytes (EINTR)" if visit.what == "EINTR" else "fewer bytes than given"
        return f"the system took {took}; answered ok, but {what}"
    return judge("FLT-01", injection)
