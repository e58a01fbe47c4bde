"""What the tests of calls that may hang share."""

from collections.abc import Callable


def until(come: Callable[[], bool]) -> None:
    """Ask again until it has come. What is asked waits for something by itself."""
    while not come():
        pass
