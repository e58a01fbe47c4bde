"""What ends a killed run: it sees the kill even while the run cannot end, and servers go before what needs them."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("it waits for a pipe", allow_module_level=True)

from stress.powercut.blocks.supervisor import is_killed, with_descendants


@pytest.mark.parametrize(
    ("status", "killed"),
    [
        ("Name:\tpython\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigCgt:\t0000000000000100\n", False),
        ("Name:\tSigPnd:\nSigPnd:\t0000000000000002\nShdPnd:\t0000000000004000\n", False),
        ("SigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\n", True),
        ("SigPnd:\t0000000000000000\nShdPnd:\t0000000000000102\n", True),
        ("", False),
    ],
)
def test_a_process_that_was_killed_and_waits_for_a_disk_is_known(status: str, *, killed: bool) -> None:
    assert is_killed(status) == killed


def test_what_a_process_has_started_is_ended_before_it() -> None:
    looker, server, daemon, other = 10, 11, 12, 20
    order = with_descendants([looker], {looker: 1, server: looker, daemon: server, other: 1})
    assert order == [daemon, server, looker]


def test_each_process_is_ended_once() -> None:
    assert with_descendants([10, 11], {10: 1, 11: 10}) == [11, 10]
