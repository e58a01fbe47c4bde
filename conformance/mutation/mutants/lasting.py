"""Writers that survive one error, but not an error that lasts (clauses FLT)."""

from __future__ import annotations

import errno
import os

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


def _filled(self: Honest, temp: str, target: str, data: bytes) -> bool:
    """Fill the temp. False when that failed with EIO; another error is raised. The temp is gone then."""
    try:
        self.fill_temp(temp, target, data)
    except OSError as error:
        self.discard(temp)
        if error.errno != errno.EIO:
            raise
        return False
    return True


def _put_in_place(self: Honest, temp: str, target: str) -> None:
    """The rest of a write once the temp is complete."""
    try:
        self.replace(temp, target)
    except OSError:
        self.discard(temp)
        raise
    self.sync_folder(target)


@mutant("publish", caught_by="FLT-02", on=("linux",))
def second_temp_kept(self: Honest, path: str, data: bytes) -> None:
    """Tries again with a second temp after EIO, and forgets to remove that when it fails, too."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    if not _filled(self, temp, target, data):
        temp = self.temp_name(target)
        self.fill_temp(temp, target, data)
    _put_in_place(self, temp, target)


@mutant("publish", caught_by="FLT-01", on=("linux",))
def second_error_swallowed(self: Honest, path: str, data: bytes) -> None:
    """Fills a second temp after EIO, and acknowledges the document when that fails, too."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    if not _filled(self, temp, target, data):
        try:
            self.fill_temp(temp, target, data)
        except OSError:
            self.discard(temp)
            return
    _put_in_place(self, temp, target)


@mutant("send", caught_by="FLT-03", on=("linux",))
def given_up_after_two_errors(self: Honest, descriptor: int, data: bytes) -> None:
    """Takes the disk for dead when a write fails twice with EIO, and never writes again."""
    if "dead" in self.memory:
        raise OSError(errno.EIO, "the disk is dead")
    try:
        Honest.send(self, descriptor, data)
    except OSError as first:
        if first.errno != errno.EIO:
            raise
        try:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            Honest.send(self, descriptor, data)
        except OSError:
            self.memory["dead"] = True
            raise


@mutant("sync", caught_by="PWR-01", on=("linux",))
def unsynced_after_an_error(self: Honest, descriptor: int) -> None:
    """Takes a disk that could not be synced once for one that never can be."""
    if "failed" not in self.memory:
        try:
            Honest.sync(self, descriptor)
        except OSError:
            self.memory["failed"] = True
            raise


@mutant("sync_folder", caught_by="PWR-02", on=("linux",))
def folder_unsynced_after_an_error(self: Honest, target: str) -> None:
    """Takes a folder that could not be synced once for one that never can be."""
    if "failed" not in self.memory:
        try:
            Honest.sync_folder(self, target)
        except OSError:
            self.memory["failed"] = True
            raise
