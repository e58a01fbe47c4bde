"""Which files of a folder the kit has written there itself: reports lie in the folder of what is judged, too."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

__all__ = ["report_files"]

# What each kind of report begins with, as its first file is written. Of a run that has just begun it is still empty.
_FIRST = {
    "results.jsonl": re.compile(rb'\Z|\{"type": "header", "format": \d+, "kit": "'),
    "matrix.json": re.compile(rb'\{\s*"format": \d+,\s*"kit": "'),
    "audit.json": re.compile(rb'\{\s*"format": \d+,\s*"decision": "'),
}
_NAMES = frozenset(
    (*_FIRST, "report.html", "report.md", "junit.xml", "badge.json", "summary.md", "audit.html", "audit.md")
)
_LOOKED_AT = 200  # bytes


def report_files(folder: Path, names: Collection[str]) -> frozenset[str]:
    """Those of the names in a folder that are of a report of the kit's.

    They are known by their names, where at least one of them has the kit's own beginning. So nothing else can be passed
    off as a part of a report: a program beside a ``results.jsonl`` is still a file of the program. Raises OSError.
    """
    found = frozenset(name for name in _NAMES.intersection(names) if (folder / name).is_file())
    return found if any(_is_first(folder / name, _FIRST[name]) for name in found & _FIRST.keys()) else frozenset()


def _is_first(path: Path, beginning: re.Pattern[bytes]) -> bool:
    with path.open("rb") as stream:
        return beginning.match(stream.read(_LOOKED_AT)) is not None
