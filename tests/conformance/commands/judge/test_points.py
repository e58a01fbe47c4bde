"""The points at which a command is run again, and the order in which they are tried."""

import errno

from conformance.commands.judge.points import Planned, evenly, hit, led_to, name_of, planned, selected
from conformance.commands.judge.writes import written
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.points import Point
from conformance.syscalls.strace.parser import parse

EXISTING = {"work/": 0, "work/f": 3}


def trace(temp: str = "t") -> tuple[Operation, ...]:
    return operations_of(
        parse(
            f"""open("COPY/config", O_RDONLY) = 3<COPY/config>
read(3<COPY/config>, "x", 9) = 1
open("COPY/{temp}", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<COPY/{temp}>
write(3<COPY/{temp}>, "new", 3) = 3
close(3<COPY/{temp}>) = 0
rename("COPY/{temp}", "COPY/f") = 0""".replace("COPY", "/run/work")
        ),
        "/run",
        EXISTING,
    )


TRACE = trace()
POINTS = planned(TRACE, written(TRACE, "work/f", EXISTING))


def test_points_are_on_the_file_and_its_temps_and_count_all_operations() -> None:
    assert {each.point.number for each in POINTS} == {2, 3, 4, 5}
    assert {each.name for each in POINTS} == {"work/t"}


def test_each_boundary_is_a_kill_and_each_errno_an_error() -> None:
    kills = [name_of(each.point) for each in POINTS if each.kills]
    assert kills == [
        "2:create:kill-before",
        "2:create:kill-after",
        "3:write:kill-after",
        "4:close:kill-after",
        "5:rename:kill-after",
    ]
    errors = {each.point.error for each in POINTS if each.point.number == 3 and each.point.what == "error"}
    assert errors == {errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EPERM}
    lasting = {(each.point.number, each.point.error) for each in POINTS if each.point.what == "lasting"}
    assert {number for number, _ in lasting} == {3, 5}
    assert {error for _, error in lasting} == {errno.ENOSPC}


def test_the_disk_fills_up_in_the_middle_of_each_write_and_syncs_and_renames_go_on() -> None:
    [full] = selected(POINTS, "*:disk-full")
    assert (full.called, full.point.size) == ("3:write:disk-full", 1)
    shorten, fail = full.point.rules()
    assert (shorten.action, shorten.first, shorten.last, shorten.value) == ("shorten", 3, 3, 1)
    assert (fail.action, fail.first, fail.value) == ("fail", 4, errno.ENOSPC)
    assert fail.applies(99, "write", "before")
    assert fail.applies(99, "fallocate", "before")
    assert not any(fail.applies(4, call, "before") for call in ("fsync", "close", "rename", "unlink", "openat"))


def test_points_are_selected_by_name() -> None:
    assert [name_of(each.point) for each in selected(POINTS, "3:write:ENOSPC*")] == [
        "3:write:ENOSPC",
        "3:write:ENOSPC-lasting",
    ]


def test_a_point_of_the_next_run_is_named_after_that_of_the_first() -> None:
    first = next(each for each in POINTS if each.called == "5:rename:kill-after")
    following = planned(TRACE, written(TRACE, "work/f", EXISTING), first)
    assert following[0].called == "5:rename:kill-after/2:create:kill-before"
    assert [each.called for each in selected(following, "*/3:write:EIO")] == ["5:rename:kill-after/3:write:EIO"]
    assert selected(POINTS, "*/3:write:EIO") == []


def test_what_is_named_before_the_slash_leads_to_the_next_run() -> None:
    assert [each.called for each in led_to(POINTS, "5:rename:kill-after/3:*")] == ["5:rename:kill-after"]
    assert led_to(POINTS, "3:*") == selected(POINTS, "3:*")


def test_a_run_after_a_kill_is_of_a_kill_whatever_is_done_to_it() -> None:
    kill = next(each for each in POINTS if each.kills)
    error = next(each for each in POINTS if not each.kills)
    assert [Planned("work/f", error.point, after=each).kills_at_all for each in (None, error, kill)] == [
        False,
        False,
        True,
    ]


def test_every_order_has_all_points_once_and_starts_spread() -> None:
    for seed in (0, 1, 77):
        order = list(evenly(POINTS, seed))
        assert sorted(order, key=repr) == sorted(POINTS, key=repr)
    kills = [Planned("work/f", Point("replace", "kill", "after", number, "write", "target")) for number in range(64)]
    first = sorted(each.point.number for each in list(evenly(kills, 0))[:8])
    assert first == [0, 8, 16, 24, 32, 40, 48, 56]
    assert list(evenly([], 5)) == []


def test_kills_and_errors_take_turns() -> None:
    assert [each.kills for each in list(evenly(POINTS, 0))[:6]] == [True, False] * 3


def test_a_point_is_hit_by_the_same_operation_on_the_same_file() -> None:
    point = next(each for each in POINTS if each.point.number == 3)
    usual = {each.name for each in TRACE}
    assert hit(point, TRACE, usual)
    assert not hit(point, TRACE[:3], usual)
    assert not hit(point, TRACE[1:], usual)
    assert hit(point, trace("t2"), usual)  # a temp with another name in each run
    assert not hit(point, trace("t2"), {*usual, "work/t2"})  # that is another file of the same command
