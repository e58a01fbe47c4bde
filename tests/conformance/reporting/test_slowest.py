"""The end of a long run says which cases took the time."""

from conformance.reporting.results import Result
from conformance.reporting.slowest import slowest


def result(case: str, seconds: float) -> Result:
    return Result("CON-01", case, "pass", seconds=seconds)


def test_the_cases_that_took_longest_come_first_and_only_the_first_five() -> None:
    seconds = {"a": 1.0, "b": 40.0, "c": 2.0, "d": 0.5, "e": 3.0, "f": 4.0}
    heading, *lines = slowest([result(case, taken) for case, taken in seconds.items()])
    assert heading == "slowest of 6 cases, which took 50 s:"
    assert [line.split()[-1] for line in lines] == ["b", "f", "e", "c", "a"]
    assert lines[0] == "   40.0 s  CON-01 b"


def test_a_short_run_does_not_say_it() -> None:
    assert slowest([result("a", 14.9), result("b", 15.0)]) == []
    assert slowest([result("a", 15.0), result("b", 15.0)]) != []


def test_cases_that_took_no_time_are_not_among_them() -> None:
    assert len(slowest([result("a", 31.0), result("*", 0.0)])) == 2
