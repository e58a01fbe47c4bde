"""The harness on a Dask cluster: the same load on each machine, one record, and no pass when anything went wrong."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.contract.errors import ImplementationError
from stress.cli import main
from stress.cluster import coordinator as clusters
from stress.cluster.coordinator import Cluster, ClusterError, ClusterUsageError, connected, parse_place
from stress.cluster.machine import MachinePlan
from stress.record.folder_record import FolderRecord
from stress.record.scenario import Goal, Scenario
from stress.reporting.live import View
from tests.stress import sshfs

distributed = pytest.importorskip("distributed", reason='needs Dask: pip install "pulse-kit[cluster]"')

# Each machine does half of it.
FEW = Scenario(writers=1, readers=1, sizes=(256,), seconds=None, goal=Goal(800, "writes"))
ENDLESS = Scenario(writers=1, readers=1, sizes=(256,), seconds=None)
Running = Callable[..., FolderRecord]


def local_cluster() -> Any:
    """Two workers, each under a nanny, reached by this machine only; the port of the web page is any that is free."""
    return distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster that the tests share."""
    with local_cluster() as local:
        yield local.scheduler_address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that all machines share."""
    shared = tmp_path / "shared"
    shared.mkdir()
    return shared


def run(
    cluster: Cluster, folder: Path, scenario: Scenario = FEW, *, impl: str = "reference", show: Any = None
) -> FolderRecord:
    return cluster.run(MachinePlan(impl, scenario, str(folder), 30.0), show or (lambda view: None))


def test_the_reference_is_clean_on_two_machines_and_nothing_is_left(scheduler: str, folder: Path) -> None:
    views: list[View] = []
    with connected(scheduler) as cluster:
        record = run(cluster, folder, show=views.append)
    assert record.counts == {}
    assert record.doubts == ()
    assert record.complete
    assert record.machines is not None
    assert record.machines.names == ("0", "1")
    assert record.machines.settled is not None
    assert record.file_system.endswith(" on 2 machines")
    assert record.scenario.writers == 2
    assert record.totals.acknowledged >= 200
    assert record.totals.left == 0
    assert {view.phase for view in views} >= {"load"}
    assert not list(folder.iterdir())
    assert not loads()


def test_the_command_gives_a_verdict(scheduler: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--dask", scheduler, "--dir", str(folder), "--writers", "1", "--readers", "1", "--until", "200 writes"]
    assert main([*words, "--impl", "mutant:published-after-the-next", "--size", "256"]) == 1
    printed = capsys.readouterr().out
    assert "on 2 machines" in printed
    assert re.search(r"machine [01]: stale: ", printed)
    assert f"--dask {scheduler}" in printed


class TestMishaps:
    """None of them is a pass."""

    def test_a_worker_that_is_lost_ends_the_run(self, folder: Path) -> None:
        def kill_one(view: View) -> None:
            if view.phase == "load":
                for process in loads()[:1]:
                    psutil.Process(process.ppid()).kill()

        with (
            local_cluster() as local,
            connected(local.scheduler_address) as cluster,
        ):
            with pytest.raises(ClusterError, match=r"machine [01] .*failed"):
                run(cluster, folder, ENDLESS, show=kill_one)
            assert not list(folder.iterdir())

    def test_a_load_that_is_killed_ends_the_run(self, scheduler: str, folder: Path) -> None:
        def kill_one(view: View) -> None:
            if view.phase == "load":
                loads()[0].kill()

        with connected(scheduler) as cluster, pytest.raises(ClusterError, match="ended by itself"):
            run(cluster, folder, ENDLESS, show=kill_one)
        assert not loads()

    def test_ctrl_c_ends_the_run_with_what_was_seen(self, scheduler: str, folder: Path) -> None:
        def interrupt(view: View) -> None:
            if view.phase == "load" and view.now.writes > 10 and not interrupted:
                interrupted.append(view)
                raise KeyboardInterrupt

        interrupted: list[View] = []
        with connected(scheduler) as cluster:
            record = run(cluster, folder, ENDLESS, show=interrupt)
        assert not record.complete
        assert record.counts == {}
        assert "machine 0: the run was interrupted" in record.doubts

    def test_an_implementation_that_cannot_be_started_is_to_blame(
        self, scheduler: str, folder: Path, tmp_path: Path
    ) -> None:
        manifest = tmp_path / "implementation.toml"
        manifest.write_text(
            '[implementation]\nname = "gone"\nlanguage = "none"\nprofile = "pulse"\nroles = ["writer"]\n'
            'mode = "serve"\ncommand = ["no-such-command-anywhere"]\n',
            encoding="utf-8",
        )
        with connected(scheduler) as cluster, pytest.raises(ImplementationError, match=r"^machine "):
            run(cluster, folder, impl=str(manifest))

    def test_a_manifest_that_a_machine_does_not_have(self, scheduler: str, folder: Path) -> None:
        with connected(scheduler) as cluster, pytest.raises(ClusterUsageError, match=r"machine .*no such manifest"):
            run(cluster, folder, impl=str(folder / "gone.toml"))

    def test_a_folder_that_a_machine_does_not_have(self, scheduler: str, folder: Path) -> None:
        with (
            connected(scheduler, [("1", f"{folder}/gone")]) as cluster,
            pytest.raises(ClusterUsageError, match=r"machine 1: there is no folder .*--dask-dir"),
        ):
            run(cluster, folder)

    def test_a_folder_that_is_another_one_on_a_machine(
        self, scheduler: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clusters, "PATIENCE_SECONDS", 0.0)
        other = tmp_path / "other"
        other.mkdir()
        with (
            connected(scheduler, [("1", str(other))]) as cluster,
            pytest.raises(ClusterUsageError, match=r"machine 1 did not see .*the same one on all machines"),
        ):
            run(cluster, folder)
        assert not list(folder.iterdir())

    def test_a_relative_folder(self, scheduler: str) -> None:
        with connected(scheduler) as cluster, pytest.raises(ClusterUsageError, match="not an absolute path"):
            cluster.file_system("here")

    def test_another_version_of_the_kit(self, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clusters, "kit_version", lambda: "0.0.0")
        with pytest.raises(ClusterUsageError, match=r"version .* of the kit, this one 0\.0\.0"), connected(scheduler):
            pass

    def test_a_worker_that_does_not_exist(self, scheduler: str) -> None:
        with pytest.raises(ClusterUsageError, match="--dask-dir x=…: there is no such worker; there are 0 "), \
                connected(scheduler, [("x", "/mnt")]):  # fmt: skip
            pass

    def test_no_scheduler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clusters, "_CONNECT_SECONDS", 0.2)
        with pytest.raises(ClusterUsageError, match="no Dask scheduler answers there"), connected("tcp://127.0.0.1:9"):
            pass


class TestUsage:
    def test_without_dask_the_command_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        assert main(["--dask", "tcp://127.0.0.1:9", "--dir", str(tmp_path)]) == 2
        assert 'pip install "pulse-kit[cluster]"' in capsys.readouterr().err

    @pytest.mark.parametrize(
        "words",
        [
            ["--dask", "tcp://127.0.0.1:9"],
            ["--dask", "tcp://127.0.0.1:9", "--dir", "/tmp", "--reader", "reference"],
            ["--dask-dir", "a=/mnt"],
            ["--dask", "tcp://127.0.0.1:9", "--dir", "/tmp", "--dask-dir", "a"],
        ],
    )
    def test_what_does_not_go_together(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(words) == 2
        assert "--d" in capsys.readouterr().err

    def test_a_worker_and_its_folder(self) -> None:
        assert parse_place("tcp://10.0.0.1:4000=/mnt/shared") == ("tcp://10.0.0.1:4000", "/mnt/shared")
        with pytest.raises(ValueError, match="is not WORKER=PATH"):
            parse_place("/mnt")


MISSING = sshfs.what_is_missing()


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_a_machine_behind_sshfs_is_named_and_what_sshfs_does_is_found(scheduler: str, folder: Path) -> None:
    """sshfs does not replace a file that is open on the same mount in one step.

    libfuse first renames the file to ``.fuse_hidden…``, so that it lives on for who has it open, and only then the temp
    onto the target: in between there is none, for all machines. With ``direct_io`` nothing else is wrong: without, the
    kernel's page cache shows documents that are cut off or padded to the size of the one before.
    """
    with (
        sshfs.mounted(folder, folder.with_name("mount"), "direct_io") as mount,
        connected(scheduler, [("1", str(mount))]) as cluster,
    ):
        record = run(cluster, folder, FEW)
    assert record.file_system.endswith(" and fuse.sshfs on 2 machines")
    assert record.counts["missing"]
    # What a reader saw that was killed before it could say so, as a slow machine may have it, is counted as torn.
    untold = {finding.kind for finding in record.findings if "before they reported" in finding.text}
    assert set(record.counts) <= {"missing", "leak"} | untold
    assert record.machines is not None
    assert record.machines.settled is not None


def loads() -> list[psutil.Process]:
    """The processes of the load that these tests' workers have started."""
    found = []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended, or is a zombie of another test
            if "stress.cluster.machine" in process.cmdline():
                found.append(process)
    return found
