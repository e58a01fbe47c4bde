"""The stderr of a command: passed on unchanged as it comes, with its last line remembered.

Where our own stderr is a terminal, the command gets one too (a pseudo-terminal of the same size), so that it still
shows colours and progress bars. On Windows it gets a pipe, which it can tell from a console.
"""

import os
import re
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

__all__ = ["LINE_LIMIT", "Tee", "last_line"]

LINE_LIMIT = 500
"""The longest last line that is kept, in characters."""

_TAIL_BYTES = 16384
_CHUNK_BYTES = 65536
_GRACE_SECONDS = 2.0
_GRACES = 5

# What a terminal obeys and does not show: CSI and OSC sequences, other escapes, control characters. ECMA-48.
_INVISIBLE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x1f\x7f]")


def last_line(output: bytes) -> str:
    """The last line of what a command has printed that shows anything.

    Args:
        output: the end of the output. A carriage return ends a line too, as in progress bars.

    Returns:
        Plain text without colours, at most :data:`LINE_LIMIT` characters; empty when there is no such line.
    """
    for line in reversed(re.split(r"[\r\n]", output.decode(errors="replace"))):
        shown = _INVISIBLE.sub("", line).strip()
        if shown:
            return shown if len(shown) <= LINE_LIMIT else shown[: LINE_LIMIT - 1] + "…"
    return ""


class Tee:
    """Passes on what arrives at one end of a pipe or pseudo-terminal; the command writes into the other end."""

    def __init__(self, sink: int) -> None:
        """Args: sink: the descriptor of our own stderr; it may be closed."""
        self._sink = sink
        self._tail = b""
        self._chunks = 0
        self._writing = False
        self._source, self.end, self.resize = _channel(sink)
        self._thread = threading.Thread(target=self._run, name="pulse-stderr", daemon=True)

    def start(self) -> None:
        """Pass on from now on. Call it when the command has ``end``, which is closed on our side."""
        os.close(self.end)
        self._thread.start()

    def finish(self) -> str:
        """Pass on the rest once the command has ended.

        A process that it has left in the background may keep its end open: then nothing more is waited for when
        nothing has come for 2 s, or after 10 s. A reader of our own stderr that is slow is waited for.

        Returns:
            The last line (:func:`last_line`).
        """
        graces = 0
        while self._thread.is_alive() and graces < _GRACES:
            before = self._chunks
            self._thread.join(_GRACE_SECONDS)
            if not self._writing:
                graces = _GRACES if self._chunks == before else graces + 1
        return last_line(self._tail)

    def _run(self) -> None:
        with suppress(OSError):  # EIO: no process has the pseudo-terminal open any more
            while chunk := os.read(self._source, _CHUNK_BYTES):
                self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
                self._chunks += 1
                self._writing = True
                self._pass_on(chunk)
                self._writing = False
        os.close(self._source)

    def _pass_on(self, chunk: bytes) -> None:
        """Write all of it; where our own stderr is gone the command goes on all the same."""
        with suppress(OSError):
            while chunk:
                try:
                    chunk = chunk[os.write(self._sink, chunk) :]
                except BlockingIOError:  # a program that shares our stderr, Node for example, has set O_NONBLOCK
                    select.select([], [self._sink], [])


if sys.platform == "win32":

    def _channel(sink: int) -> tuple[int, int, Callable[[], None] | None]:
        """A pipe: our end, the command's end, and nothing to call when a console has another size."""
        return *os.pipe(), None

else:

    def _channel(sink: int) -> tuple[int, int, Callable[[], None] | None]:
        """A pseudo-terminal that passes on each byte as it is, if ``sink`` is a terminal, and if there is one left.

        Returns:
            Our end, the command's end, and what to call when the terminal has another size; else a pipe and ``None``.
        """
        import termios
        import tty

        if not os.isatty(sink):
            return *os.pipe(), None
        try:
            ours, theirs = os.openpty()
        except OSError:
            return *os.pipe(), None
        tty.setraw(theirs)

        def resize() -> None:
            with suppress(OSError, termios.error):
                termios.tcsetwinsize(ours, termios.tcgetwinsize(sink))

        resize()
        return ours, theirs, resize
