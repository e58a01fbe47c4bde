"""Writers that open more than they have to, or keep it open, correctly."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

from conformance.mutation.honest import Honest
from conformance.mutation.registry import SYNCING, variant

if sys.platform != "win32":

    @variant("keep_metadata", doubted_by=("VIS-*", "FLT-*", "MET-*"), on=("linux", "macos"))
    def target_opened_to_look(self: Honest, temp: str, target: str) -> None:
        """Opens the existing target for reading, and closes it again, before it looks at its mode."""
        with contextlib.suppress(OSError):
            os.close(os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        Honest.keep_metadata(self, temp, target)

    @variant("sync_folder", doubted_by=(*SYNCING, "FLT-02", "CON-*"), on=("linux", "macos"))
    def folder_kept_open(self: Honest, target: str) -> None:
        """Keeps descriptors of the last four folders open, to sync them, and looks whether each is still it."""
        kept: dict[str, int] = self.memory.setdefault("folders", {})
        folder = os.path.dirname(target)
        if folder in kept and not os.path.samestat(os.fstat(kept[folder]), os.stat(folder)):
            os.close(kept.pop(folder))
        if folder not in kept:
            while len(kept) >= 4:
                os.close(kept.pop(next(iter(kept))))
            kept[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(kept[folder])
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot sync a folder
                raise
