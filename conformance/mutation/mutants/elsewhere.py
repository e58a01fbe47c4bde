"""Writers whose temp is in the system's folder for temporary files, with one more defect: VIS-02 hides none of them."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

if sys.platform == "linux":

    def _publish(self: Honest, path: str, data: bytes, *, synced: bool = True, removed: bool = True) -> None:
        """Publish from a temp in the system's folder. Raises OSError."""
        target = self.resolve(path)
        temp = os.path.join(tempfile.gettempdir(), f"{os.urandom(8).hex()}.tmp")
        descriptor = self.create(temp)
        try:
            try:
                self.send(descriptor, data)
                self.keep_metadata(temp, target)
                with contextlib.nullcontext() if synced else contextlib.suppress(OSError):
                    self.sync(descriptor)
            finally:
                self.close(descriptor)
            self.replace(temp, target)
        except BaseException:
            if removed:
                self.discard(temp)
            raise
        self.sync_folder(target)

    @mutant("publish", caught_by="FLT-04", on=("linux",))
    def fsync_error_elsewhere_swallowed(self: Honest, path: str, data: bytes) -> None:
        """Publishes a temp from another folder although its fsync failed."""
        _publish(self, path, data, synced=False)

    @mutant("publish", caught_by="FLT-02", on=("linux",))
    def temp_elsewhere_leaked(self: Honest, path: str, data: bytes) -> None:
        """Leaves its temp in another folder after an error."""
        _publish(self, path, data, removed=False)

    @mutant("fill_temp", caught_by="PWR-01", on=("linux",))
    def temp_elsewhere_unsynced(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Moves an unsynced file from another folder over the temp."""
        draft = os.path.join(tempfile.gettempdir(), os.path.basename(temp))
        descriptor = self.create(draft)
        try:
            self.send(descriptor, data)
            self.keep_metadata(draft, target)
        finally:
            self.close(descriptor)
        os.rename(draft, temp)
