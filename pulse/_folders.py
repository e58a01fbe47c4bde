"""The folder of a status file, which is made when a write finds it missing."""

import os
from collections.abc import Callable

__all__ = ["with_folder"]


def with_folder(path: str, write: Callable[[], object]) -> None:
    """Write a file; if its folder is missing, make that and write again.

    The folder is not looked for before: that would be one more thing for which a disk may let its caller wait.

    Args:
        path: the file.
        write: writes it.

    Raises:
        OSError: the folder could not be made, or as ``write``, whose other errors go on too.
    """
    try:
        write()
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write()
