"""A slow writer makes fewer writes, as measured; what was measured on a busy machine does not count."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.runner.notes import Notes
from conformance.runner.target_folders import TargetFolders
from conformance.suite.support import together
from conformance.suite.support.together import fewer, takes_long, writes_each


class Clock:
    """Time passes only while a write is made."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.seconds = 0.0, list(seconds)

    def monotonic(self) -> float:
        return self.now

    def write(self, path: Path, status: object) -> Any:
        self.now += self.seconds.pop(0)
        return SimpleNamespace(ok=True)


def case_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, mode: str = "serve") -> Any:
    """A stand-in with only the parts of a case that this needs."""
    (tmp_path / "cases").mkdir()
    monkeypatch.setattr(together, "time", clock)
    run = SimpleNamespace(folder=tmp_path, folders=TargetFolders(), notes=Notes(), manifest=SimpleNamespace(mode=mode))
    return SimpleNamespace(run=run, target=Path("status.json"), counts={}, publish=clock.write)


def test_a_usual_writer_makes_all_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.01)
    case = case_of(tmp_path, monkeypatch, clock)
    assert (writes_each(case), writes_each(case)) == (80, 80)
    assert (case.counts, clock.seconds) == ({}, [])


def test_a_slow_writer_makes_fewer_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(tmp_path, monkeypatch, Clock(1.3, 1.3, 1.3))
    assert (writes_each(case), fewer(case, 24, 6)) == (12, 6)
    assert case.counts == {"slow writer's shortened cases": 1}


def test_one_write_in_time_shows_that_the_others_waited_for_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not takes_long(case_of(tmp_path, monkeypatch, Clock(1.3, 0.1)))


def test_a_process_for_each_write_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(tmp_path, monkeypatch, Clock(), mode="oneshot")
    assert (writes_each(case), case.counts) == (12, {})


def test_nothing_of_the_measurement_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not takes_long(case_of(tmp_path, monkeypatch, Clock(0.1)))
    assert list((tmp_path / "cases").iterdir()) == []
