"""The clock of a run: one for all processes of a machine, and fine enough to show which of two reads came first.

Before Python 3.13 `time.monotonic` counts in steps of 15.6 ms on Windows (GetTickCount64): nearly everything would
seem to happen at once, and the history could prove nothing. `time.perf_counter` is QueryPerformanceCounter,
which all processes share. Elsewhere both are the same clock: CLOCK_MONOTONIC, on macOS mach_absolute_time.
"""

from __future__ import annotations

from time import perf_counter as seconds
from time import perf_counter_ns as nanoseconds

__all__ = ["nanoseconds", "seconds"]
