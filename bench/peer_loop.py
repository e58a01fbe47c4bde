"""The PyPI peers as contenders: ``peer_loop.py NAME TARGET``, run by the Python of the peers' own environment.

It imports nothing from this project. Each line ``COUNT`` is answered with the seconds that COUNT writes took.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__: list[str] = []


def _writer(name: str, path: str) -> Callable[[str], object]:
    """The shortest use that the library documents: ``text`` becomes the whole file."""
    library = importlib.import_module(name.replace("-", "_"))
    target = Path(path)

    def atomicwrites(text: str) -> None:
        with library.atomic_write(path, overwrite=True) as file:
            file.write(text)

    def atomicwriter(text: str) -> None:
        with library.AtomicWriter(path, overwrite=True) as file:
            file.write_text(text)

    functions: dict[str, Callable[[str], object]] = {
        "atomicwrites": atomicwrites,
        "atomicwriter": atomicwriter,
        "durablewrite": lambda text: library.write_text_atomic(path, text),
        "safewrite": lambda text: library.write_text(path, text),
        "atomic-json-io": lambda text: library.write_text_atomic(target, text),
    }
    return functions[name]


def main() -> None:
    """Serve the peer named on the command line."""
    name, target = sys.argv[1:]
    text = Path(target).read_text(encoding="utf-8")
    write = _writer(name, target)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            write(text)
        print(f"{time.perf_counter() - start:.9f}", flush=True)


if __name__ == "__main__":
    main()
