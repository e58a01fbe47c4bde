"""The control program: ``python readable.py [PATH…]`` opens each file, and all files of each folder, and says `READY`.

Otherwise it prints which one it may not read. The first path after ``--listed`` is listed only. It imports nothing of
the kit, which need not be readable where it runs.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator

__all__ = ["LISTED", "READY", "main"]

READY = "ready"
LISTED = "--listed"
_MOST_FILES = 10_000  # of one folder


def main(arguments: list[str]) -> str:
    """`READY`, or which path may not be read, in words."""
    try:
        if LISTED in arguments:
            os.listdir(arguments[arguments.index(LISTED) + 1])
            arguments = arguments[: arguments.index(LISTED)]
        for path in arguments:
            for count, file in enumerate(_files(path)):
                if count == _MOST_FILES:
                    break
                _read(file)
    except PermissionError as error:
        return str(error)
    return READY


def _files(path: str) -> Iterator[str]:
    """The file itself, or all files below a folder. Raises PermissionError for a folder that may not be listed."""
    if not os.path.isdir(path):
        yield path
        return
    for parent, _, names in os.walk(path, onerror=_raise):
        yield from (os.path.join(parent, name) for name in names)


def _raise(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise error


def _read(path: str) -> None:
    """Raises PermissionError; what is no file, or gone, is no obstacle."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb"):
                pass


if __name__ == "__main__":
    print(main(sys.argv[1:]))
