"""A real file system in an image file: loop device, mount, shutdown as by a power cut, recovery (Linux, root).

Nothing of it can outlive the process. The mounts are in a private mount namespace (mount_namespaces(7)), which ends
with its last process; the loop device detaches itself after its last user (LO_FLAGS_AUTOCLEAR, loop(4)).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.contract.errors import Unmeasured
from conformance.runner.room import blaming_room
from conformance.system.run_folders import temporary

__all__ = [
    "CAN_BE_CUT",
    "KINDS",
    "Disk",
    "Kind",
    "control",
    "detach",
    "disk_of",
    "enter_private_namespace",
    "loop_configuration",
    "loop_device",
    "make_file_system",
    "require_means",
    "sync_all",
    "system_path",
    "thaw",
]


@dataclass(frozen=True)
class Kind:
    """A type of file system: its size in bytes, the command that makes it, its mount options, the command's package.

    The images are sparse; xfsprogs refuses less than 300 MiB.
    """

    name: str
    size: int
    make: tuple[str, ...]
    options: str
    package: str


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        # mkfs.ext4 gives small images blocks of 1 KiB, which real disks do not have.
        # auto_da_alloc writes out a file's data before a rename replaces another with it, to help programs that forget
        # fsync (ext4(5)). It is a heuristic of one file system and off here: the test is of the contract.
        Kind(
            "ext4",
            64 << 20,
            ("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,nodiscard"),
            "noauto_da_alloc",
            "e2fsprogs",
        ),
        Kind("xfs", 320 << 20, ("mkfs.xfs", "-q", "-f", "-K"), "", "xfsprogs"),
        Kind("btrfs", 128 << 20, ("mkfs.btrfs", "-q", "-f", "-K"), "", "btrfs-progs"),
    )
}
CAN_BE_CUT = ("ext4", "xfs")  # btrfs answers ENOTTY to FS_IOC_SHUTDOWN

_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x4000, 0x40000, 2
_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE, _LO_FLAGS_AUTOCLEAR = 0x4C82, 0x4C0A, 4
_FS_IOC_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
_FITHAW = 0xC0045878
_BUSY_SECONDS = 5.0
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not on every root's PATH


def require_means(kind: Kind) -> str:
    """The path of the command that makes this file system. Raises Unmeasured, with what is missing here."""
    if not sys.platform.startswith("linux"):
        raise Unmeasured("needs Linux, for real file systems on loop devices")
    if os.geteuid() != 0:
        raise Unmeasured("needs root, for loop devices and mounts: run it as root")
    if not os.path.exists("/dev/loop-control"):
        raise Unmeasured("needs loop devices: load the kernel module loop, or give the container /dev/loop*")
    made_by = shutil.which(kind.make[0], path=system_path())
    if made_by is None:
        raise Unmeasured(f"needs {kind.make[0]}: install {kind.package}")
    return made_by


def system_path() -> str:
    """Where commands of the system are found: PATH, and what is missing in it."""
    return f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}"


@cache
def enter_private_namespace() -> str:
    """Give this thread, and all processes and threads that it starts from now on, a private mount namespace. Returns
    its name, as /proc/PID/ns/mnt has it.

    Later calls do nothing. Raises Unmeasured where that is not allowed.
    """
    try:
        _call("unshare", _CLONE_NEWNS)
        _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    except OSError as error:
        raise Unmeasured(f"a mount namespace is not allowed here: {error}; run as root with CAP_SYS_ADMIN") from error
    return os.readlink("/proc/thread-self/ns/mnt")


@dataclass(frozen=True)
class Disk:
    """A file system that is mounted at ``place`` most of the time. Made by `disk_of`."""

    kind: Kind
    place: Path
    device: str

    def cut(self, descriptor: int) -> None:
        """Cut the power: nothing reaches the disk any more, not even the log. ``descriptor`` is of any file on it."""
        _ioctl(descriptor, _FS_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))

    def recover(self) -> None:
        """Unmount and mount again after a cut, which replays the log. Raises OSError."""
        self.unmount()
        self.mount()

    def unmount(self) -> None:
        """Unmount it, after a few seconds at most if it is in use. Raises OSError."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                _call("umount2", os.fsencode(self.place), 0)
                break
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                # The kernel may need a moment to close the files of processes that have ended.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)

    def mount(self) -> None:
        """Mount it. Raises OSError."""
        options = os.fsencode(self.kind.options) or None
        _call("mount", os.fsencode(self.device), os.fsencode(self.place), self.kind.name.encode(), 0, options)

    def detach(self) -> None:
        """Unmount it, if it is mounted; while a process still uses it, it disappears when that process ends."""
        detach(self.place)

    def sync(self) -> None:
        """Make everything on it durable (syncfs(2))."""
        with _opened(self.place, os.O_RDONLY) as descriptor:
            sync_all(descriptor)


def sync_all(descriptor: int) -> None:
    """Make everything durable on the file system of this file (syncfs(2)). Raises OSError."""
    _call("syncfs", descriptor)


def control(descriptor: int, request: int, argument: bytes) -> bytes:
    """Make a request that takes an argument of this length (ioctl(2)). Returns what the kernel has left in it.

    Raises OSError.
    """
    if sys.platform == "win32":
        raise Unmeasured("Windows has no ioctl")
    import fcntl

    return fcntl.ioctl(descriptor, request, argument)


def detach(place: Path) -> None:
    """Unmount what is mounted at a folder, if anything is: from its users it is taken when they end."""
    with contextlib.suppress(OSError):
        _call("umount2", os.fsencode(place), _MNT_DETACH)


def thaw(place: Path) -> bool:
    """Let the file system that is mounted at a folder go on, if it is frozen (FIFREEZE). Returns whether it was."""
    with contextlib.suppress(OSError), _opened(place, os.O_RDONLY) as descriptor:
        if os.fstat(descriptor).st_dev != place.parent.stat().st_dev:  # never one of the machine's own
            _ioctl(descriptor, _FITHAW, 0)
            return True
    return False


@contextlib.contextmanager
def disk_of(kind: Kind, folder: Path) -> Iterator[Disk]:
    """Make a new file system in an existing folder and mount it; nothing of it is left at the end.

    Raises Unmeasured where this machine cannot, and Inconclusive, whatever the block has raised, where the folder is
    full: such a disk fails, or loses what was written to it.
    """
    command = (require_means(kind), *kind.make[1:])
    with contextlib.ExitStack() as stack:
        inner = stack.enter_context(temporary("disk-", folder))
        stack.enter_context(blaming_room(folder))
        image, place = inner / "image", inner / kind.name
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(kind.size)
        make_file_system([*command, str(image)])
        try:
            disk = Disk(kind, place, stack.enter_context(loop_device(image)))
        except OSError as error:
            raise Unmeasured(f"no loop device can be used here: {error}") from error
        stack.callback(disk.detach)  # before it is mounted: Ctrl-C may come at once
        try:
            disk.mount()
        except OSError as error:
            raise Unmeasured(f"{kind.name} cannot be mounted here: {error}") from error
        yield disk


def make_file_system(command: Sequence[str]) -> None:
    """Run this command. Raises Unmeasured, with the end of what it said, when it fails."""
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if made.returncode:
        raise Unmeasured(f"{' '.join(command[:-1])} failed: {made.stderr.strip()[-300:]}")


@contextlib.contextmanager
def loop_device(image: Path) -> Iterator[str]:
    """Attach the image to a loop device, for as long as it is open here or mounted. Raises OSError."""
    with _opened(image, os.O_RDWR) as backing, _opened(Path("/dev/loop-control"), os.O_RDWR) as control:
        while True:
            name = f"/dev/loop{_ioctl(control, _LOOP_CTL_GET_FREE, 0)}"
            with _opened(Path(name), os.O_RDWR) as device:
                try:
                    _ioctl(device, _LOOP_CONFIGURE, loop_configuration(backing))
                except OSError as error:
                    if error.errno == errno.EBUSY:
                        continue  # another process was given the same free device
                    raise
                yield name
                return


def loop_configuration(backing: int) -> bytes:
    """The argument of LOOP_CONFIGURE, ``struct loop_config`` of <linux/loop.h>: this descriptor, detach by itself."""
    information = struct.pack("5Q4I64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, _LO_FLAGS_AUTOCLEAR, b"", b"", b"", 0, 0)
    return struct.pack("2I", backing, 0) + information + bytes(8 * 8)


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)  # Python's descriptors are not inherited
    try:
        yield descriptor
    finally:
        with contextlib.suppress(OSError):  # nothing was written by it, and what serves the file may have ended
            os.close(descriptor)


def _call(name: str, *arguments: bytes | int | None) -> None:
    """Call a function of the C library that answers 0. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _ioctl(descriptor: int, request: int, argument: int | bytes) -> int:
    if sys.platform == "win32":
        raise Unmeasured("Windows has no ioctl")
    import fcntl

    answer = fcntl.ioctl(descriptor, request, argument)
    return answer if isinstance(answer, int) else 0
