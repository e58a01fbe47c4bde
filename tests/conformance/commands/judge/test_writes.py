"""From operations to the files that a command wrote, and how it wrote them."""

import pytest

from conformance.commands.judge.writes import (
    Written,
    concerning,
    files_written,
    first_rewrite,
    session_ends,
    storing,
    written,
)
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.strace.parser import parse

EXISTING = {"work/": 0, "work/f": 3, "tmp/": 0}
IN_PLACE = (
    'open("COPY/f", O_WRONLY|O_CREAT|O_TRUNC, 0600) = 3<COPY/f>',
    'write(3<COPY/f>, "new", 3) = 3',
    "close(3<COPY/f>) = 0",
)
APPENDED = (IN_PLACE[0].replace("O_TRUNC", "O_APPEND"), *IN_PLACE[1:])
REPLACED = (
    'open("COPY/t", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<COPY/t>',
    'write(3<COPY/t>, "new", 3) = 3',
    "fsync(3<COPY/t>) = 0",
    "close(3<COPY/t>) = 0",
    'rename("COPY/t", "COPY/f") = 0',
    'open("/run/work", O_RDONLY) = 3</run/work>',
    "fsync(3</run/work>) = 0",
)
FILLED_LATE = (
    *REPLACED[:2],
    REPLACED[4],
    'write(3<COPY/f>, "er", 2) = 2',
    "ftruncate(3<COPY/f>, 4) = 0",
    "close(3<COPY/f>) = 0",
)


def operations(*lines: str) -> tuple[Operation, ...]:
    return operations_of(parse("\n".join(lines).replace("COPY", "/run/work")), "/run", EXISTING)


@pytest.mark.parametrize(
    ("lines", "how", "times", "ends"),
    [
        (IN_PLACE, "in place", 1, (1,)),
        (IN_PLACE * 2, "in place", 2, (1, 4)),
        (APPENDED, "appended", 1, (1,)),
        (REPLACED, "replaced", 1, (4,)),
        (REPLACED * 3, "replaced", 3, (4, 11, 18)),
        ((*IN_PLACE, *REPLACED), "replaced", 2, (1, 7)),
        ((*REPLACED, *IN_PLACE), "replaced", 2, (4, 8)),
        (FILLED_LATE, "replaced", 1, (4,)),
        ((*REPLACED, 'truncate("COPY/f", 2) = 0'), "replaced", 2, (4, 7)),
    ],
)
def test_how_a_file_was_written(lines: tuple[str, ...], how: str, times: int, ends: tuple[int, ...]) -> None:
    found = operations(*lines)
    assert files_written(found, ["work/f"]) == ["work/f"]
    seen = written(found, "work/f", EXISTING)
    assert (seen.how, seen.times, session_ends(found, "work/f")) == (how, times, ends)
    assert seen.temps == ({"work/t"} if how == "replaced" else set())


@pytest.mark.parametrize(
    "line",
    [
        'open("COPY/f", O_RDONLY) = 3<COPY/f>',
        'open("COPY/f", O_RDWR) = 3<COPY/f>',  # a lock, for example
        IN_PLACE[0].split(" = ")[0] + " = -1 EACCES (Permission denied)",
    ],
)
def test_a_file_that_was_not_changed(line: str) -> None:
    assert files_written(operations(line), ["work/f"]) == []


def test_files_that_are_gone_at_the_end_or_lie_in_tmpdir_are_left_out() -> None:
    lines = [line.replace("work/", "tmp/") for line in IN_PLACE]
    assert files_written(operations(*IN_PLACE, *lines), ["tmp/f"]) == []


def test_a_file_in_words() -> None:
    assert Written("work/f", True, "replaced", 3, frozenset({"work/t"})).in_words() == "replaced by t, 3 times"
    assert Written("work/f", False, "in place", 1, frozenset()).in_words() == (
        "written in place (it did not exist before)"
    )


def test_what_concerns_a_file_and_where_it_is_disturbed() -> None:
    other = 'open("COPY/other", O_WRONLY|O_CREAT, 0600) = 9<COPY/other>'
    found = operations(other, *REPLACED)
    seen = written(found, "work/f", EXISTING)
    assert [each.number for each in concerning(found, seen)] == [1, 2, 3, 4, 5, 6, 7]
    # The folder's open stores nothing.
    assert [each.kind for each in storing(found, seen)] == ["create", "write", "sync", "close", "rename", "sync-folder"]


def test_the_first_rewrite_ends_with_its_syncs() -> None:
    found = operations(*REPLACED, *REPLACED)
    seen = written(found, "work/f", EXISTING)
    assert [each.number for each in first_rewrite(found, seen)] == [0, 1, 2, 3, 4, 5, 6]
    assert first_rewrite(found[:7], written(found[:7], "work/f", EXISTING)) == found[:7]
