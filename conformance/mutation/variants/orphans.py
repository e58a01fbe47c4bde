"""Writers that remove what their dead predecessors left, and nothing else."""

from __future__ import annotations

import contextlib
import os
import re
import sys

from conformance.mutation.honest import Honest
from conformance.mutation.registry import WAY_OF_WRITING, variant

if sys.platform == "linux":

    @variant("temp_name", doubted_by=(*WAY_OF_WRITING, "CON-*"), depth=2)
    def orphans_of_the_dead_removed(self: Honest, target: str) -> str:
        """Names temps by boot, pid namespace and process id, and removes those of dead processes of its own space."""
        folder = os.path.dirname(target)
        if "space" not in self.memory:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                boot = file.read()[:8]
            self.memory["space"] = f"{boot}-{os.stat('/proc/self/ns/pid').st_ino:x}"
        space = self.memory["space"]
        if target not in self.memory:
            self.memory[target] = True
            with contextlib.suppress(OSError):
                for name in os.listdir(folder):
                    if found := re.fullmatch(rf"\.{space}-(\d+)-[0-9a-f]{{16}}\.tmp", name):
                        _remove_if_dead(os.path.join(folder, name), int(found[1]))
        return os.path.join(folder, f".{space}-{os.getpid()}-{os.urandom(8).hex()}.tmp")

    def _remove_if_dead(path: str, process: int) -> None:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                os.unlink(path)
        except OSError:  # another user's process is alive
            pass
