"""The contenders written in Python: ``python -m bench.loop KIND TARGET [DURABLE]``.

Each line ``COUNT`` on standard input is answered with the seconds that COUNT operations took, as in ``loops.c``.

    write TARGET DURABLE    the reference replaces the target; DURABLE is 1 or 0
    calls TARGET DURABLE    only the system calls of that write, from Python: the interpreter's floor
    read TARGET             the reference reads and validates the target
    reads TARGET            only the system calls of a read, from Python: the interpreter's floor
    stress TARGET           the reader of ``stress/`` reads and verifies it
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pulse import read_status, write_training_status
from stress.clients.file_reader import read_unchanged

__all__ = ["serve"]


def _write(target: Path, durable: bool) -> Callable[[int], float]:
    path = str(target)
    status, epoch, total_epochs, loss, message, _ = json.loads(target.read_bytes()).values()

    def run(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            write_training_status(path, status, epoch, total_epochs, loss, message, durable=durable)
        return time.perf_counter() - start

    return run


def _calls(target: Path, durable: bool) -> Callable[[int], float]:
    no_child: int = getattr(os, "O_CLOEXEC", 0)  # neither flag exists on Windows
    create_flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | no_child
    folder_flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | no_child
    path = str(target)
    folder = f"{target.parent}/"
    document = target.read_bytes()
    # Only Linux has the call, and the reference makes it there only.
    attributes_of: Callable[[int | str], object] = getattr(os, "listxattr", lambda path: [])

    def run(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            before = os.stat(path, follow_symlinks=False)
            attributes_of(path)
            temp = f"{folder}.pulse-0123abcd-0123456789abcdef-effffffc-12345-{os.urandom(16).hex()}.tmp"
            file = os.open(temp, create_flags, before.st_mode & 0o777)
            os.write(file, document)
            os.fstat(file)
            attributes_of(file)
            os.fsync(file)
            os.close(file)
            os.replace(temp, path)
            if durable:
                opened = os.open(folder, folder_flags)
                os.fsync(opened)
                os.close(opened)
        return time.perf_counter() - start

    return run


def _read(target: Path) -> Callable[[int], float]:
    path = str(target)

    def run(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            read_status(path)
        return time.perf_counter() - start

    return run


def _reads(target: Path) -> Callable[[int], float]:
    os.chdir(target.parent)
    flags: int = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
    size = target.stat().st_size + 1

    def run(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            file = os.open(target.name, flags)
            os.read(file, size)
            os.close(file)
        return time.perf_counter() - start

    return run


def _stress(target: Path) -> Callable[[int], float]:
    os.chdir(target.parent)  # as in the harness
    return lambda count: read_unchanged(target.name, count)


def serve(run: Callable[[int], float]) -> None:
    """Answer each count with the seconds it took, until the input ends."""
    for line in sys.stdin:
        print(f"{run(int(line)):.9f}", flush=True)


def main() -> None:
    """Serve the contender named on the command line."""
    kind, name, *options = sys.argv[1:]
    target = Path(name)
    durable = options == ["1"]
    loops: dict[str, Callable[[], Callable[[int], float]]] = {
        "write": lambda: _write(target, durable),
        "calls": lambda: _calls(target, durable),
        "read": lambda: _read(target),
        "reads": lambda: _reads(target),
        "stress": lambda: _stress(target),
    }
    serve(loops[kind]())


if __name__ == "__main__":
    main()
