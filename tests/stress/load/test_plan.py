"""The plans of a run's processes, from the plan of the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.contract.manifest import Manifest
from conformance.runner.run import Run
from stress.judge.tally import Tally
from stress.load.plan import LoadPlan, Shared
from stress.record.scenario import Scenario


@pytest.fixture
def plan(tmp_path: Path, manifest: Manifest) -> LoadPlan:
    """A plan of three writers and four readers, the writers from number 7 on."""
    scenario = Scenario(writers=3, readers=4, first_writer=7, targets=2, rate=5.0, read_pause=0.5)
    run = Run(manifest=manifest, folder=tmp_path, seed=scenario.seed)
    return LoadPlan(run, scenario, tmp_path / "targets", "the folder")


def test_writers_have_the_numbers_from_the_first_on(plan: LoadPlan, manifest: Manifest) -> None:
    writers = plan.writers()
    assert [writer.number for writer in writers] == [7, 8, 9]
    assert {(writer.names, writer.rate, writer.manifest.name) for writer in writers} == {
        (("status.json", "status1.json"), 5.0, manifest.name)
    }


def test_what_the_implementation_keeps_is_no_temp(plan: LoadPlan, manifest: Manifest) -> None:
    plan.folder.mkdir()
    for name in ("status.json", ".status1.json.lock", "left.tmp"):
        (plan.folder / name).touch()
    declared = replace(plan, run=replace(plan.run, manifest=replace(manifest, keeps=(".{name}.lock",))))
    assert declared.temps() == ("left.tmp",)
    assert {writer.keeps for writer in declared.writers()} == {(".{name}.lock",)}
    assert plan.temps() == (".status1.json.lock", "left.tmp")


def test_all_readers_are_the_kits_own_without_a_reader_under_test(plan: LoadPlan) -> None:
    assert [reader.manifest for reader in plan.readers()] == [None] * 4
    assert {(reader.control, reader.pause) for reader in plan.readers()} == {("control.json", 0.5)}


def test_every_second_reader_is_the_one_under_test(plan: LoadPlan, manifest: Manifest) -> None:
    under_test = replace(plan, reader=manifest)
    assert [reader.manifest for reader in under_test.readers()] == [None, manifest] * 2
    assert [under_test.is_under_test(number) for number in range(4)] == [False, True] * 2


def test_a_shared_folder_has_a_control_for_each_machine(plan: LoadPlan) -> None:
    tally = Tally(plan.scenario, plan.scenario.names)
    shared = replace(plan, shared=Shared(tally, "control-7.json", lambda: None))
    assert {reader.control for reader in shared.readers()} == {"control-7.json"}
