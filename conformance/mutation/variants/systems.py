"""Writers that use what only some systems offer, and do as the honest base where the file system lacks it."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable

from conformance.mutation.contexts import closing
from conformance.mutation.honest import Honest
from conformance.mutation.registry import WAY_OF_WRITING, variant

if sys.platform != "win32":
    from conformance.mutation.honest import keep_access_list

    @variant("publish", doubted_by=(*WAY_OF_WRITING, "MET-*"))
    def relative_to_a_descriptor(self: Honest, path: str, data: bytes) -> None:
        """Opens the target's folder once and names everything relative to that descriptor."""
        folder_path, name = os.path.split(self.resolve(path))
        temp = f".{os.urandom(8).hex()}.tmp"
        folder = os.open(folder_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                _fill_beside(self, folder, temp, name, data)
                os.replace(temp, name, src_dir_fd=folder, dst_dir_fd=folder)
            except FileExistsError:
                raise  # the temp's name is taken: the file belongs to another writer
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temp, dir_fd=folder)
                raise
            try:
                os.fsync(folder)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                    raise
        finally:
            os.close(folder)

    def _fill_beside(self: Honest, folder: int, temp: str, name: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with closing(os.open(temp, flags, 0o666, dir_fd=folder)) as descriptor:
            self.send(descriptor, data)
            with contextlib.suppress(FileNotFoundError):
                old = os.stat(name, dir_fd=folder)
                if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(PermissionError):
                        os.chown(temp, old.st_uid, old.st_gid, dir_fd=folder)
                keep_access_list(f"/proc/self/fd/{folder}/{temp}", f"/proc/self/fd/{folder}/{name}")
                os.chmod(temp, stat.S_IMODE(old.st_mode), dir_fd=folder)
            os.fsync(descriptor)


if sys.platform == "linux":
    _NOT_OFFERED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EISDIR)

    def _fill_unnamed(self: Honest, temp: str, target: str, data: bytes, link: Callable[[int], None]) -> None:
        """Fill an unnamed file (O_TMPFILE), which ``link`` then gives the temp's name; a temp where there is none."""
        try:
            descriptor = os.open(os.path.dirname(temp), os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
            Honest.fill_temp(self, temp, target, data)
            return
        with closing(descriptor):
            self.send(descriptor, data)
            link(descriptor)
            self.keep_metadata(temp, target)
            self.sync(descriptor)

    @variant("fill_temp", doubted_by=WAY_OF_WRITING)
    def unnamed_until_complete(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Fills an unnamed file (O_TMPFILE) and links it to the temp's name when it is complete (open(2))."""

        def link(descriptor: int) -> None:
            folder, name = os.path.split(temp)
            # Python calls linkat(2) with AT_SYMLINK_FOLLOW only when a folder's descriptor is given.
            with closing(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as opened:
                os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=opened, follow_symlinks=True)

        _fill_unnamed(self, temp, target, data, link)

    @variant("fill_temp", doubted_by=WAY_OF_WRITING)
    def linked_from_the_folder_of_descriptors(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Links an unnamed file by its number in /proc/self/fd, which it has open, as a sandbox without /proc would."""

        def link(descriptor: int) -> None:
            with closing(os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptors:
                os.link(str(descriptor), temp, src_dir_fd=descriptors, follow_symlinks=True)

        _fill_unnamed(self, temp, target, data, link)

    _AT_FDCWD, _RENAME_EXCHANGE = -100, 2

    @variant("replace", doubted_by=WAY_OF_WRITING)
    def exchange_then_unlink(self: Honest, temp: str, target: str) -> None:
        """Exchanges temp and target (renameat2(2), RENAME_EXCHANGE) and then removes the old document."""
        if not os.path.isfile(target):
            Honest.replace(self, temp, target)
            return
        exchange = ctypes.CDLL(None, use_errno=True).renameat2
        if exchange(_AT_FDCWD, os.fsencode(temp), _AT_FDCWD, os.fsencode(target), _RENAME_EXCHANGE) == 0:
            os.unlink(temp)
            return
        error = ctypes.get_errno()
        if error not in (*_NOT_OFFERED, errno.ENOENT):
            raise OSError(error, os.strerror(error), target)
        Honest.replace(self, temp, target)
