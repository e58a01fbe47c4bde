"""Clauses broken by the order of a write's operations. Each fault is one change to an honest trace."""

import pytest

from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.order import (
    faults_of_order,
    faults_of_the_temp,
    is_open_for_writing,
    published_names,
    publishing,
)
from conformance.syscalls.strace.parser import parse

CREATE = 'open("/run/a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</run/a>'
WRITE = 'write(3</run/a>, "new", 3) = 3'
RENAME = 'rename("/run/a", "/run/status.json") = 0'
LINK = 'link("/run/a", "/run/status.json") = 0'
UNLINK = 'unlink("/run/a") = 0'
OPEN_TARGET = 'open("/run/status.json", O_WRONLY|O_CREAT, 0600) = 3</run/status.json>'


def faults(*lines: str, existed: bool = True) -> dict[str, tuple[str, int | None]]:
    operations = operations_of(parse("\n".join(lines)), "/run", ["status.json"] if existed else [])
    found = faults_of_order(operations, "status.json", existed=existed)
    return {fault.clause: (fault.text, fault.operation) for fault in found}


HONEST = {
    "temp and rename": [CREATE, WRITE, "fsync(3</run/a>) = 0", "close(3</run/a>) = 0", RENAME, "fsync(4</run>) = 0"],
    "reading the target": [
        'open("/run/status.json", O_RDONLY) = 4</run/status.json>',
        'stat("/run/status.json", {...}) = 0',
        'chmod("/run/status.json", 0600) = 0',
        CREATE,
        RENAME,
    ],
    "an unnamed file with a name at the end": [
        'open("/run", O_RDWR|O_TMPFILE, 0600) = 3</run/#7>(deleted)',
        'linkat(3</run/#7>(deleted), "", AT_FDCWD</run>, "a", AT_EMPTY_PATH) = 0',
        RENAME,
    ],
    "an exchange and its clean-up": [
        CREATE,
        'renameat2(3</run>, "a", 3</run>, "status.json", RENAME_EXCHANGE) = 0',
        UNLINK,
    ],
    "an exchange the other way round": [
        CREATE,
        'renameat2(3</run>, "status.json", 3</run>, "a", RENAME_EXCHANGE) = 0',
        UNLINK,
    ],
    "a failed attempt before": [CREATE, RENAME.replace("= 0", "= -1 EBUSY (Device or resource busy)"), RENAME],
    "a failed change of the target": [
        OPEN_TARGET.split(" = ")[0] + " = -1 EACCES (Permission denied)",
        'unlink("/run/status.json") = -1 EACCES (Permission denied)',
        CREATE,
        RENAME,
    ],
    "a temp of another name afterwards": [CREATE, RENAME, 'unlink("/run/b") = -1 ENOENT (No such file or directory)'],
    "another link of the temp, removed afterwards": [
        CREATE.replace("/a", "/b"),
        'link("/run/b", "/run/a") = 0',
        RENAME,
        'unlink("/run/b") = 0',
    ],
    "the temp's descriptor afterwards": [
        CREATE,
        RENAME,
        "fsync(3</run/status.json>) = 0",
        "close(3</run/status.json>) = 0",
    ],
}


@pytest.mark.parametrize("lines", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize("existed", [True, False])
def test_an_honest_order(lines: list[str], existed: bool) -> None:
    assert faults(*lines, existed=existed) == {}


@pytest.mark.parametrize("existed", [True, False])
def test_a_first_write_by_a_link(existed: bool) -> None:
    assert faults(CREATE, LINK, UNLINK, existed=existed) == {}


WRONG = {
    "opened for writing": ([OPEN_TARGET, CREATE, RENAME], "VIS-01", "the target itself was opened for writing", 0),
    "written": (
        ['write(9</run/status.json>, "new", 3) = 3', CREATE, RENAME],
        "VIS-01",
        "the target itself was changed",
        0,
    ),
    "truncated": (
        ['truncate("/run/status.json", 0) = 0', CREATE, RENAME],
        "VIS-01",
        "the target itself was changed",
        0,
    ),
    "mapped": (
        ["mmap(NULL, 9, PROT_READ|PROT_WRITE, MAP_SHARED, 9</run/status.json>, 0) = 0x7f00", CREATE, RENAME],
        "VIS-01",
        "the target itself was changed",
        0,
    ),
    "grown": (["fallocate(9</run/status.json>, 0, 0, 5) = 0", CREATE, RENAME], "VIS-01", "the target itself was", 0),
    "removed": ([CREATE, 'unlink("/run/status.json") = 0', RENAME], "VIS-01", "the target was removed", 1),
    "moved away": (
        [CREATE, 'rename("/run/status.json", "/run/old") = 0', RENAME],
        "VIS-01",
        "the target was moved away",
        1,
    ),
    "a temp elsewhere": (
        ['rename("/elsewhere/a", "/run/status.json") = 0'],
        "VIS-02",
        "the temp was outside of the target's folder: /elsewhere/a",
        0,
    ),
    "a temp in a sub-folder": (
        ['rename("/run/sub/a", "/run/status.json") = 0'],
        "VIS-02",
        "the temp was in a sub-folder: sub/a",
        0,
    ),
    "a temp that was there": (
        [CREATE.replace("|O_EXCL", ""), RENAME],
        "VIS-03",
        "the temp was not created exclusively (O_EXCL): create a",
        0,
    ),
    "a temp that was touched afterwards": (
        [CREATE, RENAME, 'unlink("/run/a") = -1 ENOENT (No such file or directory)'],
        "VIS-04",
        "the temp's name was touched after the replace: unlink a",
        2,
    ),
    "a file that was there, renamed to the temp's name": (
        [CREATE.replace("/a", "/b").replace("|O_EXCL", ""), 'rename("/run/b", "/run/a") = 0', RENAME],
        "VIS-03",
        "the temp was not created exclusively (O_EXCL): create b",
        0,
    ),
    "a file from elsewhere, renamed to the temp's name": (
        ['rename("/elsewhere/b", "/run/a") = 0', RENAME],
        "VIS-02",
        "the temp was outside of the target's folder: /elsewhere/b",
        1,
    ),
    "the first of two names that was touched afterwards": (
        [
            CREATE.replace("/a", "/b"),
            'rename("/run/b", "/run/a") = 0',
            RENAME,
            'unlink("/run/b") = -1 ENOENT (No such file or directory)',
        ],
        "VIS-04",
        "the temp's name was touched after the replace: unlink b",
        3,
    ),
    "a temp that was made afterwards": ([CREATE, RENAME, CREATE], "VIS-04", "the temp's name was touched after", 2),
}


@pytest.mark.parametrize(("lines", "clause", "text", "operation"), WRONG.values(), ids=WRONG)
def test_a_wrong_order(lines: list[str], clause: str, text: str, operation: int) -> None:
    found = faults(*lines)
    assert list(found) == [clause]
    assert found[clause][0].startswith(text)
    assert found[clause][1] == operation


def test_no_replace_at_all() -> None:
    text = "one write gave the target's name a new file 0 times"
    assert faults(CREATE, WRITE) == {"VIS-04": (text, None), "VIS-08": (text, None)}


def test_a_write_that_failed_need_not_replace() -> None:
    failed = operations_of(parse("\n".join([CREATE.replace("|O_EXCL", ""), WRITE, UNLINK])), "/run", ["status.json"])
    assert faults_of_the_temp(failed, "status.json") == ()


def test_two_replaces() -> None:
    text = "one write gave the target's name a new file 2 times"
    assert faults(CREATE, RENAME, CREATE.replace("/a", "/b"), RENAME.replace("/a", "/b")) == {
        "VIS-04": (text, 3),
        "VIS-08": (text, 3),
    }


def test_a_first_write_in_place_makes_an_empty_target_appear() -> None:
    found = faults(OPEN_TARGET, 'write(3</run/status.json>, "new", 3) = 3', existed=False)
    assert found["VIS-08"] == ("the target appeared empty: create status.json", 0)
    in_place = "the first document was written in place, under the target's name: create status.json"
    assert found["VIS-01"] == (in_place, 0)
    assert found["VIS-04"] == ("no complete file was given the target's name: it was written to in place", None)


def test_the_first_fault_of_a_clause_is_reported() -> None:
    found = faults('truncate("/run/status.json", 0) = 0', 'unlink("/run/status.json") = 0', CREATE, RENAME)
    assert found == {"VIS-01": ("the target itself was changed: truncate status.json 0 bytes", 0)}


def test_what_gives_the_target_a_new_file() -> None:
    lines = [CREATE, 'rename("/run/a", "/run/b") = 0', LINK, RENAME.replace("= 0", "= -1 EBUSY (busy)"), RENAME]
    operations = operations_of(parse("\n".join(lines)), "/run")
    assert [each.number for each in publishing(operations, "status.json")] == [2, 4]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([CREATE, WRITE, RENAME], {"a"}),
        ([CREATE, LINK, UNLINK], {"a"}),
        ([CREATE, 'rename("/run/a", "/run/b") = 0', 'rename("/run/b", "/run/status.json") = 0'], {"a", "b"}),
        ([CREATE, 'rename("/run/x", "/run/y") = 0', RENAME], {"a"}),
        ([CREATE, 'rename("/run/a", "/run/status.json") = -1 EXDEV (Invalid cross-device link)'], set()),
    ],
    ids=["a rename", "a link", "two renames", "the rename of another file", "no replace"],
)
def test_the_names_of_the_file_that_is_published(lines: list[str], names: set[str]) -> None:
    operations = operations_of(parse("\n".join(lines)), "/run", ["status.json", "x"])
    assert published_names(operations, "status.json") == names


def test_in_a_folder_that_the_write_has_made_no_temp_is_taken_over() -> None:
    create = 'open("/run/d/a", O_WRONLY|O_CREAT, 0600) = 3</run/d/a>'
    rename = 'rename("/run/d/a", "/run/status.json") = 0'
    assert set(faults('mkdir("/run/d", 0700) = 0', create, rename)) == {"VIS-02"}
    assert set(faults('mkdir("/run/e", 0700) = 0', create, rename)) == {"VIS-02", "VIS-03"}


def operations(*lines: str) -> tuple[Operation, ...]:
    return operations_of(parse("\n".join(lines)), "/run")


@pytest.mark.parametrize(
    "copied",
    [
        "dup(3</run/a>) = 4</run/a>",
        "dup2(3</run/a>, 4) = 4</run/a>",
        "dup3(3</run/a>, 4, O_CLOEXEC) = 4</run/a>",
        "fcntl(3</run/a>, F_DUPFD, 4) = 4</run/a>",
        "fcntl(3</run/a>, F_DUPFD_CLOEXEC, 4) = 4</run/a>",
    ],
)
def test_the_copy_of_a_descriptor_is_as_open_as_it(copied: str) -> None:
    *_, closed = trace = operations(CREATE, copied, WRITE, "close(4</run/a>) = 0")
    assert is_open_for_writing(trace, closed)


@pytest.mark.parametrize(
    "line", ["lseek(3</run/a>, 0, SEEK_SET) = 4", "fcntl(3</run/a>, F_GETFL) = 4", "fcntl(3</run/a>, F_GETFD) = 4"]
)
def test_what_returns_a_number_by_chance_is_no_copy(line: str) -> None:
    *_, closed = trace = operations(CREATE, line, WRITE, "close(4</run/a>) = 0")
    assert not is_open_for_writing(trace, closed)
