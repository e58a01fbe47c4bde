"""Writers that treat one kind of path, name or status differently from all others."""

from __future__ import annotations

import errno
import json
import os
import urllib.parse

from conformance.mutation.contexts import closing
from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

_POSIX = ("linux", "macos")


def _publish(self: Honest, path: str, data: bytes, *, synced: bool = True, cleaned: bool = True) -> None:
    """`Honest.publish`, which leaves out the sync or the clean-up."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    try:
        with closing(self.create(temp)) as descriptor:
            self.send(descriptor, data)
            self.keep_metadata(temp, target)
            if synced:
                self.sync(descriptor)
        self.replace(temp, target)
    except BaseException:
        if cleaned:
            self.discard(temp)
        raise
    self.sync_folder(target)


def _write_in_place(self: Honest, path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    with closing(descriptor):
        self.send(descriptor, data)
        self.sync(descriptor)


@mutant("publish", caught_by="PWR-01", on=("linux",))
def unsynced_behind_a_link(self: Honest, path: str, data: bytes) -> None:
    """Does not sync the document when the target is a symbolic link."""
    _publish(self, path, data, synced=not os.path.islink(path))


@mutant("publish", caught_by="PWR-01", on=("linux",))
def unsynced_dotfile(self: Honest, path: str, data: bytes) -> None:
    """Does not sync the document when the target's name begins with a dot."""
    _publish(self, path, data, synced=not os.path.basename(path).startswith("."))


@mutant("publish", caught_by="PWR-01", on=("linux",))
def unsynced_error(self: Honest, path: str, data: bytes) -> None:
    """Does not sync a document whose status is "error"."""
    _publish(self, path, data, synced=json.loads(data)["status"] != "error")


@mutant("publish", caught_by="FLT-02", on=("linux",))
def temp_left_behind_a_link(self: Honest, path: str, data: bytes) -> None:
    """Does not remove the temp of a failed write when the target is a symbolic link."""
    _publish(self, path, data, cleaned=not os.path.islink(path))


@mutant("publish", caught_by="FLT-02", on=("linux",))
def temp_left_by_a_relative_path(self: Honest, path: str, data: bytes) -> None:
    """Does not remove the temp of a failed write when the path is relative."""
    _publish(self, path, data, cleaned=os.path.isabs(path))


@mutant("publish", caught_by="FLT-02", on=("linux",))
def descriptor_kept_for_each_link(self: Honest, path: str, data: bytes) -> None:
    """Opens the folder behind a link at each write, and does not close it."""
    if os.path.islink(path):
        self.memory.setdefault("folders", []).append(os.open(os.path.dirname(os.path.realpath(path)), os.O_RDONLY))
    Honest.publish(self, path, data)


@mutant("publish", caught_by="FLT-03", on=("linux",))
def working_folder_left_by_a_failure(self: Honest, path: str, data: bytes) -> None:
    """Goes into the folder of the path, and does not come back when the write fails."""
    folder, name = os.path.split(path)
    before = os.getcwd()
    if folder and not os.path.islink(path):
        os.chdir(folder)
    Honest.publish(self, name if os.getcwd() != before else path, data)
    os.chdir(before)


@mutant("publish", caught_by="VIS-01", on=("linux",))
def in_place_behind_a_link_that_dangles(self: Honest, path: str, data: bytes) -> None:
    """Creates and fills the file behind a link that dangles in place."""
    dangles = os.path.islink(path) and not os.path.lexists(os.path.realpath(path))
    (_write_in_place if dangles else Honest.publish)(self, path, data)


@mutant("publish", caught_by="VIS-01", on=_POSIX)
def in_place_without_a_folder(self: Honest, path: str, data: bytes) -> None:
    """Writes in place when the path has no folder in it."""
    (Honest.publish if os.path.dirname(path) else _write_in_place)(self, path, data)


@mutant("publish", caught_by="VIS-01", on=_POSIX)
def in_place_in_a_linked_folder(self: Honest, path: str, data: bytes) -> None:
    """Writes in place when the target's folder is a symbolic link."""
    (_write_in_place if os.path.islink(os.path.dirname(path)) else Honest.publish)(self, path, data)


@mutant("publish", caught_by="VIS-03", on=("linux",))
def temp_of_long_names_shared(self: Honest, path: str, data: bytes) -> None:
    """Shares one temp, without O_EXCL, among all targets whose names are too long for an ending."""
    target = self.resolve(path)
    if len(os.fsencode(os.path.basename(target))) <= 230:
        Honest.publish(self, path, data)
        return
    temp = os.path.join(os.path.dirname(target), ".long.tmp")
    _write_in_place(self, temp, data)
    self.keep_metadata(temp, target)
    self.replace(temp, target)
    self.sync_folder(target)


@mutant("resolve", caught_by="MET-04", on=_POSIX)
def dots_taken_out_by_name(self: Honest, path: str) -> str:
    """Takes ".." out of the path by its names, as `os.path.abspath` does, before it follows links."""
    return Honest.resolve(self, os.path.abspath(path))


@mutant("resolve", caught_by="MET-05")
def percent_decoded(self: Honest, path: str) -> str:
    """Decodes the path as if it came from a URL."""
    return Honest.resolve(self, urllib.parse.unquote(path))


@mutant("resolve", caught_by="MET-05")
def backups_refused(self: Honest, path: str) -> str:
    """Refuses names that end in "~", which editors give to backups."""
    if path.endswith("~"):
        raise OSError(errno.EINVAL, "the name of a backup", path)
    return Honest.resolve(self, path)


@mutant("resolve", caught_by="MET-05", on=_POSIX)
def path_cut_to_a_buffer(self: Honest, path: str) -> str:
    """Cuts the path to a buffer of 1,024 bytes, as `snprintf` does."""
    return Honest.resolve(self, os.fsdecode(os.fsencode(path)[:1023]))


@mutant("resolve", caught_by="MET-06")
def path_taken_for_an_option(self: Honest, path: str) -> str:
    """Refuses a path that begins with a dash, as a program does to which it is given as a word."""
    if path.startswith("-"):
        raise OSError(errno.EINVAL, "unknown option", path)
    return Honest.resolve(self, path)
