"""Writes behind links, in linked folders and without a folder in the path: what is seen of them."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.other_paths import Looked, by_other_paths

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tracer needs Linux")

WRITER = """
import os

class Implementation:
    def special(self, path):
        return False

    def replace(self, path, text):
        special = self.special(path)
        target = os.path.realpath(path)
        temp = f"{target}.{os.urandom(4).hex()}"
        try:
            with open(temp, "xb") as file:
                file.write(text.encode())
                file.flush()
                self.sync(file.fileno(), special)
            os.replace(temp, target)
        except OSError:
            self.discard(temp, special)
            raise
        folder = os.open(os.path.dirname(target), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def sync(self, descriptor, special):
        os.fsync(descriptor)

    def discard(self, temp, special):
        os.unlink(temp)
"""
UNSYNCED = """
    def sync(self, descriptor, special):
        if not special:
            os.fsync(descriptor)
"""
LEFT = """
    def discard(self, temp, special):
        if not special:
            os.unlink(temp)
"""
IN_PLACE = """
    def replace(self, path, text):
        if not self.special(path):
            return Replacing.replace(self, path, text)
        with open(path, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
"""
Symlink = Literal["follow", "replace", "refuse"] | None
LINK = "os.path.islink(path)"
DANGLING = "os.path.islink(path) and not os.path.exists(path)"
LINKED_FOLDER = "os.path.islink(os.path.dirname(path))"
BARE = "'/' not in path"


def writer(special: str = "False", change: str = "") -> str:
    """A correct writer, which treats a special kind of path differently."""
    method = f"    def special(self, path):\n        return {special}\n"
    source = WRITER.replace("Implementation", "Replacing")
    return f"{source}\nclass Implementation(Replacing):\n{method}{change}"


@pytest.fixture
def look(laboratory: Callable[..., Laboratory]) -> Callable[..., Looked]:
    """What is seen of a writer that is given as source, with what its manifest declares."""

    def look(source: str, symlink: Symlink = "follow") -> Looked:
        made = laboratory(source)
        made.run = dataclasses.replace(made.run, manifest=dataclasses.replace(made.run.manifest, symlink=symlink))
        return by_other_paths(made)

    return look


def broken(looked: Looked) -> set[tuple[str, str]]:
    return {(each.clause, each.text.partition(":")[0].partition(", ")[0]) for each in looked.broken}


def test_nothing_is_wrong_with_a_correct_writer(look: Callable[..., Looked]) -> None:
    looked = look(writer())
    assert (looked.broken, looked.unmeasured) == ((), ())
    assert (looked.writes, looked.faults) == (8, 16)


@pytest.mark.parametrize(
    ("special", "change", "found"),
    [
        (LINK, UNSYNCED, ("PWR-01", "behind a link")),
        (BARE, UNSYNCED, ("PWR-01", "by a path without a folder")),
        (LINK, LEFT, ("FLT-02", "behind a link")),
        (LINKED_FOLDER, LEFT, ("FLT-02", "in a linked folder")),
        (BARE, LEFT, ("FLT-02", "by a path without a folder")),
        (DANGLING, IN_PLACE, ("VIS-01", "behind a link that dangles")),
        (LINKED_FOLDER, IN_PLACE, ("VIS-01", "in a linked folder")),
        (BARE, IN_PLACE, ("VIS-01", "by a path without a folder")),
    ],
)
def test_a_writer_that_errs_for_one_kind_of_path_is_seen(
    look: Callable[..., Looked], special: str, change: str, found: tuple[str, str]
) -> None:
    looked = look(writer(special, change))
    assert found in broken(looked)
    clauses = {clause for clause, _ in broken(looked)}
    assert clauses <= {found[0], "PWR-02"} if change != IN_PLACE else clauses <= {"VIS-01", "VIS-04", "VIS-08"}


def test_power_is_not_judged_where_no_replace_published(look: Callable[..., Looked]) -> None:
    looked = look(writer(BARE, IN_PLACE))
    assert all(each.startswith("PWR by a path without a folder") for each in looked.unmeasured)
    assert len(looked.unmeasured) == 2


@pytest.mark.parametrize("symlink", [None, "replace", "refuse"])
def test_a_link_at_the_target_is_written_to_only_if_it_is_followed(
    look: Callable[..., Looked], symlink: Symlink
) -> None:
    looked = look(writer(LINK, UNSYNCED), symlink)
    assert (looked.broken, looked.writes) == ((), 6)


def test_a_path_that_cannot_be_written_is_unmeasured(look: Callable[..., Looked]) -> None:
    refused = """
    def replace(self, path, text):
        if self.special(path):
            raise OSError("no folder in the path")
        Replacing.replace(self, path, text)
"""
    looked = look(writer(BARE, refused))
    assert looked.broken == ()
    assert [each.partition(":")[0] for each in looked.unmeasured] == [
        "by a path without a folder",
        "by a path without a folder, a first write",
    ]


@pytest.mark.parametrize(
    ("special", "judged_by"),
    [
        (DANGLING, "MET-04 symbolic_link_is_treated_as_declared"),
        (LINKED_FOLDER, "MET-04 link_in_the_folders_path_is_followed"),
        (BARE, "MET-06"),
    ],
)
@pytest.mark.parametrize("what", ["return", "raise OSError(5, 'no')"])
def test_what_cannot_be_written_points_to_the_clause_about_such_paths(
    look: Callable[..., Looked], special: str, judged_by: str, what: str
) -> None:
    """No case of FLT-01 writes there: it passes beside this."""
    change = f"""
    def replace(self, path, text):
        if self.special(path):
            {what}
        Replacing.replace(self, path, text)
"""
    looked = look(writer(special, change))
    assert looked.unmeasured
    assert all(each.endswith(f" (see {judged_by})") for each in looked.unmeasured)


def test_a_working_folder_that_a_failed_write_has_left_is_seen(look: Callable[..., Looked]) -> None:
    leaving = """
    def replace(self, path, text):
        folder, name = os.path.split(path)
        before = os.getcwd()
        if folder:
            os.chdir(folder)
        Replacing.replace(self, os.path.join(os.getcwd(), name), text)
        os.chdir(before)
"""
    assert broken(look(writer(change=leaving))) == {("FLT-03", "by a path in the working folder")}


KEEPING = """
    def replace(self, path, text):
        open(f"{path}.lock", "ab").close()
        Replacing.replace(self, path, text)
"""
UNNAMED = """
    def replace(self, path, text):
        folder, name = os.path.split(path)
        descriptor = os.open(folder or ".", os.O_TMPFILE | os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
            temp = os.path.join(folder, os.urandom(4).hex())
            os.link(f"/proc/self/fd/{descriptor}", temp, src_dir_fd=descriptor, follow_symlinks=True)
        finally:
            os.close(descriptor)
        try:
            os.replace(temp, path)
        except OSError:
            os.unlink(temp)
            raise
        descriptor = os.open(folder or ".", os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
"""


@pytest.mark.parametrize("change", [KEEPING, UNNAMED], ids=["a file that is kept", "an unnamed temp"])
def test_other_correct_writers_are_spared(look: Callable[..., Looked], change: str) -> None:
    looked = look(writer(change=change), "replace")
    assert (looked.broken, looked.unmeasured, looked.faults) == ((), (), 12)


def test_a_write_that_differs_from_time_to_time_is_judged_by_its_calls(look: Callable[..., Looked]) -> None:
    changing = """
    def replace(self, path, text):
        self.count = getattr(self, "count", 0) + 1
        for _ in range(self.count):
            os.path.lexists(path)
        Replacing.replace(self, path, text)
"""
    looked = look(writer(change=changing), None)
    assert (looked.broken, looked.unmeasured) == ((), ())
    assert looked.faults > 0


def test_the_program_runs_in_a_folder_of_its_own_that_has_what_it_needs(
    look: Callable[..., Looked],
) -> None:
    where = """
    def replace(self, path, text):
        if self.special(path):
            assert os.path.exists("under_test.py") and os.path.islink("under_test.py")
            assert os.path.basename(os.path.dirname(os.getcwd())) == "cases"
        Replacing.replace(self, path, text)
"""
    assert look(writer(BARE, where)).unmeasured == ()


def test_they_are_looked_at_once_in_a_run(laboratory: Callable[..., Laboratory]) -> None:
    made = laboratory(writer())
    first = by_other_paths(made)
    folders = sorted(os.listdir(Path(made.run.folder) / "cases"))
    assert by_other_paths(made) == first
    assert sorted(os.listdir(Path(made.run.folder) / "cases")) == folders
