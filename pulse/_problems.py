"""Problems that must not stop a training: each kind is reported once through ``logging``, and all are counted.

``logging`` because its warnings reach stderr where nothing is configured and the training's log where something is,
and because, unlike ``warnings``, it never raises under ``-W error``.
"""

import threading
from contextlib import suppress

__all__ = ["Problems"]


class Problems:
    """Counts problems, and reports the first of each kind. Safe with threads and in a signal handler."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._reported: set[str] = set()
        self.count = 0

    def report(self, kind: str, text: str) -> None:
        """Count a problem; log a warning ``text`` if it is the first of its ``kind``."""
        with self._lock:
            self.count += 1
            known = kind in self._reported
            self._reported.add(kind)
        if not known and not _log(text):
            with self._lock:
                self._reported.discard(kind)  # to be said when it happens again

    def settle(self, kind: str, text: str) -> None:
        """Log that problems of a ``kind`` that was reported are over; the next one is reported again."""
        with self._lock:
            known = kind in self._reported
            self._reported.discard(kind)
        if known:
            _log(text)


def _log(text: str) -> bool:
    """Log a warning; returns whether that was possible."""
    try:
        import logging  # here, because few runs need it
    except Exception:  # of whatever type: no descriptor is free, or the root folder is another one now
        return False
    with suppress(Exception):  # a handler of the program's own may raise
        logging.getLogger("pulse").warning("pulse: %s", text)
    return True
