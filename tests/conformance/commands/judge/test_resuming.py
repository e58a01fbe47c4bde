"""What the runs after the kills say."""

import pytest

from conformance.commands.judge.answers import Resumed, Visited
from conformance.commands.judge.execution import Command
from conformance.commands.judge.points import Planned
from conformance.commands.judge.resuming import Again, how_it_resumes, of_resuming, writes
from conformance.syscalls.operations import operations_of
from conformance.syscalls.points import Point
from conformance.syscalls.strace.parser import parse

AGAIN = Again(Command(("x",)), frozenset({0}), frozenset({0}), {}, ("work/f",), 3)


def visited(number: int, why: str = "", *, done: int = 0, writes: int = 3, hit: bool = True) -> Visited:
    planned = Planned("work/f", kill(number), "work/f")
    return Visited(planned, hit, -9, operation=f"write {number}", done=done, resumed=Resumed(writes, why))


def kill(number: int) -> Point:
    return Point("replace", "kill", "after", number, "write", "target")


def visited_next(why: str = "") -> Visited:
    planned = Planned("work/f", kill(4), "work/f", Planned("work/f", kill(2)))
    return Visited(planned, True, -9, operation="write 4", resumed=Resumed(3, why), after="a kill (after write 2)")


def test_the_earliest_kill_after_which_the_next_run_fails() -> None:
    runs = [visited(7, "the next run ends with exit code 2"), visited(4, "the next run does not end"), visited(2)]
    answer = of_resuming("work/f", runs, 3, AGAIN)
    assert (answer.verdict, answer.operation, answer.point, answer.number) == (
        "yes",
        "write 4",
        "4:write:kill-after",
        4,
    )
    assert answer.text == "killed there, the next run does not end; so at 2 of 3 points"


def test_where_all_end_well_it_says_out_of_how_many() -> None:
    answer = of_resuming("work/f", [visited(2), visited(3, hit=False)], 2, AGAIN)
    assert (answer.verdict, answer.tried) == ("no", 1)
    assert answer.text == "at 1 of 2 points; 1 not hit, as the operations differ from run to run"
    assert of_resuming("work/f", [], 2, None).verdict == "not measured"
    assert of_resuming("work/other", [visited(2)], 1, AGAIN).verdict == "not measured"


def test_a_result_that_differs_from_run_to_run_is_not_judged() -> None:
    again = Again(Command(("x",)), frozenset({0}), frozenset(), {}, ("work/f",), 1, "out.txt", None)
    assert of_resuming("work/f", [visited(2)], 1, again).text.endswith("and is not judged")


def test_the_run_after_the_next_one_has_to_end_well_too() -> None:
    answer = of_resuming("work/f", [visited(2), visited_next("the next run does not end")], 1, AGAIN, 1)
    assert (answer.verdict, answer.point) == ("yes", "2:write:kill-after/4:write:kill-after")
    assert answer.text == (
        "killed there in the run after a kill (after write 2), the next run does not end; so at 1 of 1 points"
    )
    answer = of_resuming("work/f", [visited(2), visited_next()], 1, AGAIN, 1)
    assert (answer.verdict, answer.text) == ("no", "at 1 of 1 points; in the next run, at 1 of 1 points")


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([(0, 5), (5, 5)], ""),
        ([(1, 5), (4, 5)], "killed after 4 of 5 writes, it makes all 5 writes again"),
        ([(1, 4), (4, 1)], "it goes on: killed after 4 of 5 writes, it makes 1 more"),
        ([(4, 2)], "it goes on: killed after 4 of 5 writes, it makes 2 more"),
        ([(4, 3)], "killed after 4 of 5 writes, it makes 3 more"),
    ],
)
def test_a_job_that_starts_again_is_distinguished_from_one_that_goes_on(runs: list[tuple[int, int]], said: str) -> None:
    assert how_it_resumes(runs, 5) == said


def test_a_program_that_always_writes_twice_makes_both_again_whatever_it_keeps() -> None:
    assert how_it_resumes([(1, 2)], 2) == "killed after 1 of 2 writes, it makes both writes again"


def test_writes_are_counted_over_all_files() -> None:
    lines = """open("/run/jobs/f", O_WRONLY|O_TRUNC) = 3</run/jobs/f>
write(3</run/jobs/f>, "new", 3) = 3
open("/run/jobs/g", O_WRONLY|O_CREAT, 0600) = 3</run/jobs/g>
write(3</run/jobs/g>, "new", 3) = 3"""
    operations = operations_of(parse(lines), "/run", {"jobs/": 0, "jobs/f": 3})
    assert writes(operations, ("jobs/f", "jobs/g")) == 2
    assert writes(operations[:1], ("jobs/f", "jobs/g")) == 1
