"""What is particular to Linux and macOS. The functions are those of ``_windows.py``."""

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pulse._descriptors import use_descriptor

assert sys.platform != "win32"  # so that mypy skips this file there: os.chown does not exist on Windows

__all__ = [
    "CREATE_FLAGS",
    "absolute",
    "creation_mode",
    "extended_attributes",
    "follow_link",
    "has_ended",
    "keep_attributes",
    "open_for_reading",
    "remove",
    "replace",
    "sync_folder",
    "writer_id",
]

Result = TypeVar("Result")

CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
"""How a temp is opened: it must not exist, and no child process inherits it."""

# A FIFO without a writer must not hang the reader, and a terminal must not become its controlling one.
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_CANNOT_SYNC_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)

_ACCESS_LIST = "system.posix_acl_access"
_LABEL = "security.selinux"
_KEPT = (_ACCESS_LIST, _LABEL, "user.")
_NO_ATTRIBUTES = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_LONGEST_CHAIN = 40  # links that Linux follows before it answers ELOOP


def absolute(path: str) -> str:
    """The absolute form of ``path``, with ``..`` left alone: behind a symbolic link it is not lexical."""
    return path if path.startswith("/") else os.path.join(os.getcwd(), path)


def open_for_reading(path: str, use: Callable[[int], Result]) -> Result:
    """Open ``path`` without blocking, hand the descriptor to ``use``, close it; return ``use``'s result."""
    return use_descriptor(os.open, (path, _READ_FLAGS), use)


def follow_link(path: str) -> str:
    """Where the symbolic link at ``path`` leads, through a chain of links; there may be no file there.

    The kernel follows it first, so that it can refuse to (symlink(7); a mount with ``nosymfollow``). Then each link is
    followed here, by the rule of ``fs.protected_symlinks`` whether or not that is set: in a folder such as ``/tmp``
    anyone may put a link in another user's way, so one that belongs neither to this user nor to the folder's owner is
    not followed. No one else can exchange the links that are followed, because of the folder's sticky bit.

    Raises:
        OSError: the kernel, or the rule, refuses to follow; it is a loop; a link stands for an open file
            (``/dev/stdout``), which has a name to show, but may have another one, or none: proc_pid_fd(5).
    """
    with suppress(FileNotFoundError):
        os.stat(path)
    proc = None
    with suppress(OSError):
        proc = os.stat("/proc").st_dev
    for _ in range(_LONGEST_CHAIN + 1):
        folder, base = os.path.split(path.rstrip("/"))
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            break
        if not stat.S_ISLNK(found.st_mode):
            break
        if found.st_dev == proc:
            raise OSError(errno.EINVAL, "a link to an open file, which is not replaced: name the file itself")
        if not _may_follow(found, os.stat(folder)):
            raise PermissionError(
                errno.EACCES, f"another user's link in a folder that all users may write to: {path!r} is not followed"
            )
        path = os.path.join(folder, os.readlink(path))
    else:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.path.join(os.path.realpath(folder), base)


def _may_follow(link: os.stat_result, folder: os.stat_result) -> bool:
    """The rule of ``fs.protected_symlinks`` (proc_sys_fs(5))."""
    shared = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
    return not shared or link.st_uid in (os.geteuid(), folder.st_uid)


if sys.platform == "linux":

    def extended_attributes(path: str) -> dict[str, bytes]:
        """The access list, the SELinux label and the attributes ``user.*`` of the file at ``path``.

        Everything else belongs to the system, or to the bytes of the old file (``security.ima``).

        Raises:
            OSError: they cannot be found out; so it is not known who may read the file.
        """
        try:
            names = os.listxattr(path)
        except OSError as error:
            if error.errno in _NO_ATTRIBUTES:
                return {}
            raise
        if not names:
            return {}  # nearly always
        values = {name: _value(path, name) for name in names if name.startswith(_KEPT)}
        return {name: value for name, value in values.items() if value is not None}

    def _value(path: str, name: str) -> bytes | None:
        """One attribute, or ``None`` where it has gone, or this user may not read it."""
        try:
            return os.getxattr(path, name)
        except OSError as error:
            if name == _ACCESS_LIST and error.errno != errno.ENODATA:
                raise
            return None

    def _keep_extended(descriptor: int, extended: dict[str, bytes]) -> bool:
        """Give the open temp these attributes; returns whether its access list is the target's."""
        kept = True
        for name, value in extended.items():
            try:
                # A label that is right already is left alone: SELinux would report each attempt that it refuses.
                if name != _LABEL or os.getxattr(descriptor, name) != value:
                    os.setxattr(descriptor, name, value)
            except OSError:
                kept = kept and name != _ACCESS_LIST
        if _ACCESS_LIST not in extended:
            try:
                if _ACCESS_LIST in os.listxattr(descriptor):  # inherited from the folder
                    os.removexattr(descriptor, _ACCESS_LIST)
            except OSError as error:
                kept = error.errno in _NO_ATTRIBUTES
        return kept

else:

    def extended_attributes(path: str) -> dict[str, bytes]:
        """Always empty: Python has no such calls here."""
        return {}

    def _keep_extended(descriptor: int, extended: dict[str, bytes]) -> bool:
        """Do nothing."""
        return True


def creation_mode(before: os.stat_result | None, extended: dict[str, bytes]) -> int:
    """The mode to create a temp with: never more open than the target will be (MET-01, MET-02).

    ``0o666`` for a new target, to which the kernel applies the umask or the folder's default access list. Otherwise
    the target's own, but the owner's bits alone where it is not certain that the group's bits mean the same group:
    the temp's group is not set yet, and the folder may have a default access list, whose mask they would be.
    """
    if before is None:
        return 0o666
    mode = before.st_mode & 0o777
    if _ACCESS_LIST in extended or mode >> 3 & 0o7 != mode & 0o7:
        mode &= 0o700
    return mode | 0o200 if extended else mode  # attributes can be set only where the owner may write


def _for_another_group(mode: int) -> int:
    """``mode`` for a file whose group is not the one that the mode was meant for: its members are like all others."""
    return mode & ~(stat.S_ISGID | stat.S_IRWXG) | mode & (mode & stat.S_IRWXO) << 3


def keep_attributes(descriptor: int, before: os.stat_result, extended: dict[str, bytes]) -> None:
    """Give the full temp the owner, group, access list and mode of the target that it will replace (MET-01, MET-03).

    Only what differs is changed. What the system refuses (an owner, when not root) stays as it is, but then nothing
    that would let others read or run the file because of it is set either.
    """
    now = os.fstat(descriptor)
    mode = stat.S_IMODE(before.st_mode)
    listed = _ACCESS_LIST in extended
    if now.st_gid != before.st_gid:
        try:
            os.chown(descriptor, -1, before.st_gid)
        except OSError:
            mode = _for_another_group(mode)
            extended.pop(_ACCESS_LIST, None)  # its entry for the owning group would be another group's now
    if now.st_uid != before.st_uid:
        try:
            os.chown(descriptor, before.st_uid, -1)
        except OSError:
            mode &= ~stat.S_ISUID
    if not _keep_extended(descriptor, extended) or (listed and _ACCESS_LIST not in extended):
        mode &= ~0o077  # the mode's bits are not the whole truth about the target, so no one else may read
    if stat.S_IMODE(now.st_mode) != mode:
        with suppress(OSError):
            os.chmod(descriptor, mode)


def replace(temp: str, target: str) -> None:
    """Rename ``temp`` to ``target`` in one step.

    Raises:
        OSError: nothing has changed. The target is never copied onto instead (FLT-06).
    """
    os.replace(temp, target)


def remove(temp: str) -> None:
    """Unlink ``temp``.

    Raises:
        OSError: it is missing, or cannot be unlinked.
    """
    os.unlink(temp)


def sync_folder(folder: str) -> None:
    """Make the names in ``folder`` survive a power cut: ``fsync`` of the folder (PWR-02).

    A file system that cannot do it, and a folder that may be written but not read, are not errors.

    Raises:
        OSError: any other failure.
    """
    try:
        use_descriptor(os.open, (folder, _FOLDER_FLAGS), os.fsync)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS and error.errno != errno.EACCES:
            raise


# A process id means something only inside one boot of one machine and one pid namespace of it.
_BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
_PID_NAMESPACE_FILE = "/proc/self/ns/pid"


def _boot_id() -> str:
    """The first 16 hexadecimal digits of the id of this boot, or ``""`` where there is none (macOS)."""
    try:
        with open(_BOOT_ID_FILE, encoding="ascii") as file:
            return file.read().replace("-", "")[:16]
    except OSError:
        return ""


def _process_space() -> str:
    """Where the process ids that this process sees are valid, or ``""`` where that is unknown."""
    try:
        return f"{_BOOT_ID}-{os.stat(_PID_NAMESPACE_FILE).st_ino:x}" if _BOOT_ID else ""
    except OSError:
        return ""


def _identify() -> None:
    """Record the identity of this process, again in every forked child, which may be in a new namespace."""
    global _space, _writer_id
    _space = _process_space()
    _writer_id = f"{_space or 'unknown'}-{os.getpid()}"


_BOOT_ID = _boot_id()
_space = _writer_id = ""
_identify()
os.register_at_fork(after_in_child=_identify)


def writer_id() -> str:
    """The identity of this writer: boot, pid namespace and process id, as in the name of a temp."""
    return _writer_id


def has_ended(writer: str) -> bool:
    """Whether the process that called itself ``writer`` (see :func:`writer_id`) is certainly gone.

    A writer on another machine, boot or pid namespace cannot be checked from here, so it counts as alive.
    """
    space, _, process = writer.rpartition("-")
    if not _space or space != _space:
        return False
    try:
        number = int(process)
        if str(number) != process:  # int() takes "+7", "1_7" and the digits of other scripts too
            return False
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):  # another user's process, or a name that is not ours
        return False
    return False
