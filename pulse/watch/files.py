"""Which files ``pulse watch`` looks at: patterns are expanded here, because the shells of Windows do not."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pulse._patience import Patience
from pulse.reader import Polled, ReadOutcome, StatusReader

__all__ = ["File", "PatternReader", "all_folders", "expanded"]


@dataclass(frozen=True)
class File:
    """A file to look at."""

    path: str
    """As the user named it, or as it was found."""
    pattern: bool = False
    """Whether this is a pattern that has matched nothing: a file of this very name may come yet."""


class PatternReader(StatusReader):
    """Reads a file with the name of a pattern, and says while there is none what that means."""

    def poll(self) -> Polled:
        """Read once; it never raises."""
        polled = super().poll()
        if polled.outcome is not ReadOutcome.MISSING:
            return polled
        return replace(polled, detail="no file matches; patterns are expanded once, at the start")


def expanded(arguments: Sequence[str], patience: float) -> list[File]:
    """The files that the arguments name, each once.

    Args:
        arguments: from the command line.
        patience: as that of :class:`Patience`; a pattern whose disk does not answer has matched nothing.
    """
    patterns = [argument for argument in dict.fromkeys(arguments) if glob.has_magic(argument)]
    matches = Patience(_matches, patience).ask(patterns)
    found: list[File] = []
    for argument in arguments:
        paths = matches.get(argument) if argument in patterns else [argument]
        found += map(File, paths) if paths else [File(argument, pattern=True)]
    return list({os.path.abspath(file.path): file for file in found}.values())


def all_folders(files: Sequence[File], patience: float) -> bool:
    """Whether there is nothing but folders; not if their disk does not answer."""
    paths = tuple(file.path for file in files)
    return Patience(_are_folders, patience).ask([paths]).get(paths, False)


def _are_folders(paths: tuple[str, ...]) -> bool:
    return all(map(os.path.isdir, paths))


def _matches(pattern: str) -> list[str]:
    """The files, and not the folders, that match; of a name that only looks like a pattern, that file."""
    if os.path.lexists(pattern):
        return [pattern]
    found = sorted(glob.glob(pattern))
    return [path for path in found if not os.path.isdir(path)] or found
