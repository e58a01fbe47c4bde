"""Writers that change who may read the document, or where it is (clauses MET)."""

from __future__ import annotations

import contextlib
import hashlib
import locale
import os
import sys

from conformance.mutation.contexts import closing
from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant

_POSIX = ("linux", "macos")


@mutant("keep_metadata", caught_by="MET-11", on=_POSIX)
def readable_for_all(self: Honest, temp: str, target: str) -> None:
    """Lets everyone read every document, so that panels of other users can."""
    Honest.keep_metadata(self, temp, target)
    os.chmod(temp, os.stat(temp).st_mode & 0o7777 | 0o444)


@mutant("keep_metadata", caught_by="MET-11", on=("linux",))
def access_list_lost(self: Honest, temp: str, target: str) -> None:
    """Keeps the mode of a target with an access list, but not the list: its group may read what one user might."""
    with contextlib.suppress(FileNotFoundError):
        os.chmod(temp, os.stat(target).st_mode & 0o7777)


@mutant("replace", caught_by="MET-11", on=("linux",))
def mode_given_after_the_replace(self: Honest, temp: str, target: str) -> None:
    """Publishes with the mode of a new file, and gives the target its old mode a moment later."""
    old = os.stat(temp).st_mode & 0o7777  # `keep_metadata` took it from the target
    os.chmod(temp, 0o644)
    Honest.replace(self, temp, target)
    os.chmod(target, old)


@mutant("keep_metadata", caught_by="MET-01", on=_POSIX)
def mode_of_the_first_replace(self: Honest, temp: str, target: str) -> None:
    """Looks at the mode of each target once, and gives it that mode ever after."""
    if target not in self.memory:
        with contextlib.suppress(FileNotFoundError):
            self.memory[target] = os.stat(target).st_mode & 0o7777
    Honest.keep_metadata(self, temp, target)
    if target in self.memory:
        os.chmod(temp, self.memory[target])


@mutant("fill_temp", caught_by="MET-01", on=_POSIX)
def mode_before_the_bytes(self: Honest, temp: str, target: str, data: bytes) -> None:
    """Sets the mode before it writes, and a write clears the set-user-id bits."""
    with closing(self.create(temp)) as descriptor:
        self.keep_metadata(temp, target)
        self.send(descriptor, data)
        self.sync(descriptor)


@mutant("keep_metadata", caught_by="MET-01", on=_POSIX)
def nine_bits_kept(self: Honest, temp: str, target: str) -> None:
    """Keeps rwxrwxrwx only, and loses the set-user-id, set-group-id and sticky bits."""
    Honest.keep_metadata(self, temp, target)
    os.chmod(temp, os.stat(temp).st_mode & 0o777)


@mutant("keep_metadata", caught_by="MET-02", on=("linux",))
def umask_before_the_access_list(self: Honest, temp: str, target: str) -> None:
    """Gives a new target 0666 less the umask with chmod, although the folder has a default access list."""
    Honest.keep_metadata(self, temp, target)
    if not os.path.exists(target):
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
            umask = next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))
        os.chmod(temp, 0o666 & ~umask)


@mutant("resolve", caught_by="MET-05", on=_POSIX)
def long_names_shortened(self: Honest, path: str) -> str:
    """Writes a target whose name is too long under a shorter name, the end of which is a checksum."""
    folder, name = os.path.split(Honest.resolve(self, path))
    raw = os.fsencode(name)
    if len(raw) > 255:
        name = f"{os.fsdecode(raw[:200])}-{hashlib.sha256(raw).hexdigest()[:16]}"
    return os.path.join(folder, name)


@mutant("resolve", caught_by="MET-05", on=("linux",))
def name_in_the_encoding_of_the_locale(self: Honest, path: str) -> str:
    """Refuses a path that the encoding of the locale cannot express."""
    try:
        path.encode(locale.getencoding())
    except UnicodeEncodeError as error:
        raise OSError(84, "Invalid or incomplete multibyte or wide character", path) from error
    return Honest.resolve(self, path)


if sys.platform == "linux":
    from conformance.mutation.honest import keep_access_list

    @mutant("replace", caught_by="MET-11")
    def access_list_given_after_the_replace(self: Honest, temp: str, target: str) -> None:
        """Publishes with the mode alone, and gives the target its access list a moment later."""
        try:
            access_list = os.getxattr(temp, "system.posix_acl_access")  # `keep_metadata` took it from the target
        except OSError:
            Honest.replace(self, temp, target)
            return
        mode = os.stat(temp).st_mode & 0o7777
        os.removexattr(temp, "system.posix_acl_access")
        os.chmod(temp, mode)
        Honest.replace(self, temp, target)
        os.setxattr(target, "system.posix_acl_access", access_list)

    @mutant("keep_metadata", caught_by="MET-11")
    def access_list_of_the_first_replace(self: Honest, temp: str, target: str) -> None:
        """Looks for an access list of each target once, and takes a target that had none for one that has none."""
        without = self.memory.setdefault("without", set())
        if os.path.exists(target) and "system.posix_acl_access" not in os.listxattr(target):
            without.add(target)
        Honest.keep_metadata(self, temp, target)
        if target in without and os.path.exists(target):
            mode = os.stat(target).st_mode & 0o7777
            with contextlib.suppress(OSError):
                os.removexattr(temp, "system.posix_acl_access")
            os.chmod(temp, mode)

    @mutant("keep_metadata", caught_by="MET-11")
    def mode_kept_if_possible(self: Honest, temp: str, target: str) -> None:
        """Publishes with the mode of a new file when that of the target cannot be set."""
        with contextlib.suppress(FileNotFoundError):
            old = os.stat(target)
            keep_access_list(temp, target)
            with contextlib.suppress(OSError):
                os.chmod(temp, old.st_mode & 0o7777)

    @mutant("keep_metadata", caught_by="MET-11")
    def new_if_it_cannot_be_seen(self: Honest, temp: str, target: str) -> None:
        """Takes a target that stat(2) fails for, with any error, for one that does not exist."""
        try:
            os.stat(target)
        except OSError:
            return
        Honest.keep_metadata(self, temp, target)

    @mutant("keep_metadata", caught_by="MET-11")
    def access_list_kept_if_possible(self: Honest, temp: str, target: str) -> None:
        """Publishes with the mode alone when the access list of the target cannot be set."""
        with contextlib.suppress(FileNotFoundError):
            old = os.stat(target)
            with contextlib.suppress(OSError):
                keep_access_list(temp, target)
            os.chmod(temp, old.st_mode & 0o7777)
