"""The users that may read a file: its mode and, on Linux, its access control list (acl(5))."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.contract.errors import Unmeasured
from conformance.system.file_kinds import NotAFile
from conformance.system.guarded_path import very_file

__all__ = ["STRANGER", "Access", "access_of", "set_access_list", "set_default_list", "widened"]

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
# include/uapi/linux/posix_acl.h and posix_acl_xattr.h: version 2, then tag, permissions and id of each entry.
_VERSION, _NO_ID = 2, 0xFFFFFFFF
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_READ = 4
_NONE = (errno.ENODATA, errno.ENOTSUP)
STRANGER = 65534  # a user id that is neither the file's owner nor the kit's


@dataclass(frozen=True)
class Access:
    """A file's mode, owner and access control list; ``entries`` maps (tag, id) to permissions, and is never empty."""

    mode: int
    owner: tuple[int, int]
    entries: Mapping[tuple[int, int], int]

    def may_read(self, kind: str, number: int) -> bool:
        """Whether a user (``user``, without groups), or the members of a group (``group``), may read the file."""
        mask = self.entries.get((_MASK, _NO_ID), 7)
        others = self.entries[_OTHER, _NO_ID]
        if kind == "user":
            found = self.entries.get((_USER, number))
        elif number == self.owner[1]:
            found = self.entries[_GROUP_OBJ, _NO_ID]
        else:
            found = self.entries.get((_GROUP, number))
        return bool((others if found is None else found & mask) & _READ)

    def named(self) -> set[tuple[str, int]]:
        """The users and groups that the file names, but for its owner, who may always change everything."""
        named = {("user", number) for tag, number in self.entries if tag == _USER and number != self.owner[0]}
        return named | {("group", self.owner[1])} | {("group", number) for tag, number in self.entries if tag == _GROUP}

    @property
    def has_list(self) -> bool:
        """Whether there is an access control list besides the mode, whose group's bits are then its mask."""
        return (_MASK, _NO_ID) in self.entries

    def shown(self) -> str:
        """The mode, and in words who may read; with a list, those that it names and that may not, too."""
        named = [(f"{kind} {number}", self.may_read(kind, number)) for kind, number in sorted(self.named())]
        readers = [name for name, may in named if may]
        if self.entries[_OTHER, _NO_ID] & _READ:
            readers.append("all others")
        told = f"readable for {', '.join(readers) or 'the owner only'}"
        if not self.has_list:
            return f"{self.mode:04o}, {told}"
        others = [name for name, may in named if not may]
        denied = f", not for {', '.join(others)}" if others else ""
        return f"{self.mode:04o} with an access list, {told}{denied}"


def access_of(path: Path) -> Access:
    """The mode, the owner and the access list of a file. Raises OSError."""
    found = os.stat(path)
    mode = found.st_mode & 0o7777
    entries = {(_USER_OBJ, _NO_ID): mode >> 6 & 7, (_GROUP_OBJ, _NO_ID): mode >> 3 & 7, (_OTHER, _NO_ID): mode & 7}
    if sys.platform == "linux":
        try:
            entries = _unpacked(os.getxattr(path, _ACCESS))
        except OSError as error:
            if error.errno not in _NONE:
                raise
    return Access(mode, (found.st_uid, found.st_gid), entries)


def widened(before: Access, after: Access) -> list[str]:
    """Users and groups that may read now and could not before, in words."""
    found = [
        f"{kind} {number}"
        for kind, number in sorted(before.named() | after.named())
        if after.may_read(kind, number) and not before.may_read(kind, number)
    ]
    if after.entries[_OTHER, _NO_ID] & _READ and not before.entries[_OTHER, _NO_ID] & _READ:
        found.append("all other users")
    return found


def set_access_list(path: Path, user: int, group: int, others: int) -> None:
    """Give the file a list that names `STRANGER`. Raises Unmeasured where there are no access control lists."""
    _set(path, _ACCESS, user, group, others)


def set_default_list(folder: Path, user: int, group: int, others: int) -> None:
    """Give the folder a default list that names `STRANGER`, for new files in it. Raises Unmeasured, as above."""
    _set(folder, _DEFAULT, user, group, others)


def _set(path: Path, name: str, user: int, group: int, others: int) -> None:
    if sys.platform != "linux":
        raise Unmeasured("needs the POSIX access control lists of Linux")
    entries = {
        (_USER_OBJ, _NO_ID): 6,
        (_USER, STRANGER): user,
        (_GROUP_OBJ, _NO_ID): group,
        (_MASK, _NO_ID): user | group,
        (_OTHER, _NO_ID): others,
    }
    try:
        with very_file(path) as this:
            os.setxattr(this, name, _packed(entries))
    except NotAFile:
        raise
    except OSError as error:
        raise Unmeasured(
            f"access control lists cannot be set here ({error}); choose another folder with --dir"
        ) from error


def _packed(entries: Mapping[tuple[int, int], int]) -> bytes:
    packed = (struct.pack("<HHI", tag, permissions, number) for (tag, number), permissions in sorted(entries.items()))
    return struct.pack("<I", _VERSION) + b"".join(packed)


def _unpacked(value: bytes) -> dict[tuple[int, int], int]:
    return {(tag, number): permissions for tag, permissions, number in struct.iter_unpack("<HHI", value[4:])}
