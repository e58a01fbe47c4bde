"""Standard output that may be full, or a pipe that no program reads any more."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Printed", "watched_output"]


@dataclass
class Printed:
    """Why standard output could not be written; None when all is well."""

    failure: OSError | None = None


class _Watched(io.RawIOBase):
    """Writes to standard output until that fails, and takes the rest for printed: a run is not lost with its output.

    A closed pipe is different: its reader, such as head, has read enough, and the command ends as by Ctrl-C.
    """

    def __init__(self, raw: io.RawIOBase, printed: Printed) -> None:
        self._raw, self._printed = raw, printed

    def write(self, data: object, /) -> int | None:
        """Write some bytes, or none at all any more. Raises KeyboardInterrupt, once, for a closed pipe."""
        if self._printed.failure is None:
            try:
                return self._raw.write(data)  # type: ignore[arg-type]  # the buffer's own, as `io.RawIOBase` says it
            except OSError as error:
                self._printed.failure = error
                if isinstance(error, BrokenPipeError):
                    raise KeyboardInterrupt from error
        return len(data)  # type: ignore[arg-type]  # as above

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor, for a program that is started."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._raw.isatty()


@contextlib.contextmanager
def watched_output() -> Iterator[Printed]:
    """Inside the block, standard output shows what its encoding lacks as an escape, such as ``\\u2265``, and a failure
    to write it is noted; at the end of the block all of it is written.

    The pipes of Windows have encodings of 256 characters, the plain C locale of 128. Standard error does so by itself.
    """
    printed, before = Printed(), sys.stdout
    if before is None:  # it is closed
        printed.failure = OSError(errno.EBADF, os.strerror(errno.EBADF))
        sys.stdout = _text(_Watched(io.FileIO(os.devnull, "w"), printed), "utf-8")
    elif isinstance(before, io.TextIOWrapper) and (raw := _raw_of(before)) is not None:
        sys.stdout = _text(_Watched(raw, printed), before.encoding, line_buffering=before.line_buffering)
    else:
        if isinstance(before, io.TextIOWrapper):
            before.reconfigure(errors="backslashreplace")
        yield printed  # a program has put something else in its place
        return
    try:
        yield printed
    finally:
        with contextlib.suppress(KeyboardInterrupt):  # a closed pipe, which is noted already
            sys.stdout.flush()
        if printed.failure is not None and isinstance(before, io.TextIOWrapper):
            _throw_away_the_rest(before)
        sys.stdout = before


def _raw_of(stream: io.TextIOWrapper) -> io.RawIOBase | None:
    """What a stream writes to at last; with ``python -u`` there is no buffer before it."""
    buffer: object = stream.buffer
    if isinstance(buffer, io.BufferedWriter):
        raw: io.RawIOBase = buffer.raw
        return raw
    return buffer if isinstance(buffer, io.RawIOBase) else None


def _text(raw: io.RawIOBase, encoding: str, *, line_buffering: bool = False) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=line_buffering)


def _throw_away_the_rest(stream: io.TextIOWrapper) -> None:
    """Or Python would try again when it ends, and print a traceback (the library reference, "Note on SIGPIPE")."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
