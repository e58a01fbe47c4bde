"""Writers that touch the target itself, or publish more than one document per write."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("publish", caught_by="VIS-01")
def truncate_in_place(self: Honest, path: str, data: bytes) -> None:
    """Opens the target with "w" and writes into it."""
    with open(path, "wb") as file:
        file.write(data)


@mutant("publish", caught_by="VIS-01")
def overwrite_then_truncate(self: Honest, path: str, data: bytes) -> None:
    """Writes over the old bytes and truncates the file afterwards."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        self.send(descriptor, data)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


@mutant("publish", caught_by="VIS-01")
def memory_map_in_place(self: Honest, path: str, data: bytes) -> None:
    """Changes the target through a shared memory map, so that no write call is ever made."""
    with open(path, "ab"):
        pass
    with open(path, "r+b") as file:
        file.truncate(len(data))
        with mmap.mmap(file.fileno(), len(data)) as mapped:
            mapped[:] = data


@mutant("replace", caught_by="VIS-01")
def unlink_then_rename(self: Honest, temp: str, target: str) -> None:
    """Removes the target before the rename, so that readers find nothing for a moment."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    os.rename(temp, target)


@mutant("replace", caught_by="VIS-01")
def rename_away_then_rename(self: Honest, temp: str, target: str) -> None:
    """Renames the old document to a back-up first, so that readers find nothing for a moment."""
    backup = f"{temp}.old.tmp"
    with contextlib.suppress(FileNotFoundError):
        os.rename(target, backup)
    os.rename(temp, target)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(backup)


@mutant("replace", caught_by="VIS-01")
def copy_onto_target(self: Honest, temp: str, target: str) -> None:
    """Copies the temp's bytes onto the target instead of renaming it."""
    shutil.copyfile(temp, target)
    os.unlink(temp)


@mutant("replace", caught_by="VIS-01")
def open_target_for_writing(self: Honest, temp: str, target: str) -> None:
    """Opens the target for writing before the rename, to check that it is allowed to, and writes nothing."""
    with contextlib.suppress(FileNotFoundError), open(target, "r+b"):
        pass
    os.replace(temp, target)


@mutant("publish", caught_by="VIS-07")
def update_without_truncating(self: Honest, path: str, data: bytes) -> None:
    """Writes over the old bytes and never truncates: the tail of a longer old document stays."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        self.send(descriptor, data)
    finally:
        os.close(descriptor)


@mutant("publish", caught_by="VIS-01", on=("linux", "macos"))
def folder_exchanged(self: Honest, path: str, data: bytes) -> None:
    """Copies the target's folder, writes the document there, and puts the copy in the folder's place by two renames."""
    target = self.resolve(path)
    folder, name = os.path.split(target)
    copy = f"{folder}.{os.urandom(8).hex()}"
    shutil.copytree(folder, copy, symlinks=True)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(copy, name))
        self.fill_temp(os.path.join(copy, name), target, data)
        os.rename(folder, f"{copy}.old")
        os.rename(copy, folder)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise
    shutil.rmtree(f"{copy}.old", ignore_errors=True)
    self.sync_folder(folder)


@mutant("publish", caught_by="VIS-08")
def partial_then_whole(self: Honest, path: str, data: bytes) -> None:
    """Publishes the first half of the document, then all of it."""
    Honest.publish(self, path, data[: len(data) // 2])
    Honest.publish(self, path, data)


@mutant("publish", caught_by="VIS-08")
def placeholder_then_document(self: Honest, path: str, data: bytes) -> None:
    """Publishes a valid placeholder before the document that was asked for."""
    Honest.publish(self, path, self.serialise(self.validate({"status": "running", "message": "writing"})))
    Honest.publish(self, path, data)


@mutant("publish", caught_by="VIS-08")
def empty_file_first(self: Honest, path: str, data: bytes) -> None:
    """Creates an empty target when there is none, so that the rename always has something to replace."""
    if not os.path.exists(path):
        with open(path, "ab"):
            pass
    Honest.publish(self, path, data)
