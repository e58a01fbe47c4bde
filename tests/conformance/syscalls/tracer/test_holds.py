"""While the kit observes, nothing moves: neither the implementation at a boundary nor its other threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.syscalls.tracer.messages import Rule
from conformance.syscalls.tracer.session import Boundary

if sys.platform != "linux":
    pytest.skip("the tracer needs Linux", allow_module_level=True)

Trace = Callable[..., Any]
NAMES = ["openat", "write", "fsync", "close", "rename"]
WRITE = """
import os
file = os.open("a", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
os.write(file, b"new")
os.fsync(file)
os.close(file)
os.rename("a", "status.json")
"""


def test_nothing_moves_while_the_kit_observes(trace_python: Trace, folder: Path) -> None:
    seen: list[tuple[int, str, str, list[str], bytes]] = []

    def look(boundary: Boundary) -> None:
        listing, content = sorted(os.listdir(folder)), (folder / "status.json").read_bytes()
        seen.append((boundary.number, boundary.phase, boundary.name, listing, content))

    traced = trace_python(WRITE, Rule("hold", "before"), Rule("hold", "after"), at_boundary=look)
    both, one = ["a", "status.json"], ["status.json"]
    assert traced.code == 0
    assert seen == [
        (0, "before", "openat", one, b"old"),
        (0, "after", "openat", both, b"old"),
        *[(number, phase, NAMES[number], both, b"old") for number in (1, 2, 3) for phase in ("before", "after")],
        (4, "before", "rename", both, b"old"),
        (4, "after", "rename", one, b"new"),
    ]


def test_other_threads_stand_still_at_a_hold(trace_python: Trace, folder: Path) -> None:
    """Two threads race for all names; while one is held, the listing does not change."""
    changes: list[bool] = []

    def look(boundary: Boundary) -> None:
        listing = os.listdir(folder)
        with open("/proc/self/stat", "rb") as file:  # a call or two of our own, to give the threads time
            file.read()
        changes.append(listing != os.listdir(folder))

    trace_python(
        "import os, threading\n"
        "def work(letter):\n    for number in range(20):\n        os.mkdir(f'{letter}{number}')\n"
        "threads = [threading.Thread(target=work, args=(letter,)) for letter in 'ab']\n"
        "for thread in threads:\n    thread.start()\nfor thread in threads:\n    thread.join()",
        Rule("hold", "after"),
        at_boundary=look,
    )
    assert len(changes) == 40
    assert not any(changes)


def test_a_call_in_progress_ends_before_a_hold(trace_python: Trace, folder: Path) -> None:
    """A thread writes 128 MiB in one call; another one is held beside it, and the file no longer grows."""
    sizes: list[tuple[int, int]] = []

    def look(boundary: Boundary) -> None:
        before = os.stat("large", dir_fd=there).st_size
        with open("/proc/self/stat", "rb") as file:
            file.read()
        sizes.append((before, os.stat("large", dir_fd=there).st_size))

    there = os.open(folder, os.O_RDONLY)
    trace_python(
        "import os, threading\n"
        "file = os.open('large', os.O_WRONLY | os.O_CREAT)\n"
        "content = bytes(1 << 27)\n"
        "thread = threading.Thread(target=os.write, args=(file, content))\n"
        "thread.start()\n"
        "while not os.fstat(file).st_size:\n    pass\n"
        "os.mkdir('a')\n"
        "thread.join()",
        Rule("hold", "after", calls=("mkdir", "mkdirat")),
        at_boundary=look,
    )
    os.close(there)
    assert sizes == [(1 << 27, 1 << 27)]
