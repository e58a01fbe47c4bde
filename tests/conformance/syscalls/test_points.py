"""Which points of a write are visited, and their names."""

import errno
from collections import Counter

import pytest

from conformance.oracle.call_errors import (
    ERRORS_OF_CALL,
    ERRORS_OF_OPERATION,
    ERRORS_OF_SYSTEM_CALL,
    INTERRUPTED,
    UNSUPPORTED,
)
from conformance.syscalls.operations import Operation
from conformance.syscalls.points import (
    MOST_OPERATIONS,
    Point,
    Scenario,
    boundary_points,
    call_kind,
    fault_points,
    few,
    interrupt_points,
    large_points,
    role,
    selected,
    termination_points,
    unsupported_points,
)
from tests.conformance.syscalls.honest_write import HONEST, names, operations

KEYS = {
    'open("/run/a", O_RDONLY) = 3</run/a>': "open",
    'open("/run/a", O_WRONLY|O_CREAT, 0600) = 3</run/a>': "open",
    'open("/run", O_RDWR|O_TMPFILE, 0600) = 3</run/#1>(deleted)': "open",
    'write(3</run/a>, "abc", 3) = 3': "write",
    "copy_file_range(4</run/b>, NULL, 3</run/a>, NULL, 9, 0) = 9": "copy",
    "sendfile(3</run/a>, 4</other>, NULL, 9) = 9": "copy",
    "splice(4<pipe:[1]>, NULL, 3</run/a>, NULL, 9, 0) = 9": "copy",
    "fsync(3</run/a>) = 0": "fsync",
    "fsync(3</run>) = 0": "fsync",
    "msync(0x7f00, 10, MS_SYNC) = 0": "fsync",
    "syncfs(3</run/a>) = 0": "fsync",
    "sync() = 0": "",  # it has no result
    "close(3</run/a>) = 0": "close",
    'rename("/run/a", "/run/b") = 0': "rename",
    'renameat2(3</run>, "a", 3</run>, "b", RENAME_EXCHANGE) = 0': "rename",
    'link("/run/a", "/run/b") = 0': "link",
    'symlink("a", "/run/b") = 0': "link",
    'unlink("/run/a") = 0': "unlink",
    'rmdir("/run/a") = 0': "unlink",
    'mkdir("/run/a", 0777) = 0': "mkdir",
    'stat("/run/a", {...}) = 0': "stat",
    'readlink("/run/a", "b", 99) = 1': "readlink",
    "getdents64(3</run>, 0x55 /* 2 entries */, 32768) = 48": "list",
    'chmod("/run/a", 0600) = 0': "chmod",
    'setxattr("/run/a", "user.x", "y", 1, 0) = 0': "attribute",
    "fchown(3</run/a>, 0, 0) = 0": "chown",
    "utimensat(3</run/a>, NULL, NULL, 0) = 0": "utime",
    "ftruncate(3</run/a>, 5) = 0": "truncate",
    "fallocate(3</run/a>, 0, 0, 5) = 0": "allocate",
    "mmap(NULL, 5, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/a>, 0) = 0x7f00": "map",
    "flock(3</run/a>, LOCK_EX) = 0": "lock",
    'read(3</run/a>, "abc", 9) = 3': "",
    "lseek(3</run/a>, 0, SEEK_SET) = 0": "",
    "munmap(0x7f00, 10) = 0": "",
}
WRITTEN = """\
open("/run/a", O_RDWR|O_CREAT, 0600) = 3</run/a>
write(3</run/a>, "abc", 3) = 3
mmap(NULL, 10, PROT_READ|PROT_WRITE, MAP_SHARED, 3</run/a>, 0) = 0x7f00
"""


def points_of(last: Operation, text: str, what: str) -> list[Point]:
    """The points at the last operation of a replace."""
    points = fault_points(operations(text), "replace", "status.json")
    return [point for point in points if point.what == what and point.number == last.number]


@pytest.mark.parametrize(("line", "key"), KEYS.items())
def test_the_errors_of_an_operation_are_those_of_its_call(line: str, key: str) -> None:
    last = operations(WRITTEN + line)[-1]
    assert call_kind(last) == key
    points = points_of(last, WRITTEN + line, "error")
    name = last.call.name
    unsupported = () if last.kind == "sync-folder" else UNSUPPORTED.get(name, ())
    expected = ERRORS_OF_OPERATION.get(last.kind, (*ERRORS_OF_SYSTEM_CALL.get(name, ()), *unsupported))
    assert [point.error for point in points] == list(expected if key else ())
    assert bool(points) is (key not in ("", "list"))  # getdents(2) has no error that is not the program's


@pytest.mark.parametrize("line", KEYS)
def test_only_calls_whose_page_lists_it_are_interrupted(line: str) -> None:
    last = operations(WRITTEN + line)[-1]
    assert bool(points_of(last, WRITTEN + line, "EINTR")) is (last.call.name in INTERRUPTED)


@pytest.mark.parametrize(
    "text",
    [
        'open("/run/a", O_WRONLY|O_CREAT, 0600) = 3</run/a>\nclose(3</run/a>) = 0\n',
        'open("/run", O_RDONLY) = 3</run>\nclose(3</run>) = 0\n',
        WRITTEN + 'close(3</run/a>) = 0\nopen("/run/a", O_RDONLY) = 3</run/a>\nclose(3</run/a>) = 0\n',
    ],
    ids=["nothing was written", "a folder", "opened for reading"],
)
def test_a_close_that_has_nothing_to_report_does_not_fail(text: str) -> None:
    last = operations(text)[-1]
    assert last.kind == "close"
    assert [what for what in ("error", "error and failing clean-up", "EINTR") if points_of(last, text, what)] == []


def test_what_only_slow_devices_or_no_page_interrupts_is_left_alone() -> None:
    assert not {"open", "openat", "msync", "stat", "newfstatat", "rename", "copy_file_range", "syncfs"} & INTERRUPTED
    assert {"write", "pwrite64", "fsync", "fdatasync", "close", "ftruncate", "fallocate"} <= INTERRUPTED


def test_every_key_is_in_the_table_of_errors_and_every_kind_of_operation_is_used() -> None:
    assert set(KEYS.values()) - {""} <= ERRORS_OF_CALL.keys()
    assert ERRORS_OF_CALL.keys() - set(KEYS.values()) == {"flush"}  # only Python's file objects have it


def test_an_operation_with_all_its_faults() -> None:
    sync = operations()[2]
    assert names(fault_points([sync], "replace", "status.json")) == [
        "replace:2:sync:EIO",
        "replace:2:sync:ENOSPC",
        "replace:2:sync:EDQUOT",
        "replace:2:sync:EROFS",
        "replace:2:sync:EINVAL",
        "replace:2:sync:EIO+clean-up",
        "replace:2:sync:EINTR",
        "replace:2:sync:EIO-lasting",
        "replace:2:sync:ENOSPC-lasting",
        "replace:2:sync:EROFS-lasting",
    ]


def errors_of(text: str, scenario: Scenario = "replace") -> set[str]:
    """The names of the errors of the last operation."""
    *_, last = operations(text)
    points = fault_points(operations(text), scenario, "status.json")
    return {errno.errorcode[each.error] for each in points if each.number == last.number and each.what == "error"}


UNNAMED = 'open("/run", O_RDWR|O_TMPFILE, 0600) = 3</run/#1>(deleted)\n'
RENAME = 'rename("/run/a", "/run/status.json") = 0\n'
LINK = 'link("/run/a", "/run/status.json") = 0\n'


def test_a_system_that_cannot_do_it_says_so() -> None:
    assert {"EINVAL", "EROFS"} <= errors_of(WRITTEN + "fsync(3</run/a>) = 0\n")
    assert {"EINVAL", "ENOSYS", "EXDEV"} <= errors_of(RENAME)
    assert {"EPERM", "ENOSYS", errno.errorcode[errno.EOPNOTSUPP]} <= errors_of(LINK)
    assert {"EISDIR", errno.errorcode[errno.EOPNOTSUPP]} <= errors_of(UNNAMED)
    assert not {"EISDIR", errno.errorcode[errno.EOPNOTSUPP]} & errors_of(WRITTEN.splitlines(keepends=True)[0])


def test_a_folder_that_cannot_be_synced_is_no_fault() -> None:
    assert "EINVAL" not in errors_of("fsync(3</run>) = 0\n")


@pytest.mark.parametrize("line", [RENAME, LINK])
def test_what_publishes_a_first_document_fails_with_every_error(line: str) -> None:
    assert errors_of(line, "first") == errors_of(line)
    elsewhere = line.replace("status.json", "b")
    assert len(errors_of(elsewhere, "first")) == 1


def test_the_first_error_of_an_unnamed_file_is_that_there_are_none() -> None:
    assert errors_of(UNNAMED, "first") == {errno.errorcode[errno.EOPNOTSUPP]}


def lasting(names_of_calls: str = HONEST) -> list[tuple[int, str, str]]:
    points = fault_points(operations(names_of_calls), "replace", "status.json")
    return [(each.number, each.kind, each.name.rpartition(":")[2]) for each in points if each.what == "lasting"]


def test_a_broken_a_full_and_a_read_only_disk_stay_so() -> None:
    found = lasting()
    assert ("write", "EIO-lasting") in {(kind, fault) for _, kind, fault in found}
    assert ("rename", "EROFS-lasting") in {(kind, fault) for _, kind, fault in found}
    assert not {"create", "open", "close", "stat"} & {kind for _, kind, _ in found}


def test_an_error_begins_to_last_at_few_of_many_operations() -> None:
    many = "".join('write(3</run/a>, "a", 1) = 1\n' for _ in range(50))
    assert [number for number, _, fault in lasting(many) if fault == "ENOSPC-lasting"] == [0, 16, 33, 49]


@pytest.mark.parametrize(("error", "removed"), [(errno.EIO, True), (errno.ENOSPC, True), (errno.EROFS, False)])
def test_a_file_can_still_be_removed_from_all_but_a_read_only_disk(error: int, removed: bool) -> None:
    [rule] = Point("replace", "lasting", "before", 3, "write", "other", error=error).rules()
    assert (rule.action, rule.first, rule.value) == ("fail", 3, error)
    assert ("unlink" not in rule.calls) is removed
    assert {"rename", "renameat2"} <= set(rule.calls)
    assert not {"openat", "close", "fstat"} & set(rule.calls)


def test_sigterm_comes_after_a_few_operations_spread_over_the_write() -> None:
    many = "".join('write(3</run/a>, "a", 1) = 1\n' for _ in range(50))
    points = list(termination_points(operations(many), "status.json"))
    assert [point.number for point in points] == [0, 7, 14, 21, 28, 35, 42, 49]
    assert points[0].name == "replace:0:write:terminate-after"
    assert [(rule.action, rule.phase) for rule in points[0].rules()] == [("hold", "after"), ("terminate", "after")]


def test_a_first_write_is_visited_with_the_first_error_of_each_operation() -> None:
    assert names(fault_points(operations()[1:3], "first", "status.json")) == [
        "first:1:write:ENOSPC",
        "first:1:write:ENOSPC+clean-up",
        "first:1:write:short",
        "first:1:write:EINTR",
        "first:2:sync:EIO",
        "first:2:sync:EIO+clean-up",
        "first:2:sync:EINTR",
    ]


def shortened(text: str, scenario: Scenario = "replace", seed: int = 0) -> list[tuple[str, int]]:
    points = fault_points(operations(text), scenario, "status.json", seed)
    return [(each.name.rpartition(":")[2], each.size) for each in points if each.what == "short"]


@pytest.mark.parametrize(
    ("line", "half"),
    [
        ('write(3</run/a>, "abc", 100) = 100', 50),
        ('pwrite64(3</run/a>, "abc", 3, 0) = 3', 1),
        ("copy_file_range(4</run/b>, NULL, 3</run/a>, NULL, 9, 0) = 8", 4),
        ('writev(3</run/a>, [{iov_base="abc", iov_len=3}], 1) = 3', 1),
        ('write(3</run/a>, "a", 1) = 1', None),  # a byte has no half
    ],
)
def test_a_write_is_shortened_to_its_half(line: str, half: int | None) -> None:
    assert shortened(line)[:1] == ([] if half is None else [("short", half)])
    assert shortened(line, "first") == ([] if half is None else [("short", half)])


def test_the_first_write_of_a_replace_takes_one_byte_an_odd_number_and_all_but_one_too() -> None:
    line = 'write(3</run/a>, "abc", 100) = 100'
    [half, one, drawn, rest] = shortened(line)
    assert (half, one, rest) == (("short", 50), ("short-1", 1), ("short-99", 99))
    assert drawn == (f"short-{drawn[1]}", drawn[1])
    assert drawn[1] % 2 == 1
    assert 1 <= drawn[1] < 100
    assert len({shortened(line, seed=seed)[2] for seed in range(20)}) > 5


def test_the_other_writes_take_turns() -> None:
    text = "".join('write(3</run/a>, "abc", 100) = 100\n' for _ in range(5))
    sizes = [size for _, size in shortened(text)]
    assert sizes[4] == 1
    assert sizes[5] % 2 == 1
    assert sizes[6:] == [99, 50]


@pytest.mark.parametrize(("length", "sizes"), [(2, [1]), (3, [1, 2])])
def test_of_a_few_bytes_none_is_tried_twice(length: int, sizes: list[int]) -> None:
    assert [size for _, size in shortened(f'write(3</run/a>, "abc", {length}) = {length}')] == sizes


def test_a_point_knows_whether_it_concerns_the_temp() -> None:
    other = HONEST.replace("lseek(4</run/b>, 0, SEEK_SET)", "fsync(4</run/b>)") + "syncfs(4</run/b>) = 0\n"
    found = {
        (each.number, each.kind): each.of_temp for each in fault_points(operations(other), "replace", "status.json")
    }
    assert [number for (number, _), of_temp in found.items() if of_temp] == [0, 1, 2, 3, 5, 8, 10]
    assert found[9, "sync"] is False
    assert found[7, "sync-folder"] is False


def test_of_very_many_operations_some_are_visited() -> None:
    line = 'write(3</run/a>, "a", 1) = 1\n'
    some = few(operations(line * (MOST_OPERATIONS + 1)))
    numbers = [each.number for each in some]
    assert len(numbers) <= MOST_OPERATIONS
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (0, MOST_OPERATIONS)
    assert len(few(operations(line * MOST_OPERATIONS))) == MOST_OPERATIONS


def test_of_a_large_document_some_writes_the_sync_and_the_close_fail_once_or_are_short() -> None:
    pieces = "".join('write(3</run/a>, "abc", 100) = 100\n' for _ in range(9))
    before, _, after = HONEST.partition('write(3</run/a>, "abc", 100) = 100\n')
    points = list(large_points(operations(before + pieces + after), "replace", "status.json"))
    assert {point.number for point in points if point.kind == "write" and point.what == "error"} == {1, 5, 9}
    assert {point.number for point in points if point.what == "short"} == {1, 5, 9}
    assert [(point.number, point.kind) for point in points if point.kind != "write"] == [(10, "sync"), (11, "close")]
    assert len(points) == 8


def test_what_a_signal_interrupts() -> None:
    found = [each.kind for each in fault_points(operations(), "replace", "status.json") if each.what == "EINTR"]
    assert found == ["write", "sync", "close", "sync-folder"]


def test_interrupts_come_after_each_operation_and_in_the_middle_of_some() -> None:
    found = Counter((each.kind, each.phase) for each in interrupt_points(operations(), "status.json"))
    assert found == Counter(
        [(each.kind, "after") for each in operations()]
        + [(kind, "before") for kind in ("write", "sync", "sync-folder")]
    )


def test_a_sync_of_the_folder_may_not_be_supported() -> None:
    assert names(unsupported_points(operations(), "replace", "status.json")) == [
        "replace:7:sync-folder:EINVAL",
        f"replace:7:sync-folder:{errno.errorcode[errno.ENOTSUP]}",
    ]


def test_kills_come_at_each_boundary_once() -> None:
    assert names(boundary_points(operations()[4:7], "first", "status.json")) == [
        "first:4:stat:kill-before",
        "first:4:stat:kill-after",
        "first:5:rename:kill-after",
        "first:6:open:kill-after",
    ]


def test_kills_also_come_before_what_another_thread_does_and_what_is_not_next() -> None:
    first, second, third = operations()[1:4]
    elsewhere = second._replace(call=second.call._replace(thread=second.call.thread + 1))
    meanwhile = second._replace(call=second.call._replace(begun=first.call.begun))
    both = ["replace:2:sync:kill-before", "replace:2:sync:kill-after"]
    for each in (elsewhere, meanwhile):
        assert names(boundary_points([first, each], "replace", "status.json"))[2:] == both
    assert names(boundary_points([first, third], "replace", "status.json"))[2] == "replace:3:close:kill-before"


@pytest.mark.parametrize(
    ("glob", "count"), [("*", 10), ("replace:2:*", 10), ("*:EIO", 1), ("*:sync:E[ID]*", 6), ("*+*", 2), ("*:sync", 0)]
)
def test_points_are_selected_by_a_glob(glob: str, count: int) -> None:
    assert len(selected(fault_points(operations()[2:3], "replace", "status.json"), glob)) == count


def test_an_error_with_a_failing_clean_up_comes_with_the_error_alone() -> None:
    points = selected(fault_points(operations(), "replace", "status.json"), "*:sync:EIO+clean-up")
    assert {point.name.partition(":sync:")[2] for point in points} == {"EIO", "EIO+clean-up"}


def test_a_point_names_its_file() -> None:
    found = [each.role for each in boundary_points(operations(), "replace", "status.json") if each.phase == "after"]
    assert found[:2] == ["other", "other"]
    assert found[4] == "target"
    assert found[7] == "folder"
    assert role("status.json.tmp", "status.json") == "other"
