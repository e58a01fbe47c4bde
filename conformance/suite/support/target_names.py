"""The names and paths of targets that writers (MET-05) and readers (RDR-01) are given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from conformance.contract.errors import Unmeasured
from conformance.system.windows import verbatim

NAMES = {
    "space": "my status file.json",
    "leading-space": " status.json",
    "cyrillic": "статус обучения.json",
    "emoji": "run 🎉.json",
    "combining": "re\u0301sume\u0301.json",
    "no-extension": "status",
    "many-dots": "a.b.c.d.json",
    "leading-dot": ".status.json",
    "leading-dash": "-rf.json",
    "percent": "100%s.json",
    "percent-encoded": "run%2D1%20a.json",
    "backup": "status.json~",
    "brackets": "run[1]{2}.json",
    "shell": "a;b&c$HOME`d`.json",
    "quotes": "it's.json",
    "longest": "n" * 250 + ".json",
    "longest-unicode": "ё" * 125 + ".json",
}
POSIX_NAMES = {
    "newline": "a\nb.json",
    "backslash": "a\\b.json",
    "double-quotes": 'a"b.json',
    "star": "a*?.json",
    "trailing-space": "status.json ",
}


LONG = (1030, 2050, 4090)  # bytes: a little more than usual buffers, and almost what Linux takes


def named(folder: Path, name: str) -> Path:
    """The path of the target that has this one of the names. Raises Unmeasured where the system does not take it."""
    if name in POSIX_NAMES and sys.platform == "win32":
        raise Unmeasured("Windows does not allow this name")
    target = folder / {**NAMES, **POSIX_NAMES}[name]
    if sys.platform == "win32":
        if len(str(target)) > 259:
            raise Unmeasured("the path is longer than MAX_PATH (see WIN-06)")
        if name == "longest-unicode":
            _require_names_in_characters(folder)
    return target


def _require_names_in_characters(folder: Path) -> None:
    """Raise Unmeasured under Wine if the host's file system limits names in bytes: no Windows program can know that."""
    probe = verbatim(folder / ("ё" * 200))
    try:
        probe.touch()
    except OSError as error:
        raise Unmeasured("a name of 200 characters is too long here, although Windows itself allows it") from error
    probe.unlink()


def longest_path(folder: Path) -> int:
    """The bytes of the longest path that the system takes, and one. Raises Unmeasured on Windows."""
    if sys.platform == "win32":
        raise Unmeasured("long paths on Windows are covered by WIN-06")
    return os.pathconf(folder, "PC_PATH_MAX")


def of_length(folder: Path, length: int) -> Path:
    """A target below the folder whose path has this many bytes, in a folder that is made for it.

    Raises Unmeasured where the system does not take such a path.
    """
    limit = longest_path(folder)
    if length >= limit:
        raise Unmeasured(f"the system takes no path of more than {limit - 1} bytes")
    target = folder
    while (room := length - len(os.fsencode(target))) > 0:
        target /= "n" * (room - 1 if room <= 200 else min(199, room - 3))
    target.parent.mkdir(parents=True)
    return target
