"""Chaos is carried out when it is due, and what it explains starts before its effect does."""

from __future__ import annotations

import multiprocessing
from types import SimpleNamespace
from typing import Any

import pytest

from stress.load import chaos
from stress.load.chaos_driver import ChaosDriver
from stress.load.pause_guard import PauseGuard
from stress.record import clock
from stress.record.shared_counters import new_counters


@pytest.mark.parametrize(
    ("state", "kind", "hits"),
    [
        ("starting", "fault", False),
        ("starting", "kill", False),
        ("fresh", "fault", False),
        ("fresh", "kill", True),
        ("ready", "fault", True),
    ],
)
def test_what_only_gets_ready_is_spared(monkeypatch: pytest.MonkeyPatch, state: str, kind: str, hits: bool) -> None:
    hit: list[chaos.Action] = []
    monkeypatch.setattr(chaos, "hit", lambda action, processes: hit.append(action))
    monkeypatch.setattr(chaos, "alive", lambda processes: processes)
    counters = new_counters(multiprocessing.get_context("spawn"), 1)
    if state != "ready":
        counters.set(state, 1)
    writer: Any = SimpleNamespace(counters=counters, implementations=lambda: [object()])
    plan: Any = SimpleNamespace(scenario=SimpleNamespace(seed=1, chaos=(kind,), chaos_rate=10.0, writers=1, readers=0))
    tally: Any = SimpleNamespace(seconds=0.0)
    group: Any = SimpleNamespace(writers=[writer], readers=[])
    ChaosDriver(plan, group, tally, PauseGuard(None)).act_until(1.0)
    assert bool(hit) == hits


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
