"""Several writers that start together, and how much each of them writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from conformance.runner.case import Case

__all__ = ["run_together", "writes_each"]


def writes_each(case: Case) -> int:
    """How many writes each writer makes: fewer when each write starts a process."""
    return 12 if case.run.manifest.mode == "oneshot" else 80


def run_together(actions: Sequence[Callable[[], None]]) -> None:
    """Run actions in threads that start together; raise the first error."""
    errors: list[BaseException] = []
    together = threading.Barrier(len(actions))

    def run(action: Callable[[], None]) -> None:
        try:
            together.wait()
            action()
        except BaseException as error:  # raised again below, in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
