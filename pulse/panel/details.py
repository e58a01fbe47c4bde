"""Why a file holds no status, in words that say nothing of what else it holds: viewers may not read that file."""

import re
from typing import Final

from pulse.reader import Polled, ReadOutcome
from pulse.status import MEMBERS

__all__ = ["served_detail"]

_REASON: Final = re.compile(
    r"not a JSON (?:document|object)|unknown member|a member occurs twice|more than \d+ bytes"
    rf"|the member (?:{'|'.join(MEMBERS)}) is missing|(?:{'|'.join(MEMBERS)}) (?=must|has )"
)
"""The beginnings of the reader's messages that are the same whatever the file holds."""


def served_detail(polled: Polled) -> str:
    """The detail of a poll as every viewer may read it: without names and values from the file."""
    if polled.outcome is not ReadOutcome.INVALID:
        return polled.detail  # it has the path, and what the system said
    found = _REASON.match(polled.detail)
    if found is None:
        return "no valid status"
    return f"{found[0]}is not valid" if found[0].endswith(" ") else found[0]
