"""What was seen at one point of a write: the record that the clauses judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.oracle.faults import Injection, State
from conformance.syscalls.points import Point, What
from conformance.syscalls.recording import Place

__all__ = ["Visit", "hung"]


@dataclass(frozen=True)
class Visit:
    """What was seen at one point. ``trace`` is the annotated trace. ``caught`` means that a handler of SIGINT (SIGTERM)
    let the program go on, ``lost`` that it was ignored at this point of the write only, ``ignored`` that it always is,
    ``discarded`` that it was blocked at this point of the write only, and that the program went on without a handler.

    ``closed_twice`` means that a descriptor whose close had been interrupted was closed once more. ``cleaning_failed``
    means that an injected error hit the clean-up, ``removal_failed`` that it hit the removal of a file. ``linked``
    means that a link, and no rename, gave the target's name a file where there was none. ``sync_skipped`` means that
    the published file was not synced after this point.
    """

    point: str
    what: What
    injection: Injection
    trace: tuple[str, ...]
    caught: bool = True
    lost: bool = False
    ignored: bool = False
    discarded: bool = False
    closed_twice: bool = False
    cleaning_failed: bool = False
    removal_failed: bool = False
    on_target: str = ""  # what was done to the target itself, in words
    of_the_temp: Mapping[str, str] = field(default_factory=dict)  # the clauses that its order breaks, and how, in words
    linked: bool = False
    sync_skipped: bool = False
    new_readers: str = ""  # who may read the target now and could not before, in words
    next_torn: str = ""  # what a power cut may leave of the target in the next write (PWR-01), in words
    next_lost: str = ""  # and after it (PWR-02)
    next_trace: tuple[str, ...] = ()  # of the next write; empty when it was not followed


def hung(point: Point, place: Place, before: State, text: str) -> Visit:
    """A program that neither answered nor ended after a signal; what it did cannot be known any more."""
    injection = Injection(
        what="interrupt",
        call=point.key,
        position=point.number,
        error=0,
        writable=False,
        fired=True,
        target_before_fault=before,
        answer="hang",
        answered_error=0,
        text=text,
        target=place.state(),
        touched=False,
        left=(),
        descriptors_left=0,
        next_write="",
    )
    return Visit(point.name, point.what, injection, ())
