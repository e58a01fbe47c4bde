"""Lines that an implementation prints and that no request has asked for: a bounded number of them waits."""

from __future__ import annotations

import queue

import pytest

from conformance.subject.lines import WAITING_LIMIT, Lines
from conformance.subject.protocol import LONGEST_ANSWER


def test_lines_come_in_their_order_and_make_room_for_others() -> None:
    lines = Lines()
    long = b"x" * (WAITING_LIMIT // 2) + b"\n"
    for _ in range(5):
        assert lines.put(long)
        assert lines.get(0) == long
    lines.end(b"")
    assert lines.get(0) == b""
    assert lines.too_much == ""
    with pytest.raises(queue.Empty):
        lines.get(0)


@pytest.mark.parametrize("size", [1, 1000, LONGEST_ANSWER])
def test_more_than_the_limit_is_not_kept(size: int) -> None:
    lines, line, number = Lines(), b"x" * (size - 1) + b"\n", 0
    while lines.put(line):
        number += 1
    assert number * size <= WAITING_LIMIT
    assert lines.too_much == "32 MiB that no request had asked for"
    assert lines.get(0) == line


def test_a_line_that_does_not_end() -> None:
    lines = Lines()
    lines.end(b"x" * LONGEST_ANSWER)
    assert lines.too_much == "a line of more than 16 MiB"
