"""``python default_signals.py IGNORED COMMAND…`` executes a command with the default disposition of every signal.

A child inherits from its parent which signals are ignored and which are blocked (signal(7)), and no exec restores them:
below nohup, or in the background of a script, every child would ignore SIGHUP or SIGINT. IGNORED is the number of the
one signal that is to be ignored (0: none). It is a script of its own, because neither changing the kit's dispositions,
even for a moment, nor running code between fork and exec is safe in a process with threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

__all__ = ["main"]


def main(ignored: int, command: list[str]) -> None:
    """Restore the dispositions, empty the mask, and become the command. Prints why when it cannot be executed."""
    if sys.platform == "win32":
        raise NotImplementedError("Windows has no dispositions that a child inherits")
    restore(ignored)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error}")


def restore(ignored: int = 0) -> None:
    """Give every signal but ``ignored`` its default disposition, and let every signal through."""
    if sys.platform != "win32":
        for number in signal.valid_signals():
            with contextlib.suppress(OSError, ValueError):  # SIGKILL, SIGSTOP, those of the C library
                signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
