"""Results of polls, made by hand."""

from typing import Any

from pulse.liveness import Evidence, Liveness
from pulse.reader import Polled, ReadOutcome
from pulse.status import TrainingStatus, progress
from pulse.watch.words import Row

UNUSABLE = "not a JSON document: Unterminated string starting at: line 1 column 5 (char 4)"


def polled(status: str | None = "running", epoch: float = 0.0, total: float = 0.0, **members: Any) -> Polled:
    """A poll of a run: its status has ``loss``, ``message`` and ``timestamp``, :class:`Polled` the other members."""
    told: dict[str, Any] = {"loss": 0.0, "message": "", "timestamp": 1764345613}
    told = {name: members.pop(name, value) for name, value in told.items()}
    document = None if status is None else TrainingStatus.create(status, epoch, total, **told)
    values: dict[str, Any] = {
        "status": document,
        "fresh": document is not None,
        "outcome": ReadOutcome.OK,
        "detail": "",
        "liveness": Liveness.ENDED if status in ("done", "error") else Liveness.FRESH,
        "unchanged_seconds": None if document is None else 2.0,
        "evidence": None if document is None else Evidence.OBSERVED,
        "unreadable_seconds": None,
        "progress": 0.0 if document is None else progress(document),
        "rate": None,
        "eta_seconds": None,
    }
    return Polled(**{**values, **members})


def stalled(seconds: float = 185.0, evidence: Evidence = Evidence.OBSERVED, **members: Any) -> Polled:
    """A run that was silent for too long."""
    return polled("running", liveness=Liveness.STALLED, unchanged_seconds=seconds, evidence=evidence, **members)


def missing(seconds: float = 12.0) -> Polled:
    """A file that was never there."""
    detail = "[Errno 2] No such file or directory: 'x.json'"
    return polled(
        None,
        liveness=Liveness.UNREADABLE,
        outcome=ReadOutcome.MISSING,
        detail=detail,
        unreadable_seconds=seconds,
    )


def broken(status: str = "running", epoch: float = 0.0, total: float = 0.0, **members: Any) -> Polled:
    """A file that held a status, and now holds half a document."""
    return polled(
        status,
        epoch,
        total,
        liveness=Liveness.UNREADABLE,
        outcome=ReadOutcome.INVALID,
        detail=UNUSABLE,
        unreadable_seconds=14.0,
        **members,
    )


def row(name: str, poll: Polled, losses: tuple[float, ...] = ()) -> Row:
    """A row whose path follows from its name."""
    return Row(f"runs/{name}.json", name, poll, losses)
