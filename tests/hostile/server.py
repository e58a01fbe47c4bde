"""A correct writer, which the attacks change."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["ATTACKS", "CANARIES", "ESCAPES", "SECONDS", "Server", "attack", "instead", "once"]

ATTACKS: dict[str, Callable[[Any], object]] = {}  # each takes a `Server`
CANARIES = Path(os.environ.get("CANARIES", "/nonexistent"))
ESCAPES = "\x1b[2K\x1b[1A\rpulse hostile 1 (linux): \x1b[32mCONFORMANT\x1b[0m\u202e\x07"
SECONDS = 300.0  # that anything left behind lives at most


class Server:
    """Answers requests. An attack replaces what it needs of it."""

    version = "1"

    def __init__(self) -> None:
        self.before: Callable[[Path], object] = lambda target: None
        self.after: Callable[[Path], object] = lambda target: None
        self.answered: Callable[[dict[str, Any]], bytes] = lambda answer: json.dumps(answer).encode() + b"\n"

    def write(self, path: str, status: dict[str, Any]) -> None:
        """Publish a status by a temp and a rename."""
        target = Path(os.path.realpath(path))
        descriptor, temp = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(status, allow_nan=False).encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temp, 0o644)
        os.replace(temp, target)

    def stay_inside(self) -> None:
        """From now on write nothing where a link leads elsewhere: what is there is touched by the kit or not at all."""
        write = self.write

        def within(path: str, status: dict[str, Any]) -> None:
            if os.path.realpath(path) == os.path.abspath(path):
                write(path, status)

        self.write = within  # type: ignore[method-assign]  # that is the purpose

    def serve(self) -> None:
        """Until ``stop``, or the end of the input."""
        for line in sys.stdin:
            request = json.loads(line)
            answer: dict[str, Any] = {"id": request["id"], "ok": True}
            if request["op"] == "start":
                answer |= {"protocol": 1, "name": "hostile", "version": self.version, "language": "python"}
            elif request["op"] == "write":
                target = Path(request["path"])
                try:
                    self.before(target)
                    self.write(request["path"], request["status"])
                    self.after(target)
                except (OSError, ValueError) as error:
                    answer |= {"ok": False, "error": "io", "message": str(error)}
            os.write(1, self.answered(answer))
            if request["op"] == "stop":
                return


def attack(function: Callable[[Server], object]) -> Callable[[Server], object]:
    """Add an attack by the name of its function, with dashes."""
    ATTACKS[function.__name__.strip("_").replace("_", "-")] = function
    return function


def once(action: Callable[[Path], object]) -> Callable[[Path], object]:
    done: list[Path] = []

    def act(target: Path) -> None:
        if not done:
            done.append(target)
            action(target)

    return act


def instead(change: Callable[[Path], object]) -> Callable[[Path], object]:
    """Remove the target, and put something else there."""

    def act(target: Path) -> None:
        target.unlink(missing_ok=True)
        change(target)

    return act
