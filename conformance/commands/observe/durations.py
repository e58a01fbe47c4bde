"""Durations on the command line: ``10m``, ``1.5s``, ``250ms``."""

from __future__ import annotations

import math
import re

import click

__all__ = ["DURATION", "in_words", "seconds_of"]

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str) -> float:
    """``10m`` → 600.0; a number alone is of seconds. Raises ValueError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h|d|)\s*", text, re.ASCII)
    seconds = float(found[1]) * _UNITS[found[2]] if found else math.inf
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is no duration; write it as 500ms, 30s, 10m, 2h or 1d")
    return seconds


def in_words(seconds: float) -> str:
    """``0.25`` → ``250 ms``, ``90.0`` → ``90.0 s``, ``600.0`` → ``10.0 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    for size, unit in ((172800, "days"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:.1f} {unit}"
    return f"{seconds:.1f} s"


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> float:
        """As `seconds_of`; what is wrong ends the command as a usage error."""
        if isinstance(value, float):
            return value
        try:
            return seconds_of(str(value))
        except ValueError as error:
            self.fail(str(error), parameter, context)


DURATION = _Duration()
"""The type of a click option."""
