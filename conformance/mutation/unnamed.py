"""A temp that gets its name when it is complete: what mutants and variants share of O_TMPFILE."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from conformance.mutation.contexts import closing
from conformance.mutation.honest import Honest

__all__ = ["filled_without_a_name"]

_UNNAMED = getattr(os, "O_TMPFILE", 0) | getattr(os, "O_CLOEXEC", 0)  # Linux has both
_NOT_OFFERED = (errno.EOPNOTSUPP, errno.EISDIR)


def filled_without_a_name(self: Honest, temp: str, target: str, data: bytes, otherwise: Callable[[], None]) -> None:
    """`Honest.fill_temp` of a file without a name, linked to it at the end; ``otherwise`` where there are none."""
    try:
        unnamed = os.open(os.path.dirname(temp), os.O_WRONLY | _UNNAMED, 0o666)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
        otherwise()
        return
    with closing(unnamed) as descriptor:
        self.send(descriptor, data)
        self.sync(descriptor)
        # Python follows the link only with linkat(2), which it calls when it gets a folder; a whole path needs none.
        os.link(f"/proc/self/fd/{descriptor}", temp, src_dir_fd=descriptor)
        self.keep_metadata(temp, target)
        self.sync(descriptor)
