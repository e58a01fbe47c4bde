"""Which runs after a point are disturbed in their turn, and after which point."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.commands.judge.answers import Resumed, Visited
from conformance.commands.judge.depth import Courses, followed, story
from conformance.commands.judge.points import Planned
from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.points import Point
from conformance.syscalls.strace.parser import parse

PREPARED = {"work/": 0, "work/f": 3}
UNDISTURBED = """open("COPY/t", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<COPY/t>
write(3<COPY/t>, "new", 3) = 3
close(3<COPY/t>) = 0
rename("COPY/t", "COPY/f") = 0"""
SWEEP = f'unlink("COPY/t") = 0\n{UNDISTURBED}'


def operations(text: str, *new: str) -> tuple[Operation, ...]:
    existing = {**PREPARED, **dict.fromkeys(new, 1)}
    return operations_of(parse(text.replace("COPY", "/run/work")), "/run", existing)


def run(text: str, *new: str) -> Any:
    """A traced run of which only what is looked at is there."""
    ended = SimpleNamespace(operations=operations(text, *new), why_not="")
    return SimpleNamespace(ended=ended, existing={**PREPARED, **dict.fromkeys(new, 1)})


def visited(number: int, next_run: Any, leftovers: dict[str, str], why: str = "", state: str = "old") -> Visited:
    planned = Planned("work/f", Point("replace", "kill", "after", number, "write", "other"), "work/t")
    resumed = Resumed(1, why, next_run)
    return Visited(planned, True, -9, state, state == "empty", (), "write t", 0, resumed, leftovers)


def courses(*seen: Visited) -> Courses:
    found = Courses([run(UNDISTURBED)], PREPARED)
    for each in seen:
        found.take(each)
    return found


LEFT = {"work/t": "cut off"}


def test_a_run_that_does_what_an_undisturbed_one_does_is_none() -> None:
    assert courses(visited(1, run(UNDISTURBED), {})).found == []


def test_a_run_that_sweeps_is_one_and_its_points_follow_the_first() -> None:
    [course] = courses(visited(1, run(SWEEP, "work/t"), LEFT)).found
    assert course.story == "a kill (after write t)"
    names = [each.called for each in course.points]
    assert "1:write:kill-after/0:unlink:kill-after" in names
    assert "1:write:kill-after/2:write:ENOSPC" in names


def test_equal_runs_are_judged_once() -> None:
    sweep = run(SWEEP, "work/t")
    found = courses(visited(1, sweep, LEFT), visited(2, sweep, LEFT)).found
    assert [each.after.point.number for each in found] == [1]


def test_runs_that_find_other_leftovers_are_judged_apart() -> None:
    sweep = run(SWEEP, "work/t")
    assert len(courses(visited(1, sweep, LEFT), visited(2, sweep, {"work/t": "empty"})).found) == 2


@pytest.mark.parametrize("changes", [{"why": "the next run does not end"}, {"state": "empty"}])
def test_what_the_first_level_finds_is_not_looked_into(changes: dict[str, str]) -> None:
    assert courses(visited(1, run(SWEEP, "work/t"), LEFT, **changes)).found == []
    without = dataclasses.replace(visited(1, None, LEFT), resumed=None)
    assert courses(without).found == []


def test_a_leftover_is_followed_under_the_name_that_it_gets() -> None:
    broken = f'rename("COPY/lock", "COPY/stale") = 0\nunlink("COPY/stale") = 0\n{UNDISTURBED}'
    [course] = courses(visited(1, run(broken, "work/lock"), {"work/lock": "other"})).found
    assert {each.point.number for each in course.points} == {0, 1, 2, 3, 4, 5}


def test_a_lock_that_is_a_folder_is_a_leftover() -> None:
    broken = f'rmdir("COPY/lock") = 0\n{UNDISTURBED}'
    [course] = courses(visited(1, run(broken, "work/lock/"), {"work/lock/": "a folder"})).found
    assert "1:write:kill-after/0:remove-folder:kill-after" in [each.called for each in course.points]


def test_points_of_a_course_are_selected_behind_the_slash() -> None:
    found = courses(visited(1, run(SWEEP, "work/t"), LEFT)).found
    every = followed(found, "*")
    assert followed(found, "1:*") == every
    assert [each.called for each in followed(found, "*/0:unlink:kill-*")] == [
        "1:write:kill-after/0:unlink:kill-before",
        "1:write:kill-after/0:unlink:kill-after",
    ]


def test_a_disk_that_filled_up_before_the_next_run_is_said() -> None:
    full = Planned("work/f", Point("replace", "disk-full", "before", 3, "write", "other", size=2))
    assert story(Visited(full, True, operation="write t 2 bytes")) == "a full disk (from write t 2 bytes on)"
