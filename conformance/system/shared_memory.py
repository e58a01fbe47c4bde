"""Shared memory that outlives the programs that made it: what was left during a run is named, and stays where it is.

The system does not say who made a segment that no process uses, so that the kit removes none: it might be that of
another program.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Segment", "left_since", "segments", "warning_of"]

_POSIX = Path("/dev/shm")  # shm_overview(7)
_SYSTEM_V = Path("/proc/sysvipc/shm")  # proc_sysvipc(5)
_SHOWN = 3


@dataclass(frozen=True)
class Segment:
    """A segment of shared memory. ``number`` is its inode, or the id of a System V segment."""

    name: str
    number: int
    user: int

    @property
    def command(self) -> str:
        """What removes it."""
        return shlex.join(["rm", self.name] if self.name.startswith("/") else ["ipcrm", "-m", str(self.number)])


def segments(*, unused: bool = False, posix: Path = _POSIX, system_v: Path = _SYSTEM_V) -> frozenset[Segment]:
    """All segments of all users, or those that no process uses, as far as this one can see. None but on Linux."""
    if sys.platform != "linux":
        return frozenset()
    found: set[Segment] = set()
    with contextlib.suppress(OSError), os.scandir(posix) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # gone
                if entry.is_file(follow_symlinks=False):
                    about = entry.stat(follow_symlinks=False)
                    found.add(Segment(entry.path, about.st_ino, about.st_uid))
    if unused and found:
        used = _open_files()
        found = {segment for segment in found if segment.name not in used}
    with contextlib.suppress(OSError):
        heading, *lines = (line.split() for line in system_v.read_text(encoding="ascii").splitlines())
        for line in lines:
            of = dict(zip(heading, line, strict=False))
            if not (unused and int(of["nattch"])):
                found.add(Segment(f"System V segment {of['shmid']}", int(of["shmid"]), int(of["uid"])))
    return frozenset(found)


def left_since(before: Collection[Segment], user: int | None = None) -> tuple[Segment, ...]:
    """The segments that were not there ``before``, that no process uses, and that belong to this process's user, or to
    another ``user``; by name.
    """
    if sys.platform != "linux" or segments() <= set(before):
        return ()
    users = {os.geteuid(), user}
    new = segments(unused=True) - set(before)
    return tuple(sorted((each for each in new if each.user in users), key=lambda each: each.name))


def warning_of(left: Collection[Segment]) -> str:
    """What was left, in words; empty where nothing was."""
    if not left:
        return ""
    names = ", ".join(each.name for each in [*left][:_SHOWN])
    more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    commands = "; ".join(each.command for each in [*left][:_SHOWN])
    return (
        f"warning: shared memory appeared during the run, and no process uses it: {names}{more}; "
        f"if the program left it, remove it yourself: {commands}"
    )


def _open_files() -> set[str]:
    """The paths that processes have mapped or open."""
    found: set[str] = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            maps = Path("/proc", process, "maps").read_text(encoding="utf-8", errors="surrogateescape")
            found.update(line.partition("/")[1] + line.partition("/")[2] for line in maps.splitlines() if "/" in line)
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(f"/proc/{process}/fd/{descriptor}"))
    return found
