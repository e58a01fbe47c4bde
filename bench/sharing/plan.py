"""Which cases are measured, table by table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from bench.sharing.measuring import Case
from bench.sharing.readers import WAYS, Way

__all__ = ["PAUSES", "TABLES", "Programs", "ways_command"]

Programs = Mapping[str, Sequence[str]]
"""Name of a program, as in `Way.program` → the command that starts it, without its arguments."""

PAUSES = (2, 20)  # milliseconds
_READERS = 4
_ON_WINDOWS = sys.platform == "win32"


def _python(opener: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "bench.sharing.worker", "read", opener)


def ways_command(way: Way, programs: Programs) -> tuple[tuple[str, ...], str]:
    """The command of a way's reader, and what it is run as: the program where there is one, else its share mode."""
    if way.program is None:
        return _python(way.word), "Python"
    if way.program in programs:
        return (*programs[way.program], way.word), "its own program"
    return _python(f"share {way.sharing}"), "Python, in its share mode"


def _plain(seconds: float | None, programs: Programs) -> list[Case]:
    return [
        Case("plain", writer, "`open()`", _python("open"), "Python", "read-write", _READERS, pause, seconds or 30.0)
        for pause in (*PAUSES, 0)
        for writer in ("orders", "reference")
    ]


def _ways(seconds: float | None, programs: Programs) -> list[Case]:
    return [
        Case("ways", writer, way.name, *ways_command(way, programs), way.sharing, _READERS, pause, seconds or 10.0)
        for way in WAYS
        for pause in PAUSES
        for writer in ("orders", "reference")
    ]


def _holding(seconds: float | None, programs: Programs) -> list[Case]:
    openers = (
        ("open", "reads, closes, sleeps", "read-write"),
        ("open, held", "reads, sleeps, closes", "read-write"),
        ("share read-write-delete", "reads, closes, sleeps", "read-write-delete"),
        ("shared, held", "reads, sleeps, closes", "read-write-delete"),
    )
    return [
        Case("holding", writer, text, _python(opener), "Python", sharing, readers, 20, seconds or 10.0)
        for opener, text, sharing in openers
        for readers in (1, _READERS)
        for writer in ("orders", "reference")
    ]


def _replace_file(seconds: float | None, programs: Programs) -> list[Case]:
    sharings = (("open", "read-write"), ("share read-write-delete", "read-write-delete"))
    return [
        Case("ReplaceFileW", writer, sharing, _python(opener), "Python", sharing, _READERS, 2, seconds or 10.0)
        for opener, sharing in sharings
        for writer in ("ReplaceFileW", "reference")
    ]


TABLES: Mapping[str, Callable[[float | None, Programs], list[Case]]] = {
    "plain": _plain,
    "ways": _ways,
    "holding": _holding,
    **({"ReplaceFileW": _replace_file} if _ON_WINDOWS else {}),
}
"""Name of a table → its cases, from the seconds of each (None: as the table asks for) and the programs at hand."""
