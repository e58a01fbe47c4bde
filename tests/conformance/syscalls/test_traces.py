"""What the trace of a visited write shows."""

import pytest

from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.strace.parser import parse
from conformance.syscalls.traces import only_linked, synced_again

CREATE = 'open("/run/a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</run/a>'
INTERRUPTED = "fsync(3</run/a>) = -1 EINTR (Interrupted system call)"
SYNC = "fsync(3</run/a>) = 0"
RENAME = 'rename("/run/a", "/run/status.json") = 0'
LINK = 'link("/run/a", "/run/status.json") = 0'


def operations(*lines: str) -> tuple[Operation, ...]:
    return operations_of(parse("\n".join(lines)), "/run", ["status.json"])


@pytest.mark.parametrize(
    ("between", "again"),
    [
        ([], False),
        ([SYNC], True),
        ([INTERRUPTED], False),
        (["fsync(4</run/b>) = 0"], False),
        (["syncfs(3</run/a>) = 0"], True),
        (["sync() = 0"], True),
        (["msync(0x7f00, 10, MS_SYNC) = 0"], True),
        (['rename("/run/a", "/run/b") = 0', "fsync(3</run/b>) = 0", 'rename("/run/b", "/run/a") = 0'], True),
        (['unlink("/run/a") = 0', CREATE.replace("/a", "/b"), SYNC.replace("/a", "/b"), "rename"], True),
    ],
    ids=["not", "once more", "interrupted", "another file", "all", "everything", "the map", "renamed", "anew"],
)
def test_a_file_is_synced_again_before_it_is_published(between: list[str], again: bool) -> None:
    mapped = "mmap(NULL, 10, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/a>, 0) = 0x7f00"
    lines = [CREATE, mapped, INTERRUPTED, *between]
    last = RENAME.replace("/run/a", "/run/b") if lines[-1] == "rename" else RENAME
    trace = operations(*(line for line in lines if line != "rename"), last)
    assert synced_again(trace, 2, "status.json") is again


def test_a_sync_after_the_replace_comes_too_late() -> None:
    assert not synced_again(operations(CREATE, INTERRUPTED, RENAME, "fsync(3</run/status.json>) = 0"), 1, "status.json")


@pytest.mark.parametrize(
    ("lines", "linked"), [([], False), ([LINK], True), ([RENAME], False), ([LINK, RENAME], False)], ids=str
)
def test_a_document_that_is_only_linked_to_its_name(lines: list[str], linked: bool) -> None:
    assert only_linked(operations(CREATE, *lines), "status.json") is linked
