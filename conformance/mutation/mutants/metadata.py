"""Writers that lose the metadata of the target, or write where they must not (clauses MET)."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("keep_metadata", caught_by="MET-01")
def always_0600(self: Honest, temp: str, target: str) -> None:
    """Gives every document the mode 0600, as tempfile.mkstemp does."""
    os.chmod(temp, 0o600)


@mutant("keep_metadata", caught_by="MET-01")
def mode_not_kept(self: Honest, temp: str, target: str) -> None:
    """Gives every document the mode of a new file, whatever the target's was."""


@mutant("keep_metadata", caught_by="MET-02")
def new_file_0600(self: Honest, temp: str, target: str) -> None:
    """Gives a new target the mode 0600."""
    Honest.keep_metadata(self, temp, target)
    if not os.path.exists(target):
        os.chmod(temp, 0o600)


@mutant("keep_metadata", caught_by="MET-02")
def umask_ignored(self: Honest, temp: str, target: str) -> None:
    """Gives a new target the mode 0644, whatever the umask."""
    Honest.keep_metadata(self, temp, target)
    if not os.path.exists(target):
        os.chmod(temp, 0o644)


@mutant("keep_metadata", caught_by="MET-02", on=("linux", "macos"))
def umask_not_set_back(self: Honest, temp: str, target: str) -> None:
    """Clears the umask to give the temp the target's mode, and leaves it so for the whole process."""
    if os.path.exists(target):
        os.umask(0)
    Honest.keep_metadata(self, temp, target)


@mutant("keep_metadata", caught_by="MET-03")
def owner_lost(self: Honest, temp: str, target: str) -> None:
    """Keeps the mode, but not the owner."""
    with contextlib.suppress(FileNotFoundError):
        os.chmod(temp, os.stat(target).st_mode & 0o7777)


@mutant("resolve", caught_by="MET-04")
def symbolic_link_replaced(self: Honest, path: str) -> str:
    """Replaces a symbolic link at the target, although the manifest declares that it is followed."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


@mutant("resolve", caught_by="MET-04")
def one_link_followed(self: Honest, path: str) -> str:
    """Follows one symbolic link and replaces the second of a chain."""
    folder, name = os.path.split(path)
    target = os.path.join(os.path.realpath(folder), name)
    return os.path.join(os.path.dirname(target), os.readlink(target)) if os.path.islink(target) else target


@mutant("resolve", caught_by="MET-04")
def links_joined_to_the_given_path(self: Honest, path: str) -> str:
    """Joins what a link says to the path that was given: ``..`` leads astray below a folder that is a link itself."""
    for _ in range(8):
        if not os.path.islink(path):
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    return path


@mutant("publish", caught_by="MET-04")
def unresolved_link_replaced(self: Honest, path: str, data: bytes) -> None:
    """Takes a link that cannot be resolved, such as one that leads to itself, for no file and replaces it."""
    try:
        os.path.realpath(path, strict=True)
    except FileNotFoundError:
        Honest.publish(self, path, data)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        temp = self.temp_name(path)
        descriptor = self.create(temp)
        self.send(descriptor, data)
        self.close(descriptor)
        self.replace(temp, path)
    else:
        Honest.publish(self, path, data)


@mutant("discard", caught_by="MET-04", on=("linux", "macos"))
def temp_leaked_at_a_circle(self: Honest, temp: str) -> None:
    """Leaves the temp behind when the target is a link that leads to itself, and removes it after any other error."""
    error = sys.exception()
    if not isinstance(error, OSError) or error.errno != errno.ELOOP:
        Honest.discard(self, temp)


@mutant("temp_name", caught_by="MET-05")
def temp_longer_than_target(self: Honest, target: str) -> str:
    """Appends a random suffix to the target's name, which a name of 255 bytes has no room for."""
    return f"{target}.{os.urandom(8).hex()}.tmp"


@mutant("resolve", caught_by="MET-05")
def ascii_names_only(self: Honest, path: str) -> str:
    """Refuses names that are not ASCII."""
    if not os.path.basename(path).isascii():
        raise OSError(errno.EILSEQ, "the name is not ASCII", path)
    return Honest.resolve(self, path)


@mutant("resolve", caught_by="MET-06")
def relative_to_another_folder(self: Honest, path: str) -> str:
    """Resolves a relative path in the system's folder for temporary files instead of the working folder."""
    return Honest.resolve(self, os.path.join(tempfile.gettempdir(), path))


@mutant("resolve", caught_by="MET-06")
def bare_name_has_no_folder(self: Honest, path: str) -> str:
    """First checks that the target's folder exists, and takes the folder of a bare name to be "" instead of "."."""
    os.stat(os.path.dirname(path))
    return Honest.resolve(self, path)


@mutant("resolve", caught_by="MET-07")
def missing_folders_created(self: Honest, path: str) -> str:
    """Creates the missing folders above the target."""
    target = Honest.resolve(self, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    return target


@mutant("resolve", caught_by="MET-08")
def written_into_the_folder(self: Honest, path: str) -> str:
    """Writes a file into the target when that is a folder."""
    target = Honest.resolve(self, path)
    return os.path.join(target, "status.json") if os.path.isdir(target) else target


@mutant("replace", caught_by="MET-08")
def empty_folder_removed(self: Honest, temp: str, target: str) -> None:
    """Removes an empty folder that is in the way."""
    with contextlib.suppress(OSError):
        os.rmdir(target)
    os.replace(temp, target)


@mutant("publish", caught_by="MET-09")
def in_place_in_read_only_folder(self: Honest, path: str, data: bytes) -> None:
    """Writes in place when the folder does not allow a temp."""
    try:
        Honest.publish(self, path, data)
    except PermissionError:
        with open(path, "wb") as file:
            file.write(data)


@mutant("publish", caught_by="MET-10")
def in_place_when_mounted(self: Honest, path: str, data: bytes) -> None:
    """Writes in place when the target is a mount point."""
    try:
        Honest.publish(self, path, data)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        with open(path, "wb") as file:
            file.write(data)


if sys.platform != "win32":

    @mutant("keep_metadata", caught_by="MET-03")
    def owner_of_the_first_replace(self: Honest, temp: str, target: str) -> None:
        """Looks at the owner of each target once, and gives the target to that user ever after."""
        if target not in self.memory:
            with contextlib.suppress(FileNotFoundError):
                self.memory[target] = os.stat(target)
        Honest.keep_metadata(self, temp, target)
        if target in self.memory:
            first = self.memory[target]
            with contextlib.suppress(PermissionError):
                os.chown(temp, first.st_uid, first.st_gid)
            os.chmod(temp, os.stat(target).st_mode & 0o7777)
