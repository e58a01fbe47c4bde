"""The folder for temporary files, as the user named it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["temporary_folder"]

_VARIABLES = ("TMPDIR", "TEMP", "TMP")  # in the order of Python's tempfile


def temporary_folder() -> Path:
    """The folder that TMPDIR names (then TEMP, TMP), or the system's own; on Windows that of `tempfile.gettempdir`.

    `tempfile` takes another folder without a word when the named one is missing or full: then another file system would
    be judged than the one that was asked for. Here it is returned as it is, so that using it fails.
    """
    named = next(filter(None, map(os.environ.get, _VARIABLES)), None)
    if named is None or sys.platform == "win32":  # there both are always set, by various tools, in various notations
        return Path(tempfile.gettempdir())
    return Path(named).absolute()
