"""Each scenario puts the implementation under a different load; there may be no violation.

Short scenarios end when enough was written, which takes long only on a slow machine; with ``--soak`` each lasts ten
minutes. On Windows there are fewer, as processes start slowly there, and readers share open files in two ways.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

import pytest

from stress.record.scenario import CHAOS, Goal, Scenario
from stress.suite.pytest_plugin import PutUnderLoad

_ENOUGH = Scenario(seconds=40.0, goal=Goal(160, "writes"), round_seconds=1.0, stop_at_first=True)

_scenario = partial(replace, _ENOUGH)

if sys.platform == "win32":
    SCENARIOS = {
        "two-by-two": _scenario(),
        "two-by-two-plain": _scenario(sharing="plain"),
        "one-by-eight": _scenario(writers=1, readers=8, goal=Goal(60, "writes")),
        "one-by-eight-plain": _scenario(writers=1, readers=8, goal=Goal(60, "writes"), sharing="plain"),
    }
    CHAOTIC = {
        "kill": _scenario(chaos=("kill",), chaos_rate=4.0, seconds=20.0, goal=Goal(12, "kills")),
        "pause": _scenario(chaos=("pause",), chaos_rate=8.0, rate=60.0, goal=Goal(100, "writes")),
    }
else:
    SCENARIOS = {
        "two-by-two": _scenario(),
        "one-writer": _scenario(writers=1, readers=4),
        "one-reader": _scenario(writers=4, readers=1),
        "three-targets": _scenario(targets=3),
        "paced": _scenario(rate=50.0, read_pause=0.002, goal=Goal(300, "writes")),
        "large": _scenario(sizes=(1 << 20,), goal=Goal(300, "writes")),
        "small": _scenario(sizes=(256,), goal=Goal(300, "writes")),
    }
    # Paced, or until a number of kills, so that there is time for chaos even on the fastest disk.
    CHAOTIC = {
        "kill": _scenario(chaos=("kill",), chaos_rate=2.0, goal=Goal(5, "kills")),
        "pause": _scenario(chaos=("pause",), chaos_rate=8.0, rate=60.0, goal=Goal(200, "writes")),
        "fault": _scenario(chaos=("fault",), chaos_rate=12.0, rate=60.0, goal=Goal(200, "writes")),
        "everything": _scenario(chaos=CHAOS, chaos_rate=10.0, goal=Goal(6, "kills")),
    }


@pytest.mark.parametrize("name", SCENARIOS)
def test_load(put_under_load: PutUnderLoad, name: str) -> None:
    put_under_load(SCENARIOS[name])


def test_reader(put_under_load: PutUnderLoad) -> None:
    """The implementation reads what it writes, and so does a reader of the kit."""
    put_under_load(_scenario(), with_reader=True)


@pytest.mark.parametrize("name", CHAOTIC)
def test_chaos(put_under_load: PutUnderLoad, name: str) -> None:
    put_under_load(CHAOTIC[name])
