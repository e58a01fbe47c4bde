"""Chaos is carried out when it is due, and what it explains starts before its effect does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stress.load import chaos
from stress.load.chaos_driver import ChaosDriver
from stress.load.pause_guard import PauseGuard
from stress.record import clock


def test_a_fault_explains_refusals_from_before_it_took_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer may feel the new limit while the process that has set it is not running."""
    faulted: list[tuple[int, int, int]] = []
    effects: list[int] = []

    def hit(action: chaos.Action, processes: list[Any]) -> list[chaos.Hit]:
        effects.append(clock.nanoseconds())
        return [chaos.Hit(processes[0], 0)]

    monkeypatch.setattr(chaos, "hit", hit)
    monkeypatch.setattr(chaos, "release", lambda action, hits: None)
    monkeypatch.setattr(chaos, "alive", lambda processes: processes)
    scenario = SimpleNamespace(seed=1, chaos=("fault",), chaos_rate=10.0, writers=1, readers=0)
    writer: Any = SimpleNamespace(counters={}, implementations=lambda: [object()])
    group: Any = SimpleNamespace(writers=[writer], readers=[], number_of=lambda member: 0)
    tally: Any = SimpleNamespace(seconds=0.0, acted=lambda *_: None, faulted=lambda *times: faulted.append(times))
    plan: Any = SimpleNamespace(scenario=scenario)
    driver = ChaosDriver(plan, group, tally, PauseGuard(None))
    driver.act_until(1.0)
    driver.release_all()
    assert len(faulted) == len(effects) > 1
    assert all(begin <= effect <= end for (_, begin, end), effect in zip(sorted(faulted), effects, strict=True))
