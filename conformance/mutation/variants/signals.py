"""Writers to whom a signal means something unusual but correct."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

from conformance.mutation.honest import Honest
from conformance.mutation.registry import variant

# Windows removes no file that is open.
if sys.platform != "win32":

    @variant("fill_temp")
    def descriptor_left_by_an_interrupt(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Closes the temp after an error but not after an interrupt, which ends the process."""
        descriptor = self.create(temp)
        try:
            self.send(descriptor, data)
            self.keep_metadata(temp, target)
            self.sync(descriptor)
        except Exception:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        self.close(descriptor)


if sys.platform == "linux":
    _libc = ctypes.CDLL(None, use_errno=True)

    @variant("create")
    def open_not_made_again(self: Honest, temp: str) -> int:
        """Treats EINTR from open(2) as a failure: on a regular file the manual page gives no such error."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = int(_libc.open(os.fsencode(temp), flags, ctypes.c_uint(0o666)))
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), temp)
        return descriptor
