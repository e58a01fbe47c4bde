"""The names of temps, and the removal of those whose writer has died.

A name is ``.pulse-TARGET-WRITER-RANDOM.tmp``: a checksum of the target's own name, the writer's
identity (``system.writer_id``) and 128 random bits. Its length does not depend on the target's, so that a target
whose name has 255 bytes works.
"""

import os
import re
import stat
import zlib
from contextlib import suppress
from functools import lru_cache

from pulse._platform import system

__all__ = ["sweep", "temp_name"]

_SUFFIX = ".tmp"
_AFTER_PREFIX = re.compile(r"(.+)-[0-9a-f]{32}\.tmp")

_swept: set[str] = set()


@lru_cache(maxsize=64)
def _prefix(base: str) -> str:
    """How the name of every temp of the target named ``base`` begins."""
    return f".pulse-{zlib.crc32(base.encode(errors='surrogatepass')):08x}-"


def temp_name(base: str) -> str:
    """A new name for a temp of the target whose own name is ``base`` (VIS-03)."""
    return f"{_prefix(base)}{system.writer_id()}-{os.urandom(16).hex()}{_SUFFIX}"


def sweep(folder: str, base: str) -> None:
    """Remove the orphans of one target, once per target and process (KIL-03).

    Only a temp whose writer is certainly dead is removed: a regular file whose name is just as :func:`temp_name` makes
    it and names a process of this boot and this pid namespace that no longer exists. A live writer's temp is never
    touched, whatever its age, nor one from another machine or container. A failure here never fails the write, and one
    that cannot be removed does not save the others.

    Args:
        folder: the absolute path of the target's folder, with its separator at the end.
        base: the target's own name.
    """
    target = folder + base
    if target in _swept:
        return
    _swept.add(target)
    prefix = _prefix(base)
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir(folder)
    for name in names:
        if name.startswith(prefix):
            parts = _AFTER_PREFIX.fullmatch(name, len(prefix))
            if parts is not None and system.has_ended(parts[1]):
                with suppress(OSError):
                    _remove_file(folder + name)


def _remove_file(path: str) -> None:
    """Remove a regular file, and nothing else that has its name: a writer never makes a folder, link or FIFO."""
    if stat.S_ISREG(os.lstat(path).st_mode):
        system.remove(path)
