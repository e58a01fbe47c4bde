"""The clock of a run: times from two processes can be compared, and consecutive moments differ."""

from __future__ import annotations

import subprocess
import sys
import time

from stress.record import clock


def test_another_process_has_the_same_clock() -> None:
    command = [sys.executable, "-c", "from stress.record import clock; print(clock.nanoseconds())"]
    before = clock.nanoseconds()
    printed = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    assert before < int(printed) < clock.nanoseconds()


def test_it_never_goes_back_and_is_finer_than_a_read() -> None:
    assert time.get_clock_info("perf_counter").monotonic
    assert time.get_clock_info("perf_counter").resolution <= 1e-6


def test_seconds_and_nanoseconds_are_of_one_clock() -> None:
    before = clock.seconds()
    assert before <= clock.nanoseconds() / 1e9 <= clock.seconds()
