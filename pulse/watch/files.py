"""Which files ``pulse watch`` looks at: patterns are expanded here, because the shells of Windows do not."""

import glob
import os
from collections.abc import Sequence
from functools import partial

from pulse.watch.asking import Asking

__all__ = ["all_folders", "expanded"]


def expanded(arguments: Sequence[str], patience: float) -> list[str]:
    """The files that the arguments name, each once.

    Args:
        arguments: from the command line. A pattern that matches nothing stands for itself.
        patience: as that of :class:`Asking`; a pattern whose disk does not answer stands for itself, too.
    """
    patterns = [argument for argument in dict.fromkeys(arguments) if glob.has_magic(argument)]
    asking: Asking[str, list[str]] = Asking(patience)
    matches = asking.ask({pattern: partial(_matches, pattern) for pattern in patterns})
    found = (path for argument in arguments for path in matches.get(argument) or [argument])
    return list({os.path.abspath(path): path for path in found}.values())


def all_folders(paths: Sequence[str], patience: float) -> bool:
    """Whether there is nothing but folders; not if their disk does not answer."""
    asking: Asking[None, bool] = Asking(patience)
    return asking.ask({None: lambda: all(map(os.path.isdir, paths))}).get(None, False)


def _matches(pattern: str) -> list[str]:
    """The files, and not the folders, that match; of a name that only looks like a pattern, that file."""
    if os.path.lexists(pattern):
        return [pattern]
    found = sorted(glob.glob(pattern))
    return [path for path in found if not os.path.isdir(path)] or found
