"""Writers that open more than they have to, or keep it open, correctly."""

from __future__ import annotations

import contextlib
import os
import sys

from conformance.mutation.honest import Honest
from conformance.mutation.registry import variant

if sys.platform != "win32":

    @variant("keep_metadata", doubted_by=("VIS-*", "FLT-*", "MET-*"), on=("linux", "macos"))
    def target_opened_to_look(self: Honest, temp: str, target: str) -> None:
        """Opens the existing target for reading, and closes it again, before it looks at its mode."""
        with contextlib.suppress(OSError):
            os.close(os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        Honest.keep_metadata(self, temp, target)
