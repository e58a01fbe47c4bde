"""Writers that go on after a fault, or remember it, and are right to."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys

from conformance.mutation.honest import Honest, keep_owner_and_mode
from conformance.mutation.registry import variant

_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP)

if sys.platform != "win32":

    @variant("fill_temp", doubted_by=("FLT-*", "MET-*", "PWR-*"))
    def private_if_the_mode_cannot_be_set(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Makes the temp readable for its owner alone, and publishes it so when the mode or the list cannot be set."""
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _mode(target))
        try:
            self.send(descriptor, data)
            with contextlib.suppress(FileNotFoundError):
                old = os.stat(target)
                try:
                    keep_owner_and_mode(temp, target, old)
                except OSError:
                    with contextlib.suppress(OSError):
                        os.chmod(temp, stat.S_IRUSR | stat.S_IWUSR)
            self.sync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        self.close(descriptor)

    def _mode(target: str) -> int:
        return 0o600 if os.path.lexists(target) else 0o666

    @variant("sync_folder", doubted_by=("FLT-*", "PWR-*"))
    def unsupported_sync_remembered(self: Honest, target: str) -> None:
        """Remembers that a file system cannot sync a folder, and does not try again there."""
        device = str(os.stat(os.path.dirname(target)).st_dev)
        if device in self.memory:
            return
        descriptor = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self.memory[device] = True
        finally:
            os.close(descriptor)
