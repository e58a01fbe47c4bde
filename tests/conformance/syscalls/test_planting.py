"""Another program's file at a name that the temp gets, has or had."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import ImplementationError
from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.planting import (
    after_the_removal,
    after_the_replace,
    at_the_new_name,
    behind_a_link,
    failing,
    naming,
    reopening,
    replacing,
)
from conformance.syscalls.strace.parser import parse

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")
CREATE = 'open("/run/a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</run/a>'
RENAME = 'rename("/run/a", "/run/status.json") = 0'


def operations(*lines: str) -> tuple[Operation, ...]:
    return operations_of(parse("\n".join(lines)), "/run", ["status.json"])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([CREATE, RENAME], [0]),
        (['open("/run/a", O_WRONLY|O_CREAT, 0600) = 3</run/a>', RENAME], []),
        (['mkdir("/run/d", 0700) = 0', CREATE.replace("/a", "/d/a"), RENAME.replace("/run/a", "/run/d/a")], []),
        (
            [
                'open("/run", O_RDWR|O_TMPFILE, 0600) = 3</run/#7>(deleted)',
                'linkat(3</run/#7>(deleted), "", AT_FDCWD</run>, "a", AT_EMPTY_PATH) = 0',
                RENAME,
            ],
            [1],
        ),
    ],
    ids=["exclusive", "taken over", "a new folder", "a link"],
)
def test_the_operations_that_make_a_name(lines: list[str], expected: list[int]) -> None:
    assert [each.number for each in naming(operations(*lines), "status.json")] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('open("/run/a", O_WRONLY|O_TRUNC) = 4</run/a>', [1]),
        ('truncate("/run/a", 0) = 0', [1]),
        ('open("/run/a", O_RDONLY) = 4</run/a>', []),
        ("ftruncate(3</run/a>, 0) = 0", []),
        ('open("/run/b", O_WRONLY) = 4</run/b>', []),
    ],
)
def test_the_operations_that_open_the_temp_again(line: str, expected: list[int]) -> None:
    assert [each.number for each in reopening(operations(CREATE, line, RENAME), "status.json")] == expected


def test_the_renames_that_leave_a_name_free() -> None:
    assert [each.number for each in replacing(operations(CREATE, RENAME), "status.json")] == [1]
    link = 'link("/run/a", "/run/status.json") = 0'
    assert replacing(operations(CREATE, link), "status.json") == []


def test_the_faults_after_which_there_is_a_temp_to_remove() -> None:
    lines = [
        CREATE,
        'write(3</run/a>, "abc", 3) = 3',
        'write(3</run/a>, "def", 3) = 3',
        "fsync(3</run/a>) = 0",
        "close(3</run/a>) = 0",
        RENAME,
        "fsync(4</run>) = 0",
    ]
    names = [each.name for each in failing(operations(*lines), "status.json")]
    assert names == ["replace:1:write:ENOSPC", "replace:3:sync:EIO", "replace:4:close:EIO", "replace:5:rename:EACCES"]


if sys.platform == "linux":

    @pytest.fixture
    def laboratory(laboratory: Callable[..., Laboratory]) -> Callable[..., Laboratory]:
        """A laboratory for the correct writer with changes."""

        def make(*replacements: tuple[str, str], **changes: Any) -> Laboratory:
            source = CORRECT
            for old, new in replacements:
                assert source.count(old) == 1, old
                source = source.replace(old, new)
            return laboratory(source, **changes)

        return make

    REPLACE = "            os.replace(temp, path)\n"
    OPEN = "        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)\n"
    TRY = "        try:\n" + OPEN.replace("        d", "            d")
    REMOVED = TRY + "        except FileExistsError:\n            os.unlink(temp)\n            raise\n"
    DYING = TRY + "        except FileExistsError:\n            os._exit(3)\n"
    REOPENED = OPEN + "        os.close(descriptor)\n        descriptor = os.open(temp, os.O_WRONLY{})\n"

    def at(laboratory: Laboratory, choose: Callable[..., list[Operation]]) -> Operation:
        [found] = choose(laboratory.record("replace").operations, "status.json")
        return found

    @pytest.mark.parametrize(("create", "fate"), [(OPEN, "kept"), (REMOVED, "removed")])
    def test_a_file_at_the_new_name(laboratory: Callable[..., Laboratory], create: str, fate: str) -> None:
        writer = laboratory((OPEN, create))
        planted = at_the_new_name(writer, at(writer, naming))
        assert planted.fate == fate
        assert "File exists" in planted.trace[0]

    def test_a_death_at_a_planted_file_is_the_implementations(laboratory: Callable[..., Laboratory]) -> None:
        dying = laboratory((OPEN, DYING))
        with pytest.raises(ImplementationError, match="met another program's file at the temp's name and ended"):
            at_the_new_name(dying, at(dying, naming))

    @pytest.mark.parametrize(
        ("after", "fate"),
        [
            ("", "kept"),
            ("            os.path.lexists(temp)\n", "kept"),
            ("            if os.path.lexists(temp):\n                os.unlink(temp)\n", "removed"),
            ("            open(temp, 'w').close()\n", "changed"),
        ],
        ids=["nothing", "a look", "a removal", "a truncation"],
    )
    def test_a_file_after_the_replace(laboratory: Callable[..., Laboratory], after: str, fate: str) -> None:
        writer = laboratory((REPLACE, REPLACE + after))
        assert after_the_replace(writer, at(writer, replacing)).fate == fate

    @pytest.mark.parametrize(("flags", "fate"), [("", "changed"), (" | os.O_NOFOLLOW", "kept")])
    def test_a_file_behind_a_link(laboratory: Callable[..., Laboratory], flags: str, fate: str) -> None:
        writer = laboratory((OPEN, REOPENED.format(flags)))
        assert behind_a_link(writer, at(writer, reopening)).fate == fate

    ANOTHER = (
        TRY + "        except FileExistsError:\n            temp += 'x'\n    " + OPEN.replace(" | os.O_EXCL", "{}")
    )

    @pytest.mark.parametrize(("flag", "clauses"), [(" | os.O_EXCL", []), (" | os.O_TRUNC", ["VIS-03"])])
    def test_the_order_when_the_name_is_taken(
        laboratory: Callable[..., Laboratory], flag: str, clauses: list[str]
    ) -> None:
        writer = laboratory((OPEN, ANOTHER.format(flag)))
        planted = at_the_new_name(writer, at(writer, naming))
        assert (planted.fate, list(planted.of_the_temp)) == ("kept", clauses)

    DISCARD = "            with contextlib.suppress(OSError):\n                os.unlink(temp)\n"

    @pytest.mark.parametrize(
        ("discard", "fates"),
        [
            (DISCARD, {"kept"}),
            (DISCARD + DISCARD, {"removed"}),
            (DISCARD + "            open(temp, 'w').close()\n", {"changed"}),
            (DISCARD + "            os._exit(3)\n", {None}),
            ("            pass\n", {None}),
        ],
        ids=["once", "twice", "made again", "dies", "left"],
    )
    def test_a_file_after_the_removal(
        laboratory: Callable[..., Laboratory], discard: str, fates: set[str | None]
    ) -> None:
        writer = laboratory((DISCARD, discard))
        recording = writer.record("replace")
        points = failing(recording.operations, "status.json")
        found = [after_the_removal(writer, point, recording) for point in points]
        assert found
        assert {each and each.fate for each in found} == fates
