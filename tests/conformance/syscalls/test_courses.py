"""Which runs do the same as others."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.syscalls.courses import course_key
from conformance.syscalls.operations import operations_of
from conformance.syscalls.strace.parser import parse

WRITE = 'write(3<RUN/t1>, "new", 3) = 3\n'
UNDISTURBED = f"""openat(AT_FDCWD, "RUN/t1", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3<RUN/t1>
{WRITE}rename("RUN/t1", "RUN/f") = 0"""
SWEEP = f'unlink("RUN/t0") = 0\n{UNDISTURBED}'


def key(text: str, leftovers: Mapping[str, str] = {}) -> object:
    return course_key(
        operations_of(parse(text.replace("RUN", "/run")), "/run", ["f", *leftovers]), leftovers, frozenset({"f"})
    )


def test_names_that_are_drawn_are_numbered_as_they_appear() -> None:
    assert key(UNDISTURBED) == key(UNDISTURBED.replace("t1", "t2"))
    assert key(UNDISTURBED) != key(UNDISTURBED.replace("RUN/f", "RUN/g"))


def test_a_leftover_that_is_touched_makes_a_difference_and_so_does_its_state() -> None:
    empty, torn = {"t0": "empty"}, {"t0": "torn"}
    assert key(SWEEP, empty) != key(UNDISTURBED)
    assert key(SWEEP, empty) != key(SWEEP, torn)
    assert key(UNDISTURBED, empty) == key(UNDISTURBED)


def test_an_error_makes_a_difference_and_the_number_of_equal_operations_does_not() -> None:
    assert key(UNDISTURBED) == key(UNDISTURBED.replace(WRITE, WRITE * 3))
    assert key(UNDISTURBED) != key(UNDISTURBED.replace('"RUN/f") = 0', '"RUN/f") = -1 EIO (Input/output error)'))
