"""What the tests of a training run share beside fixtures: a clock that stands still, and a look at the file."""

import importlib

from pulse import Pulse, Status, read_status

__all__ = ["Clock", "module", "status_of", "turn"]

module = importlib.import_module("pulse._pulse")


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def status_of(path: str) -> Status:
    status = read_status(path).status
    assert status is not None
    return status


def turn(run: Pulse) -> None:
    """One turn of the thread."""
    run._publisher.turn()
