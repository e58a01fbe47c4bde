"""Writers that harm another program's file at a name that their temp gets, has or had, or that copy from elsewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("create", caught_by="VIS-09")
def file_in_the_way_removed(self: Honest, temp: str) -> int:
    """Removes a file that has the temp's name already, and creates the temp exclusively then."""
    try:
        return Honest.create(self, temp)
    except FileExistsError:
        os.unlink(temp)
        return Honest.create(self, temp)


@mutant("fill_temp", caught_by="VIS-09")
def file_in_the_way_discarded(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Cleans up after every error, even after the one that says that the temp's name is another program's."""
    try:
        Honest.fill_temp(self, temp, target, data)
    except FileExistsError:
        self.discard(temp)
        raise


@mutant("send", caught_by="CON-02", on=("linux",))
def backups_removed_when_the_disk_is_full(self: Honest, descriptor: int, data: bytes) -> None:
    """Removes logs and backups from the folder of a temp for which there is no room."""
    try:
        Honest.send(self, descriptor, data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            folder = os.path.dirname(os.readlink(f"/proc/self/fd/{descriptor}"))
            for name in os.listdir(folder):
                if name.endswith((".bak", ".old", "~", ".log")):
                    os.unlink(os.path.join(folder, name))
        raise


@mutant("publish", caught_by="VIS-03", on=("linux",))
def next_name_not_exclusive(self: Honest, path: str, data: bytes) -> None:
    """Chooses another name when the temp's is taken, and opens whatever has that one."""
    try:
        Honest.publish(self, path, data)
    except FileExistsError:
        target = self.resolve(path)
        temp = self.temp_name(target)
        with open(temp, "wb") as file:
            file.write(data)
            file.flush()
            self.keep_metadata(temp, target)
            self.sync(file.fileno())
        self.replace(temp, target)
        self.sync_folder(target)


@mutant("discard", caught_by="VIS-03", on=("linux",))
def temp_removed_twice(self: Honest, temp: str) -> None:
    """Removes the temp of a failed write twice: the name may be another program's the second time."""
    Honest.discard(self, temp)
    Honest.discard(self, temp)


@mutant("publish", caught_by="VIS-04", on=("linux",))
def one_clean_up_for_every_error(self: Honest, path: str, data: bytes) -> None:
    """Removes the temp's name after an error of the folder's sync too, when the temp has become the target."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    try:
        self.fill_temp(temp, target, data)
        self.replace(temp, target)
        self.sync_folder(target)
    except FileExistsError:
        raise
    except BaseException:
        self.discard(temp)
        raise


@mutant("replace", caught_by="VIS-04")
def temp_deleted_if_it_exists(self: Honest, temp: str, target: str) -> None:
    """Removes whatever has the temp's name after the rename, if anything has."""
    os.replace(temp, target)
    if os.path.lexists(temp):
        with contextlib.suppress(OSError):
            os.unlink(temp)


@mutant("create", caught_by="VIS-10", on=("linux",))
def temp_opened_again_by_its_name(self: Honest, temp: str) -> int:
    """Creates the temp, closes it, and opens whatever has its name then."""
    os.close(Honest.create(self, temp))
    return os.open(temp, os.O_WRONLY | os.O_TRUNC)


@mutant("publish", caught_by="FLT-06", on=("linux",))
def copied_from_another_file_system(self: Honest, path: str, data: bytes) -> None:
    """Copies onto the target when the system's folder for temporary files is on another file system."""
    target = self.resolve(path)
    elsewhere = tempfile.gettempdir()
    if os.stat(elsewhere).st_dev == os.stat(os.path.dirname(target)).st_dev:
        Honest.publish(self, path, data)
        return
    temp = os.path.join(elsewhere, f"{os.urandom(8).hex()}.tmp")
    self.fill_temp(temp, target, data)
    shutil.copyfile(temp, target)
    os.unlink(temp)
