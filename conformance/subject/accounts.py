"""Another user, as whom the judged program runs while the kit stays root (``--user``, Linux).

The kit's own folders and processes are then out of the program's reach. What the kit makes for a case in the program's
folders is handed over before each request, as if that user had made it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.contract.errors import ManifestError

__all__ = ["Account", "account_of", "give", "hand_over"]

_AS_USER = Path(__file__).with_name("as_user.py")
_MOST = 2000  # entries that are looked at before a request
_DEEPEST = 40  # folders below one another


@dataclass(frozen=True)
class Account:
    """A user: name, numbers of the user and the group, all groups, and the home folder."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str

    def prefix(self, ignored: int = 0) -> tuple[str, ...]:
        """A command prefix under which the rest runs as this user; root must start it.

        ``ignored`` is the number of a signal that it is to ignore, as its parent has said; 0 for none.
        """
        numbers = (str(self.uid), str(self.gid), ",".join(map(str, self.groups)), str(ignored))
        return (sys.executable, "-I", "-S", "-B", str(_AS_USER), self.name, *numbers)

    def environment(self) -> dict[str, str]:
        """The variables that name a user."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}


@cache
def account_of(name: str) -> Account:
    """The user of this name. Raises ManifestError, with what to do, where programs cannot be started as that user."""
    if sys.platform != "linux":
        raise ManifestError("--user: only on Linux can the kit start programs as another user; run it as that user")
    import pwd

    if os.geteuid() != 0:
        raise ManifestError("--user: only root may start programs as another user: run it with sudo, or without --user")
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise ManifestError(f"--user {name}: there is no such user") from None
    if found.pw_uid == 0:
        raise ManifestError(f"--user {name}: that is root itself; name an ordinary user")
    groups = tuple(sorted(set(os.getgrouplist(name, found.pw_gid))))
    if 0 in groups:
        raise ManifestError(f"--user {name}: that user is in root's group; name one that is not")
    return Account(name, found.pw_uid, found.pw_gid, groups, found.pw_dir)


def give(folder: Path, user: str | None) -> None:
    """Give a folder that the kit has just made, with all that is in it, to this user; None: nothing happens.

    Only for what no other program could change yet. Raises OSError.
    """
    if user is None or sys.platform == "win32":
        return
    account = account_of(user)
    os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(where, name), account.uid, account.gid, follow_symlinks=False)


def hand_over(root: Path, path: Path, user: str | None) -> None:
    """Give what the kit itself has made for a case, in the folder of ``root`` that has ``path``, to this user.

    The program may be exchanging these very files and folders: nothing is reached but through descriptors, no link is
    followed, and of files only those are given that are the kit's own and have no second name.
    """
    if user is None or sys.platform != "linux" or not path.is_relative_to(root) or path == root:
        return
    account, left = account_of(user), iter(range(_MOST))
    with contextlib.suppress(OSError), _opened(root, None) as top:
        _give_below(top, path.relative_to(root).parts[0], account, left, _DEEPEST)


@contextlib.contextmanager
def _opened(name: str | Path, folder: int | None) -> Iterator[int]:
    if sys.platform != "linux":
        raise NotImplementedError("only Linux is supported")
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _give_below(folder: int, name: str, account: Account, left: Iterator[int], depth: int) -> None:
    if sys.platform != "linux":
        raise NotImplementedError("only Linux is supported")
    if depth == 0 or next(left, None) is None:
        return
    with contextlib.suppress(OSError), _opened(name, folder) as descriptor:
        found = os.fstat(descriptor)
        is_folder = stat.S_ISDIR(found.st_mode)
        if found.st_uid == os.geteuid() and (is_folder or (found.st_nlink == 1 and not stat.S_ISLNK(found.st_mode))):
            this = f"/proc/self/fd/{descriptor}"
            os.chown(this, account.uid, account.gid)
            if found.st_mode & (stat.S_ISUID | stat.S_ISGID):
                os.chmod(this, stat.S_IMODE(found.st_mode))  # chown(2) clears these bits of a file
        if is_folder:
            for inner in os.listdir(f"/proc/self/fd/{descriptor}"):
                _give_below(descriptor, inner, account, left, depth - 1)
