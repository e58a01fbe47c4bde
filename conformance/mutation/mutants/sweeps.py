"""Writers that clean up more than they may: files that are old, or whose writer only seems to be dead."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import time
from collections.abc import Callable

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

_HOUR = 3600  # seconds


def _sweep(target: str, pattern: str, removable: Callable[[str], bool]) -> None:
    folder = os.path.dirname(target)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if re.fullmatch(pattern, name) and path != target:
            with contextlib.suppress(OSError, ValueError):
                if removable(path):
                    os.unlink(path)


def _is_old(path: str) -> bool:
    return time.time() - os.stat(path).st_mtime > _HOUR


@mutant("sync_folder", caught_by="CON-02")
def anything_old_is_removed(self: Honest, target: str) -> None:
    """Removes every *.tmp in the folder that is older than an hour, whichever program made it."""
    Honest.sync_folder(self, target)
    _sweep(target, r".*\.tmp", _is_old)


@mutant("discard", caught_by="CON-02")
def backups_expire_on_failure(self: Honest, temp: str) -> None:
    """Cleans up after a failed write: removes backups that are older than an hour."""
    Honest.discard(self, temp)
    _sweep(temp, r".*(~|\.bak|\.old|\.new)", _is_old)


@mutant("sync_folder", caught_by="VIS-03", on=("linux",))
def own_temps_die_of_age(self: Honest, target: str) -> None:
    """Removes temps with names like its own that are older than an hour, although a stopped writer may own them."""
    Honest.sync_folder(self, target)
    _sweep(target, r"\.[0-9a-f]{16}\.tmp", _is_old)


@mutant("sync_folder", caught_by="VIS-03", on=("linux",))
def temps_swept_at_the_end(self: Honest, target: str) -> None:
    """When it is stopped, removes every file with a name like that of its own temps from the last target's folder."""
    Honest.sync_folder(self, target)
    if not self.memory:
        atexit.register(lambda: _sweep(self.memory["last"], r"\.[0-9a-f]{16}\.tmp", lambda path: True))
    self.memory["last"] = target
