"""``python as_user.py NAME UID GID GROUPS IGNORED COMMAND…`` executes a command as another user.

It has that user's groups only. It is a script of its own, as `conformance.subject.default_signals` is: prefixes that
need root, such as mounts and the tracer, come before it, and running code between fork and exec is not safe in a
process with threads. IGNORED is the signal that stays ignored (0: none) of those that Python ignores from its start on.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main(name: str, uid: int, gid: int, groups: list[int], ignored: int, command: list[str]) -> None:
    """Become the user for good, and then the command. Prints why when it cannot be executed."""
    if sys.platform != "linux":
        raise NotImplementedError("only Linux is supported")
    os.get_exec_path()  # imports what execvp needs, while Python's own files may still be read
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    for number in {signal.SIGPIPE, signal.SIGXFSZ} - {ignored}:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: user {name} cannot execute it: {error.strerror}")


if __name__ == "__main__":
    user, number, group, others, kept, *words = sys.argv[1:]
    main(user, int(number), int(group), [int(one) for one in others.split(",")], int(kept), words)
