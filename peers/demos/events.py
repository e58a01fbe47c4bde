"""FLT-02, FLT-03, FLT-08, FLT-09, KIL-02: an error, an interrupt or a kill in a write by a Python library.

``python events.py MANIFEST EVENT:NUMBER=WHAT …``: at that event in the target's folder (a name of sys.addaudithook, or
``os.close``, after it) ``WHAT`` happens: an error's name, ``interrupt`` or ``kill``. For example: ``open:2=interrupt``.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

assert sys.platform == "linux"


def main(manifest: str, plan: dict[tuple[str, int], str]) -> str:
    """Write once with the plan in force. Returns the library's answer, or the exception that came out of it."""
    folder = Path(tempfile.mkdtemp())
    target = folder / "status.json"
    target.write_text("old")
    seen: Counter[str] = Counter()
    close = os.close

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if not any(isinstance(one, str | bytes) and os.fsdecode(one).startswith(str(folder)) for one in arguments):
            return
        happen(event)

    def closed(fd: int) -> None:
        try:
            inside = os.readlink(f"/proc/self/fd/{fd}").startswith(str(folder))
        except OSError:
            inside = False
        close(fd)
        if inside:
            happen("os.close")

    def happen(event: str) -> None:
        seen[event] += 1
        what = plan.get((event, seen[event]))
        if what == "interrupt":
            raise KeyboardInterrupt
        if what == "kill":
            os._exit(137)
        if what:
            number = getattr(errno, what)
            raise OSError(number, os.strerror(number))

    replace = Path(__file__).with_name("replace.py")
    child = os.fork()
    if child == 0:
        sys.path.insert(0, str(replace.parent))
        from replace import main as replaced  # type: ignore[import-not-found]  # a script beside this one

        sys.addaudithook(hook)
        os.close = closed
        try:
            print(replaced(Path(manifest), str(target), "new"), flush=True)
        except KeyboardInterrupt:
            print("KeyboardInterrupt", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    found = f"the target: {target.read_text()[:20]}; there are: {' '.join(sorted(os.listdir(folder)))}"
    again = subprocess.run(
        [sys.executable, replace, manifest, target], input="again", stdout=subprocess.PIPE, text=True, check=False
    )
    return f"{found}; the next write: {again.stdout[:80].strip()}"


if __name__ == "__main__":
    wanted = {}
    for argument in sys.argv[2:]:
        event, _, what = argument.partition("=")
        name, _, number = event.rpartition(":")
        wanted[name, int(number)] = what
    print(main(sys.argv[1], wanted))
