"""What the command prints on stdout and stderr, which may be closed, full or a pipe that no one reads any more."""

import os
import sys
from contextlib import suppress
from typing import IO

__all__ = ["complain", "flush"]


def complain(text: str) -> None:
    """Print a line on stderr, if there is one: ``print`` would take stdout where stderr is closed."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr)
        _flush(sys.stderr)


def flush() -> OSError | None:
    """Bring out what was printed on stdout and stderr.

    Left to Python, which does it when it ends, a failure would print a traceback and change the exit code.

    Returns:
        Why stdout could not be written, with ``stdout`` as the file's name; ``None`` when all is well.
    """
    if sys.stderr is not None:
        _flush(sys.stderr)
    failure = None if sys.stdout is None else _flush(sys.stdout)
    if failure is not None:
        failure.filename = "stdout"
    return failure


def _flush(stream: IO[str]) -> OSError | None:
    """Flush ``stream``; what cannot be written goes nowhere, or Python would try again when it ends.

    Source: https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    try:
        stream.flush()
    except OSError as error:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return error
    return None
