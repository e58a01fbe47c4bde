"""``python as_user.py NAME UID GID GROUPS COMMAND…`` executes a command as another user, with that user's groups only.

It is a script of its own, as `conformance.subject.default_signals` is: prefixes that need root, such as mounts and the
tracer, come before it, and running code between fork and exec is not safe in a process with threads.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main(name: str, uid: int, gid: int, groups: list[int], command: list[str]) -> None:
    """Become the user for good, and then the command. Prints why when it cannot be executed."""
    if sys.platform != "linux":
        raise NotImplementedError("only Linux is supported")
    os.get_exec_path()  # imports what execvp needs, while Python's own files may still be read
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: user {name} cannot execute it: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(one) for one in sys.argv[4].split(",")], sys.argv[5:])
