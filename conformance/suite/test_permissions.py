"""MET-01, MET-02 and MET-11: who may read and write the document before a write and after it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured, Violation
from conformance.oracle.access import access_of, set_access_list, set_default_list, widened
from conformance.oracle.payload import make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Case
from conformance.suite.helpers.launch_prefixes import without_special_bits_override

OLD, NEW = make_status(0, 1, 300), make_status(0, 2, 500)
CLEARED = "it was written without CAP_FSETID, as by any user but root: the write itself clears these bits"


def octal(mode: int) -> str:
    """The name of a case that is about permission bits."""
    return f"{mode:04o}"


def require_posix() -> None:
    """Windows has no permission bits of this kind."""
    if sys.platform == "win32":
        raise Unmeasured("Windows has no POSIX permissions")


@pytest.mark.clause("MET-01")
@pytest.mark.parametrize("mode", [0o644, 0o600, 0o640, 0o664, 0o666, 0o444, 0o755], ids=octal)
def test_mode_is_kept(case: Case, mode: int) -> None:
    """The mode changes once more before a third write: what a writer remembers says nothing about the file now."""
    require_posix()
    case.require_ok(case.publish(case.target, OLD))
    for number, (status, given) in enumerate([(NEW, mode), (OLD, mode ^ 0o044)]):
        case.target.chmod(given)
        case.require_ok(case.publish(case.target, status))
        case.require_holds(case.target, status)
        found = snapshot(case.target).mode
        if found != given:
            before = f", after one when it was {mode:04o}" if number else ""
            raise Violation(f"the target's mode was {given:04o} and is now {found:04o}{before}")


@pytest.mark.clause("MET-02")
@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077, 0o027, 0o000], ids=octal)
def test_new_file_honours_umask(case: Case, umask: int) -> None:
    """A second new target comes after a replace: a writer that asks for the umask by setting it must set it back."""
    require_posix()
    writer, expected = case.start(umask=umask), 0o666 & ~umask
    for new_target, when in ((case.target, ""), (case.folder / "second.json", " after another target was replaced")):
        case.require_ok(case.publish(new_target, NEW, by=writer))
        found = snapshot(new_target).mode
        if found != expected:
            raise Violation(
                f"with umask {umask:04o} a new target got mode {found:04o}{when}; open() would give {expected:04o}"
            )
        case.require_ok(case.publish(new_target, OLD, by=writer))


@pytest.mark.clause("MET-01")
@pytest.mark.parametrize("mode", [0o4711, 0o2751, 0o6777, 0o1644], ids=octal)
def test_special_bits_are_kept(case: Case, mode: int) -> None:
    """A write clears the set-user-id bits (write(2)), so that the mode has to be set after the last of them."""
    require_posix()
    writer = case.start_in(without_special_bits_override())
    case.require_ok(case.publish(case.target, OLD, by=writer))
    try:
        case.target.chmod(mode)
    except OSError as error:
        raise Unmeasured(f"a file cannot have the mode {mode:04o} here: {error}") from error
    if snapshot(case.target).mode != mode:
        raise Unmeasured(f"a file cannot have the mode {mode:04o} here")
    case.require_ok(case.publish(case.target, NEW, by=writer))
    case.require_holds(case.target, NEW)
    found = snapshot(case.target).mode
    if found != mode:
        cleared = f"; {CLEARED}" if found == mode & ~(stat.S_ISUID | stat.S_ISGID) else ""
        raise Violation(f"the target's mode was {mode:04o} and is now {found:04o}{cleared}")


@pytest.mark.clause("MET-02")
def test_new_file_honours_the_folders_access_list(case: Case) -> None:
    """Where a folder has a default access list, that decides and not the umask (umask(2), acl(5))."""
    require_posix()
    set_default_list(case.folder, user=6, group=4, others=0)
    plain = case.folder / "plain"
    os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    case.require_ok(case.publish(case.target, NEW, by=case.start(umask=0o022)))
    found, expected = access_of(case.target), access_of(plain)
    if (found.mode, found.entries) != (expected.mode, expected.entries):
        raise Violation(
            f"a new target in a folder with a default access list is {found.shown()}; "
            f"open() would make it {expected.shown()}"
        )


def has_mode(mode: int) -> Callable[[Path], None]:
    """An action that gives a file this mode."""
    return lambda path: path.chmod(mode)


SECRETS: dict[str, Callable[[Path], None]] = {
    "0600": has_mode(0o600),
    "0640": has_mode(0o640),
    "0604": has_mode(0o604),
    # Readable for one user. The mode shows the mask in the place of the group: 0640, although the group may not read.
    "one-user-may": lambda path: set_access_list(path, user=4, group=0, others=0),
    # Readable for all but one. Without the list that one is like all others.
    "one-user-may-not": lambda path: set_access_list(path, user=0, group=4, others=4),
}


@pytest.mark.clause("MET-11")
@pytest.mark.parametrize("kind", SECRETS)
def test_readers_do_not_become_more(case: Case, kind: str) -> None:
    """With an umask that takes nothing away, so that a new file would be readable for all. The writer has replaced the
    target while all could read it: what it remembers of that says nothing about who may now.
    """
    require_posix()
    writer = case.start(umask=0)
    for status in (OLD, NEW, OLD):
        case.require_ok(case.publish(case.target, status, by=writer))
    case.target.chmod(stat.S_IRUSR | stat.S_IWUSR)
    SECRETS[kind](case.target)
    before = access_of(case.target)
    case.require_ok(case.publish(case.target, NEW, by=writer))
    case.require_holds(case.target, NEW)
    after = access_of(case.target)
    new_readers = widened(before, after)
    if new_readers:
        why = ""
        if before.has_list and not after.has_list:
            masked = ", whose mask is now the group's bits" if f"group {after.owner[1]}" in new_readers else ""
            why = f"; the access list is lost{masked}"
        raise Violation(
            f"more may read the document than before: {', '.join(new_readers)}{why}",
            before=before.shown(),
            after=after.shown(),
        )
