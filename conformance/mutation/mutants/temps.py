"""Writers whose temp is in the wrong place, has the wrong name or contents, or is not removed correctly."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile

from conformance.mutation.contexts import closing
from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("temp_name", caught_by="VIS-02")
def temp_in_system_folder(self: Honest, target: str) -> str:
    """Creates the temp in the system's folder for temporary files."""
    return os.path.join(tempfile.gettempdir(), f"{os.urandom(8).hex()}.tmp")


@mutant("replace", caught_by="VIS-02")
def temp_in_sub_folder(self: Honest, temp: str, target: str) -> None:
    """Renames the temp out of a sub-folder of its own."""
    folder = f"{temp}.d"
    os.mkdir(folder)
    inside = os.path.join(folder, "document.tmp")
    os.rename(temp, inside)
    os.rename(inside, target)
    os.rmdir(folder)


@mutant("publish", caught_by="VIS-02", on=("linux",))
def temp_elsewhere_when_refused(self: Honest, path: str, data: bytes) -> None:
    """Creates the temp in the system's folder for temporary files when the target's folder refuses it."""
    target = self.resolve(path)
    temp = self.temp_name(target)
    try:
        descriptor = self.create(temp)
    except FileExistsError:
        raise
    except OSError:
        temp = os.path.join(tempfile.gettempdir(), os.path.basename(temp))
        descriptor = self.create(temp)
    try:
        with closing(descriptor):
            self.send(descriptor, data)
            self.keep_metadata(temp, target)
            self.sync(descriptor)
        self.replace(temp, target)
    except BaseException:
        self.discard(temp)
        raise
    self.sync_folder(target)


@mutant("fill_temp", caught_by="VIS-03", on=("linux",))
def staged_under_the_process_id(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Fills whatever file is named after the process's id, and renames it to the temp's unique name."""
    stage = os.path.join(os.path.dirname(target), f".{os.getpid()}.tmp")
    try:
        with open(stage, "wb") as file:
            file.write(data)
            file.flush()
            self.keep_metadata(stage, target)
            self.sync(file.fileno())
        os.rename(stage, temp)
    except BaseException:
        self.discard(stage)
        raise


@mutant("create", caught_by="VIS-03")
def temp_not_exclusive(self: Honest, temp: str) -> int:
    """Opens the temp whether or not the file already exists, and so takes over another writer's file."""
    return os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)


@mutant("temp_name", caught_by="VIS-03")
def fixed_temp_name(self: Honest, target: str) -> str:
    """Uses one name for all temps of a folder."""
    return os.path.join(os.path.dirname(target), ".pulse.tmp")


@mutant("temp_name", caught_by="VIS-03", on=("linux",))
def temp_names_come_again(self: Honest, target: str) -> str:
    """Counts its temps in a ring of 64, after something that no other process has."""
    own = self.memory.setdefault("own", os.urandom(8).hex())
    self.memory["count"] = (self.memory.get("count", 0) + 1) % 64
    return os.path.join(os.path.dirname(target), f".{own}.{self.memory['count']}.tmp")


@mutant("temp_name", caught_by="VIS-03")
def temp_named_after_target(self: Honest, target: str) -> str:
    """Appends ".tmp" to the target's name: one temp for all writers of a target."""
    return f"{target}.tmp"


@mutant("temp_name", caught_by="VIS-03")
def temp_replaces_the_extension(self: Honest, target: str) -> str:
    """Replaces the extension with ".tmp", so that a.json and a.toml share a temp."""
    return f"{os.path.splitext(target)[0]}.tmp"


@mutant("temp_name", caught_by="VIS-03")
def temp_without_the_ending(self: Honest, target: str) -> str:
    """Gives the temp a unique name that does not end in ".tmp", so that no clean-up job finds it."""
    return os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}")


@mutant("replace", caught_by="VIS-04")
def unlink_after_replace(self: Honest, temp: str, target: str) -> None:
    """Removes the temp's name after the rename, when it may already be another writer's."""
    os.replace(temp, target)
    with contextlib.suppress(OSError):
        os.unlink(temp)


@mutant("publish", caught_by="VIS-04")
def write_nothing(self: Honest, path: str, data: bytes) -> None:
    """Answers ok and writes nothing."""


@mutant("publish", caught_by="VIS-04")
def replace_twice(self: Honest, path: str, data: bytes) -> None:
    """Publishes the same bytes twice."""
    Honest.publish(self, path, data)
    Honest.publish(self, path, data)


@mutant("send", caught_by="VIS-06")
def short_write_ignored(self: Honest, descriptor: int, data: bytes) -> None:
    """Writes once and does not check how many bytes the system took."""
    os.write(descriptor, data)


if sys.platform == "linux":

    @mutant("fill_temp", caught_by="VIS-03", on=("linux",))
    def exclusive_only_without_a_name(self: Honest, temp: str, target: str, data: bytes) -> None:
        """Links an unnamed file, which is no other program's; where there are none, opens what has the temp's name."""
        flags = os.O_WRONLY | os.O_CLOEXEC
        named = False
        try:
            descriptor = os.open(os.path.dirname(temp), flags | os.O_TMPFILE, 0o666)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
                raise
            descriptor, named = os.open(temp, flags | os.O_CREAT | os.O_TRUNC, 0o666), True
        with closing(descriptor):
            self.send(descriptor, data)
            if not named:
                # Python calls linkat(2) with AT_SYMLINK_FOLLOW only when a folder's descriptor is given.
                os.link(f"/proc/self/fd/{descriptor}", temp, src_dir_fd=descriptor)
            self.keep_metadata(temp, target)
            self.sync(descriptor)
