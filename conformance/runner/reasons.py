"""Why a case failed, without what the seed, the clock or a process has put into the message: names of temps, and sizes
and names of documents that the kit has drawn. Pure functions.
"""

from __future__ import annotations

import re

from conformance.reporting.escaping import printable
from conformance.runner.target_folders import FOLDER_OF_A_CASE

__all__ = ["cause_of", "is_drawn", "reason_of"]

_TARGET = "status.json"  # of all cases but those with drawn names
_LONG_RUN = re.compile(r"(.)\1{19,}")  # of one character, as in the longest names
_DRAWN = re.compile(r" \(a document of [\d,]+ bytes at (\S+)\)$")
_SIZE_BEFORE = re.compile(r"^a document of [\d,]+ bytes: ")
_SIZE = re.compile(r"\d[\d,]*(?= of [\d…]| bytes)")
# The part of a temp's name that is another one each time: after a dot or the like, with at least one digit.
_RANDOM = re.compile(r"(?:(?<=[A-Za-z][._-])|(?<=[\s'\"]\.))(?=[A-Za-z]*\d)[A-Za-z0-9]{4,}|(?<=\btmp)[a-z0-9_]{8}\b")
# Numbers, and whatever is quoted, differ between cases that fail for one reason.
_OF_A_CASE = re.compile(r"'[^']*'|\"[^\"]*\"|[\d…][\d,]*")


def is_drawn(message: str) -> bool:
    """Whether a failure was seen at a size and a name that were drawn: another seed has others."""
    return _DRAWN.search(_first_line(message)) is not None


def reason_of(message: str) -> str:
    """The first line, as it would be with another seed."""
    line = _first_line(message)
    if drawn := _DRAWN.search(line):
        name = rf"(?<!\w){re.escape(drawn[1])}(?!\w)"
        line = _SIZE.sub("…", re.sub(name, _TARGET, line[: drawn.start()]))
    return _LONG_RUN.sub(r"\1\1\1…", _RANDOM.sub("…", _SIZE_BEFORE.sub("", line)))


def cause_of(message: str) -> str:
    """What the messages of failures for one reason have in common."""
    return _OF_A_CASE.sub("", reason_of(message))


def _first_line(message: str) -> str:
    return FOLDER_OF_A_CASE.sub("", " ".join(printable(message.partition("\n")[0]).split()))
