"""Short runs with real processes: the reference is clean, defects that only load exposes are caught, nothing is left.

Every run ends when enough has happened, not after some time.
"""

from __future__ import annotations

import itertools
import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import Manifest
from conformance.runner.resolve import resolve
from conformance.runner.run import Run, tear_down
from conformance.system.platform import file_system_of
from stress.judge.results import results_of
from stress.judge.tally import Tally
from stress.load import control
from stress.load.harness import run_in_folder
from stress.load.plan import LoadPlan
from stress.load.process_group import ProcessLost
from stress.load.sampler import Show
from stress.record.folder_record import FolderRecord
from stress.record.reports import Written
from stress.record.scenario import Chaos, Goal, Scenario, as_on
from stress.record.violations import verify
from stress.reporting.live import View

# Far more than a defect needs to show itself; a violation ends the run with its round.
CAUGHT = Scenario(
    readers=1, sizes=(256, 1 << 16), seconds=None, goal=Goal(20_000, "writes"), round_seconds=0.3, stop_at_first=True
)
FEW = Scenario(writers=1, readers=1, sizes=(256,), seconds=None, goal=Goal(1, "writes"))

PHASES = ["positive control", "load", "closing"]
Running = Callable[..., FolderRecord]


def manifest_of(name: str) -> Manifest:
    return resolve(name, frozenset(load_clauses()))


def run_once(
    folder: Path,
    manifest: Manifest,
    scenario: Scenario,
    *,
    reader: Manifest | None = None,
    show: Show = lambda view: None,
) -> FolderRecord:
    """One run below this folder, in which nothing may be left."""
    own, targets = folder / "run", folder / "targets"
    before = psutil.Process().children(recursive=True)  # of other tests in this process
    for path in (own, own / "children", own / "scratch", targets):
        path.mkdir()
    run = Run(manifest=manifest, folder=own, seed=scenario.seed)
    try:
        return run_in_folder(LoadPlan(run, as_on(sys.platform, scenario), targets, "the folder", reader), show)
    finally:
        tear_down(own)
        assert multiprocessing.active_children() == []
        after = psutil.Process().children(recursive=True)
        assert [child for child in after if child not in before and not is_of_python(child)] == []


def is_of_python(process: psutil.Process) -> bool:
    """Whether it has ended, or is the helper that Python itself keeps for as long as this process lives."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE or "resource_tracker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """Runs an implementation: ``running(name or manifest, scenario, …)``."""

    def run(what: str | Manifest, scenario: Scenario, **changes: Any) -> FolderRecord:
        return run_once(tmp_path, manifest_of(what) if isinstance(what, str) else what, scenario, **changes)

    return run


@pytest.fixture
def implementation(tmp_path: Path) -> Callable[[str], Manifest]:
    """The manifest of an implementation of mode python, whose module is given."""

    def make(module: str) -> Manifest:
        folder = tmp_path / "implementation"
        folder.mkdir()
        (folder / "under_test.py").write_text(module, encoding="utf-8")
        path = folder / "implementation.toml"
        path.write_text(
            '[implementation]\nname = "under test"\nlanguage = "python"\nprofile = "pulse"\n'
            'roles = ["writer", "reader"]\nmode = "python"\ncallable = "under_test:UnderTest"\n',
            encoding="utf-8",
        )
        return manifest_of(str(path))

    return make


# A run of the reference


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[FolderRecord, list[View], Path]:
    """What a run of the reference with two writers, two readers and two targets saw, and what was shown meanwhile."""
    folder = tmp_path_factory.mktemp("clean")
    views: list[View] = []
    scenario = Scenario(
        targets=2,
        sizes=(256, 1 << 16),
        seconds=None,
        goal=Goal(400, "writes"),
        round_seconds=0.3,
        pipeline=3,
        first_writer=5,
    )
    return run_once(folder, manifest_of("reference"), scenario, show=views.append), views, folder / "targets"


Clean = tuple[FolderRecord, list[View], Path]


def test_the_reference_does_nothing_wrong(clean: Clean) -> None:
    record, _, _ = clean
    assert record.counts == {}
    assert record.findings == ()
    assert record.complete
    assert (record.totals.refused, record.totals.indeterminate, record.totals.left) == (0, 0, 0)
    assert record.totals.acknowledged == record.totals.writes


def test_the_goal_is_reached_and_everything_is_counted(clean: Clean) -> None:
    record, _, _ = clean
    totals = record.totals
    assert totals.writes >= 400
    assert sum(record.sizes.values()) == totals.writes
    assert set(record.sizes) == {256, 1 << 16}
    assert record.write_latency.total == totals.acknowledged
    assert totals.reads > totals.changes >= totals.distinct > 0
    assert record.staleness.total >= totals.distinct
    assert record.read_latency.total > 0
    assert totals.rounds >= 2
    assert totals.looks > 0
    assert record.overlap.writers > 0
    assert record.bound == 3 / totals.reads


def test_the_positive_control_was_caught_before(clean: Clean) -> None:
    record, views, _ = clean
    assert record.control.caught > 0
    assert record.control.reads >= record.control.caught
    assert record.control.seconds is not None
    assert views[0].phase == "positive control"


def test_only_the_targets_are_left_and_each_holds_a_document_of_a_writer(clean: Clean) -> None:
    _, _, folder = clean
    assert sorted(path.name for path in folder.iterdir()) == ["status.json", "status1.json"]
    assert {verify(path.read_bytes())[0] for path in folder.iterdir()} <= {5, 6}


def test_the_record_names_the_folder_as_the_user_did_and_its_file_system(clean: Clean) -> None:
    record, _, folder = clean
    assert record.folder == "the folder"
    assert record.file_system == file_system_of(folder)


def test_what_is_shown_meanwhile_grows_and_ends_with_the_goal(clean: Clean) -> None:
    record, views, _ = clean
    phases = [view.phase for view in views]
    assert phases == sorted(phases, key=PHASES.index)
    assert set(phases) == {*PHASES}
    writes = [view.now.writes for view in views]
    assert writes == sorted(writes)
    assert views[-1].goal_share == 1.0
    assert views[-1].seconds_left is None
    assert all(view.before is before.now for before, view in itertools.pairwise(views[1:]))
    assert [sample.writes for sample in record.samples] == writes[1:]


# Defects that only load exposes


@pytest.mark.parametrize(
    ("mutant", "kinds"),
    [
        ("in-place-in-pieces", {"torn"}),
        ("one-temp-for-all-processes", {"refused"}),
        ("acknowledged-before-published", {"stale"}),
        ("temp-left-now-and-then", {"leak"}),
    ],
)
def test_a_defect_is_caught_and_ends_the_run(running: Running, mutant: str, kinds: set[str]) -> None:
    record = running(f"mutant:{mutant}", CAUGHT)
    assert kinds <= record.counts.keys()
    assert record.totals.writes < 20_000
    first = next(finding for finding in record.findings if finding.kind in kinds)
    assert first.text
    if "stale" in kinds:
        assert sum(shown.guilty for shown in first.timeline) >= 1
        assert {shown.what for shown in first.timeline} == {"write", "read"}


# Reader implementations

CACHING_READER = """
from conformance.mutation.honest import Honest

class UnderTest(Honest):
    def read(self, path):
        if path not in self.memory or self.memory["reads"] > 500:
            self.memory[path], self.memory["reads"] = Honest.read(self, path), 0
        self.memory["reads"] += 1
        return self.memory[path]
"""


def test_a_reader_that_caches_is_to_blame_and_the_writer_is_not(
    running: Running, implementation: Callable[[str], Manifest]
) -> None:
    record = running("variant:plain", replace(CAUGHT, writers=1, readers=2), reader=implementation(CACHING_READER))
    assert set(record.counts) == {"misread"}
    finding = record.findings[0]
    assert finding.text.startswith("stale")
    assert "reader 2" in {shown.process for shown in finding.timeline if shown.guilty}
    results = results_of(record, "", reads=True, known=(), os="linux")
    assert [result.clause for result in results if result.outcome == "fail"] == ["RDR-14"]


def test_an_honest_reader_is_not_accused_and_started_again_when_it_is_killed(running: Running) -> None:
    scenario = replace(
        CAUGHT, writers=1, readers=2, goal=Goal(120, "writes"), rate=100.0, chaos=("kill-reader",), chaos_rate=8.0
    )
    record = running("variant:plain", scenario, reader=manifest_of("variant:plain"))
    assert record.counts == {}
    assert record.totals.reader_kills > 0
    assert record.complete


# Disasters


@pytest.mark.parametrize("name", ["variant:lock-file-kept", "variant:backup-kept", "mutant:undeclared-lock-file"])
def test_a_file_that_is_kept_beside_the_target_is_no_leak(running: Running, name: str) -> None:
    """Declared or not: what is not declared is one failure, of FLT-02, which the suite judges."""
    if sys.platform == "win32" and "lock" in name:
        pytest.skip("needs flock")
    record = running(name, replace(FEW, writers=2, goal=Goal(40, "writes")))
    assert (record.counts, record.totals.left) == ({}, 0)


def test_kills_pauses_and_faults_of_the_reference_harm_nothing(running: Running) -> None:
    faults: tuple[Chaos, ...] = ("fault",) if sys.platform == "linux" else ()
    pauses: tuple[Chaos, ...] = ("pause",) if sys.platform != "win32" else ()
    scenario = Scenario(
        sizes=(256, 1 << 16),
        seconds=None,
        goal=Goal(4, "kills"),
        chaos=("kill", "kill-reader", *pauses, *faults),
        chaos_rate=15.0,
        round_seconds=0.3,
        seed=11,
    )
    record = running("reference", scenario)
    totals = record.totals
    assert record.counts == {}
    assert totals.kills >= 4
    assert 0 < totals.restarts <= totals.kills
    assert totals.reader_kills > 0
    assert totals.indeterminate > 0
    assert totals.left == 0
    assert len(record.actions) >= totals.kills


# What cannot be judged


def test_a_process_of_the_kit_that_is_killed_ends_the_run_and_is_named(running: Running) -> None:
    def kill_a_reader(view: View) -> None:
        if view.phase == "load":
            [reader] = [one for one in multiprocessing.active_children() if one.name == "pulse stress reader 1"]
            reader.kill()
            reader.join()

    with pytest.raises(ProcessLost, match="reader 1 ended without an answer"):
        running("variant:plain", replace(FEW, goal=Goal(10**9, "writes")), show=kill_a_reader)


REFUSING_WRITER = """
class UnderTest:
    def write(self, path, status):
        raise PermissionError(13, "Permission denied")
"""


def test_an_implementation_that_cannot_write_here_says_why(
    running: Running, implementation: Callable[[str], Manifest]
) -> None:
    with pytest.raises(ImplementationError, match=r"cannot write into the folder: .*Permission denied"):
        running(implementation(REFUSING_WRITER), FEW)


QUIET_CONTROL = """
import os

def control(connection, folder, name, sizes):
    from conformance.oracle.payload import encode, make_status

    def publish(number):
        (folder / "temp").write_text(encode(make_status(0, number, 256)))
        os.replace(folder / "temp", folder / name)

    publish(0)
    connection.send("ready")
    number = 0
    while not connection.poll():
        number += 1
        publish(number)
    connection.recv()
    (folder / name).unlink()
    connection.send(number)
"""


def test_without_a_torn_document_in_the_control_and_with_little_work_there_are_doubts(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of the run import the control from the path of this one."""
    (tmp_path / "quiet_control.py").write_text(QUIET_CONTROL, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import quiet_control  # type: ignore[import-not-found]  # written above

    monkeypatch.setattr(control, "control_process", quiet_control.control)
    monkeypatch.setattr(control, "CONTROL_SECONDS", 0.05)
    record = running("variant:plain", FEW)
    assert record.counts == {}
    assert (record.control.caught, record.control.seconds) == (0, None)
    assert "the positive control was not caught" in record.doubts[0]
    assert any("acknowledged writes; at least" in doubt for doubt in record.doubts)


def test_control_c_ends_a_run_early_and_what_was_seen_is_kept(running: Running) -> None:
    def interrupt(view: View) -> None:
        if view.acknowledged > 1:
            raise KeyboardInterrupt

    record = running("variant:plain", replace(FEW, goal=Goal(10**9, "writes"), round_seconds=0.01), show=interrupt)
    assert not record.complete
    assert record.doubts[0] == "the run was interrupted"
    assert record.totals.rounds > 0
    assert record.totals.reads > 0


def test_control_c_while_a_round_is_judged_accuses_no_writer(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken of that round is not the whole of it: what a writer said is lost, what readers saw is not."""
    take = Tally.written
    calls = iter(range(1, 100))

    def interrupted(self: Tally, writer: int, written: Written) -> None:
        if next(calls) == 3:  # before the load there was one, and one round ended well
            raise KeyboardInterrupt
        take(self, writer, written)

    monkeypatch.setattr(Tally, "written", interrupted)
    record = running("variant:plain", replace(FEW, goal=Goal(10**9, "writes"), round_seconds=0.05))
    assert record.counts == {}
    assert not record.complete
    assert record.totals.rounds == 1
