"""Writers that look at, or open again, the names of their temps, and harm no other program's file at them."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile

from conformance.mutation.honest import Honest
from conformance.mutation.registry import WAY_OF_WRITING, variant


@variant("replace", doubted_by=("VIS-*", "FLT-*"))
def temps_name_looked_at_afterwards(self: Honest, temp: str, target: str) -> None:
    """Looks whether there is a file of the temp's name after the replace, and leaves it alone."""
    Honest.replace(self, temp, target)
    os.path.lexists(temp)


@variant("discard", doubted_by=("VIS-*", "FLT-*"))
def temps_name_looked_at_after_its_removal(self: Honest, temp: str) -> None:
    """Looks whether the temp of a failed write is gone, and leaves alone what has its name by then."""
    Honest.discard(self, temp)
    os.path.lexists(temp)


@variant("publish", doubted_by=("VIS-*", "FLT-*"))
def another_name_when_taken(self: Honest, path: str, data: bytes) -> None:
    """Chooses another name for the temp when another program's file has it already."""
    for _ in range(8):
        try:
            Honest.publish(self, path, data)
        except FileExistsError:
            continue
        return
    raise FileExistsError("eight names were taken")


if sys.platform == "linux":

    @variant("replace", doubted_by=("VIS-*", "FLT-*"))
    def first_document_linked_instead(self: Honest, temp: str, target: str) -> None:
        """Links a first document to its name where it cannot be renamed: a link takes no file's place."""
        try:
            os.replace(temp, target)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EXDEV):
                raise
            try:
                os.link(temp, target)
            except OSError:
                raise error from None
            os.unlink(temp)


if sys.platform != "win32":

    @variant("create", doubted_by=WAY_OF_WRITING)
    def opened_again_but_never_a_link(self: Honest, temp: str) -> int:
        """Creates the temp, closes it, and opens it again with O_NOFOLLOW and without O_TRUNC."""
        os.close(Honest.create(self, temp))
        try:
            return os.open(temp, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except BaseException:
            self.discard(temp)
            raise

    @variant("serialise", doubted_by=(*WAY_OF_WRITING, "MET-*"))
    def drafted_in_the_system_folder(self: Honest, document: dict[str, object]) -> bytes:
        """Writes a draft into the system's folder for temporary files, reads it back and removes it."""
        data = Honest.serialise(self, document)
        draft = os.path.join(tempfile.gettempdir(), f"{os.urandom(8).hex()}.draft")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "r+b") as file:
                file.write(data)
                file.seek(0)
                return file.read()
        finally:
            with contextlib.suppress(OSError):
                os.unlink(draft)
