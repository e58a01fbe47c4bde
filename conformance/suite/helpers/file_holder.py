"""A helper process of the kit that holds files open, as a careless reader or a virus scanner does.

``python -m conformance.suite.helpers.file_holder PATH --share SHARE`` opens the file and keeps it open. With
``--appearing`` PATH is a folder, and every file that then appears in it is opened as soon as it is seen.
``--seconds S`` releases each file after that time; the end of standard input always releases everything. The output,
one event per line, proves what happened: ``ready`` (the file is open, or the folder watched), ``held NAME``,
``released NAME``, and ``refused NAME`` for a new file that its creator does not share. Share modes matter on Windows
only (`conformance.system.share_modes`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import get_args

from conformance.system.share_modes import Sharing, open_shared

__all__ = ["Holder"]

READY = "ready"


class Holder:
    """A context manager; inside the block another process holds the file, or each new file of the folder, open."""

    def __init__(self, path: Path, share: Sharing, *, seconds: float | None = None, appearing: bool = False) -> None:
        words = [sys.executable, "-m", "conformance.suite.helpers.file_holder", str(path), "--share", share]
        words += [] if seconds is None else ["--seconds", str(seconds)]
        words += ["--appearing"] if appearing else []
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        # The names that were held, in order, and those that could not be; known once everything is released.
        self.held: tuple[str, ...] = ()
        self.refused: frozenset[str] = frozenset()
        self._released = False

    def __enter__(self) -> Holder:
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != READY:
            self.release()
        return self

    def release(self) -> None:
        """Release everything. Raises RuntimeError when the holder failed, or did not release what it held."""
        if self._released:
            return
        self._released = True
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.close()
        # Not communicate(): it would lose what the read of the first line left in the buffer.
        with stdout:
            events = [line.partition(" ") for line in stdout.read().splitlines()]
        self._process.wait()
        self.held = tuple(name for kind, _, name in events if kind == "held")
        self.refused = frozenset(name for kind, _, name in events if kind == "refused")
        released = [name for kind, _, name in events if kind == "released"]
        if self._process.returncode != 0 or sorted(released) != sorted(self.held):
            raise RuntimeError(
                f"the kit's own holder ended with exit code {self._process.returncode}; "
                f"it held {list(self.held)} and released {released}"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._process.kill()
        with contextlib.suppress(RuntimeError):
            self.release()


def _say(*words: str) -> None:
    print(*words, flush=True)


def _hold(path: Path, share: Sharing, seconds: float | None, finished: threading.Event) -> None:
    descriptor = open_shared(path, share)
    _say(READY)
    _say("held", path.name)
    finished.wait(seconds)
    os.close(descriptor)
    _say("released", path.name)


def _hold_what_appears(folder: str, share: Sharing, seconds: float | None, finished: threading.Event) -> None:
    """Poll without pause: a temp exists for about a millisecond."""
    known, refused = set(os.listdir(folder)), set[str]()
    held: dict[str, tuple[int, float]] = {}  # name → descriptor, and when to release it
    _say(READY)
    while not finished.is_set():
        now = time.monotonic()
        for name in os.listdir(folder):
            if name in known:
                continue
            try:
                descriptor = open_shared(os.path.join(folder, name), share)
            except PermissionError:
                if name not in refused:
                    _say("refused", name)
                refused.add(name)
                continue
            except OSError:  # gone already
                continue
            known.add(name)
            held[name] = descriptor, now + (seconds if seconds is not None else float("inf"))
            _say("held", name)
        for name in [name for name, (_, end) in held.items() if end <= now]:
            os.close(held.pop(name)[0])
            _say("released", name)
    for name, (descriptor, _) in held.items():
        os.close(descriptor)
        _say("released", name)


def main(arguments: list[str]) -> None:
    """Hold until standard input ends, or for the time given. Raises OSError when the file cannot be opened."""
    parser = argparse.ArgumentParser(prog="python -m conformance.suite.helpers.file_holder")
    parser.add_argument("path", type=Path)
    parser.add_argument("--share", choices=get_args(Sharing), required=True)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--appearing", action="store_true")
    given = parser.parse_args(arguments)
    finished = threading.Event()

    def wait_for_the_end_of_input() -> None:
        os.read(sys.stdin.fileno(), 1)  # unbuffered: a thread in a buffered read would abort the process as it exits
        finished.set()

    threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    if given.appearing:
        _hold_what_appears(str(given.path), given.share, given.seconds, finished)
    else:
        _hold(given.path, given.share, given.seconds, finished)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # it is a TextIOWrapper when run as a program
    main(sys.argv[1:])
