"""Writers that answer before the end of a write that goes on in a thread."""

from __future__ import annotations

import errno
import threading

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


def _publish_in_a_thread(self: Honest, path: str, data: bytes, seconds: float) -> None:
    """Publish in a thread. Raises OSError from it, and TimeoutError when it takes longer."""
    ended = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            Honest.publish(self, path, data)
        except BaseException as error:
            errors.append(error)
        ended.set()

    threading.Thread(target=work).start()
    if not ended.wait(seconds):
        raise TimeoutError(errno.ETIMEDOUT, "the disk is too slow", path)
    if errors:
        raise errors[0]


@mutant("discard", caught_by="FLT-09", on=("linux", "macos"))
def temp_left_to_a_daemon_thread(self: Honest, temp: str) -> None:
    """Leaves the removal of a failed write's temp to a daemon thread, which ends unfinished with the process."""

    def later() -> None:
        threading.Event().wait(5)
        Honest.discard(self, temp)

    threading.Thread(target=later, daemon=True).start()


@mutant("publish", caught_by="FLT-01", on=("linux",))
def published_late(self: Honest, path: str, data: bytes) -> None:
    """Gives up waiting after 0.6 s and answers io, and a thread publishes all the same."""
    _publish_in_a_thread(self, path, data, 0.6)


@mutant("publish", caught_by="FLT-01", on=("linux",))
def published_after_three_seconds(self: Honest, path: str, data: bytes) -> None:
    """Gives up waiting after 3 s only and answers io, and a thread publishes all the same."""
    _publish_in_a_thread(self, path, data, 3.0)
