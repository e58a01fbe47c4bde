"""Writers and readers that are right where they were written: in another place, locale or time zone they are not."""

from __future__ import annotations

import calendar
import contextlib
import datetime
import locale
import math
import time
from typing import Any

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

_POSIX = ("linux", "macos")


@mutant("fill_in", caught_by="DOC-08", on=_POSIX)
def utc_taken_for_local_time(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Takes the time of day in UTC for local time, as `datetime.utcnow().timestamp()` does."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return Honest.fill_in(self, {"timestamp": int(now.timestamp()), **given})


@mutant("fill_in", caught_by="DOC-08", on=_POSIX)
def summer_time_forgotten(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Adds the zone's winter offset to local time, so that it is off by the summer time of half of the year."""
    return Honest.fill_in(self, {"timestamp": calendar.timegm(time.localtime()) + time.timezone, **given})


@mutant("serialise", caught_by="DOC-10", on=("linux",))
def decimal_point_of_the_locale(self: Honest, document: dict[str, Any]) -> bytes:
    """Prints the loss as the user's locale prints numbers, as printf(3) does after setlocale(3)."""
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_NUMERIC, "")
    loss = document["loss"]
    point = locale.localeconv()["decimal_point"]
    return Honest.serialise(self, document).replace(repr(loss).encode(), repr(loss).replace(".", point).encode(), 1)


@mutant("resolve", caught_by="MET-05", on=_POSIX)
def target_without_its_last_space(self: Honest, path: str) -> str:
    """Takes white space at the end of a path for a line end that was left there."""
    return Honest.resolve(self, path.rstrip())


@mutant("parse", caught_by="RDR-01", on=("linux",))
def numbers_end_at_the_point(self: Honest, data: bytes) -> dict[str, Any] | None:
    """Reads numbers as strtod(3) does after setlocale(3): where there is a decimal comma they end at the point."""
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_NUMERIC, "")
    found = Honest.parse(self, data)
    if found is None or locale.localeconv()["decimal_point"] == ".":
        return found
    return {name: math.trunc(value) * 1.0 if isinstance(value, float) else value for name, value in found.items()}
