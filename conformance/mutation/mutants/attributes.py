"""Writers whose way of keeping the target's attributes is an operation of its own, which fails in its own way."""

from __future__ import annotations

import os
import stat

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("publish", caught_by="FLT-02", on=("linux",))
def mode_changed_after_the_clean_up(self: Honest, path: str, data: bytes) -> None:
    """Sets the mode only where it differs, and leaves the temp behind when that fails."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    try:
        old = os.stat(target)
    except FileNotFoundError:
        Honest.publish(self, path, data)
        return
    if not stat.S_ISREG(old.st_mode):
        Honest.publish(self, path, data)
        return
    try:
        descriptor = self.create(temp)
        try:
            self.send(descriptor, data)
            self.sync(descriptor)
            new = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        self.discard(temp)
        raise
    if new.st_mode != old.st_mode:
        os.chmod(temp, stat.S_IMODE(old.st_mode))
    try:
        self.replace(temp, target)
    except BaseException:
        self.discard(temp)
        raise
    self.sync_folder(target)
