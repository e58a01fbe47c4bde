"""What a target holds, among the documents that the laboratory has a program write."""

from __future__ import annotations

from pathlib import Path

from conformance.contract.errors import Violation
from conformance.oracle.faults import State
from conformance.oracle.payload import identify
from conformance.system.file_kinds import NotAFile
from conformance.system.share_modes import read_shared

__all__ = ["NEW", "NEXT", "OLD", "sequence_at", "state_of"]

OLD, NEW, NEXT = 1, 2, 3  # sequence numbers of the documents


def state_of(path: Path) -> State:
    """What the target is: ``old``, ``new``, ``missing``, ``torn``, ``unreadable``, ``other`` (another whole document),
    or what is in its place, such as ``a folder``.
    """
    try:
        sequence = identify(read_shared(path))[1]
    except FileNotFoundError:
        return "missing"
    except NotAFile as error:
        return error.kind
    except OSError:
        return "unreadable"
    except Violation:
        return "torn"
    states: dict[int, State] = {OLD: "old", NEW: "new"}
    return states.get(sequence, "other")


def sequence_at(path: Path) -> int | None:
    """The number of the whole document in a file, -1 for anything else, None when there is no file."""
    try:
        return identify(read_shared(path))[1]
    except FileNotFoundError:
        return None
    except (OSError, Violation):
        return -1
