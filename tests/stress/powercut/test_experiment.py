"""Real file systems are really cut off: what is right passes, what is wrong is caught, and nothing is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract.errors import Unmeasured
from conformance.reporting.results import read_results
from stress.disk import CAN_BE_CUT, KINDS, require_means
from stress.powercut.cuts import CHAINS

if sys.platform != "linux":
    pytest.skip("real power cuts need Linux", allow_module_level=True)

pytestmark = pytest.mark.timeout(900)

# Right after the sync of another file, held between the creation of the temp and its first sync.
CUT_WITH_A_TEMP = 10 * CHAINS + 1
MODEL_WITHOUT_TORN_TARGETS = """
import stress.powercut.prediction
real = stress.powercut.prediction.allowed_outcomes
stress.powercut.prediction.allowed_outcomes = lambda *arguments: real(*arguments) - {"torn"}
"""
MODEL_WITH_TORN_TARGETS_ONLY = """
import stress.powercut.prediction
stress.powercut.prediction.allowed_outcomes = lambda *arguments: frozenset({"torn"})
"""
NO_TRACING = """
import stress.powercut.recording
from conformance.contract.errors import Unmeasured
from conformance.syscalls.tracer.calls import TraceError
def refuse(run):
    raise {error}("{reason}")
stress.powercut.recording.start_traced = refuse
"""
NO_ROOM = """
import shutil, types
shutil.disk_usage = lambda folder: types.SimpleNamespace(free=1 << 20)
"""
WRITES_THAT_FAIL = """
from conformance.contract.errors import ImplementationError
from stress.powercut.cutting import Bench
def fail(*arguments):
    raise ImplementationError("could not write to a file system that works: OSError: [Errno 5]")
Bench.write = fail
"""
Results = dict[str, dict[str, Any]]  # clause → its result


@pytest.fixture
def file_system(request: pytest.FixtureRequest) -> str:
    """ext4, or what `on_both` asks for."""
    name = str(getattr(request, "param", "ext4"))
    try:
        require_means(KINDS[name])
    except Unmeasured as reason:
        pytest.skip(str(reason))
    return name


on_both = pytest.mark.parametrize("file_system", CAN_BE_CUT, indirect=True)


@pytest.fixture
def cut(
    stress_command: Callable[..., subprocess.Popen[str]],
    left_behind: Callable[[], list[str]],
    tmp_path: Path,
    file_system: str,
) -> Callable[..., tuple[int, Results]]:
    """Runs the command; nothing may be left. Returns the exit code and the one result of each clause."""

    def run(impl: str, way: str, *arguments: object, changed: str = "") -> tuple[int, Results]:
        options = ("--impl", impl, "--file-system", file_system, "--way", way, "--seed", 1, "--report", tmp_path)
        with stress_command("powercut", *options, *arguments, changed=changed) as command:
            _, stderr = command.communicate(timeout=600)
        _, results, _ = read_results(tmp_path / "results.jsonl")
        found = {result["clause"]: result for result in results}
        if any("not allowed here" in result["message"] for result in results):
            pytest.skip(found["PWR-03"]["message"])
        assert stderr == ""
        assert left_behind() == []
        return command.returncode, found

    return run


def foreseen(cuts: object) -> str:
    """What is said when every outcome was one of those that the model allows."""
    return f"the model foresaw each of {cuts} outcomes"


@on_both
def test_a_durable_writer_survives(cut: Callable[..., tuple[int, Results]]) -> None:
    code, results = cut("reference", "random", "--cuts", 20)
    assert code == 0
    assert {result["outcome"] for result in results.values()} == {"pass"}
    assert results["PWR-03"]["message"].startswith("20 cuts, ")
    assert foreseen(20) in results["PWR-03"]["message"]


@on_both
def test_a_writer_that_never_syncs_is_caught_and_its_cut_can_be_repeated(
    cut: Callable[..., tuple[int, Results]],
) -> None:
    code, results = cut("mutant:no-fsync", "random", "--cuts", 10)
    assert code == 1
    assert results["PWR-03"]["outcome"] == "fail"
    assert foreseen(10) in results["PWR-03"]["message"]
    [example, *_] = results["PWR-03"]["evidence"]["examples"]
    assert example["target"].startswith("b''")
    code, results = cut("mutant:no-fsync", "random", "--only", example["number"])
    assert code == 1
    assert results["PWR-03"]["message"].startswith("1 cuts")


def test_a_sync_after_the_rename_is_caught_at_its_boundary(cut: Callable[..., tuple[int, Results]]) -> None:
    code, results = cut("mutant:fsync-after-rename", "boundaries")
    assert code == 1
    assert results["PWR-03"]["outcome"] == "fail"
    cuts = [example["cut"] for example in results["PWR-03"]["evidence"]["examples"]]
    assert [cut for cut in cuts if "held before operation" in cut and ", fsync, right after the sync of another" in cut]


def test_a_folder_that_is_not_synced_loses_writes(cut: Callable[..., tuple[int, Results]]) -> None:
    """It is a SHOULD: counted and shown, and fatal with ``--strict`` only."""
    code, results = cut("mutant:no-folder-fsync", "random", "--cuts", 20)
    assert code == 0
    assert (results["PWR-02"]["outcome"], results["PWR-03"]["outcome"]) == ("fail", "pass")
    code, _ = cut("mutant:no-folder-fsync", "random", "--cuts", 10, "--strict")
    assert code == 1


def test_a_temp_that_was_left_must_not_stop_the_next_write(cut: Callable[..., tuple[int, Results]]) -> None:
    """Held with an empty temp there; the name of its dead owner must be unused when the next process looks."""
    code, results = cut("mutant:stopped-by-an-unreadable-leftover", "boundaries", "--only", CUT_WITH_A_TEMP)
    assert code == 1
    assert results["PWR-04"]["outcome"] == "fail"


def test_the_model_foresees_the_outcome_at_every_boundary(cut: Callable[..., tuple[int, Results]]) -> None:
    _, results = cut("reference", "boundaries")
    assert results["PWR-03"]["outcome"] == "pass"
    cuts = results["PWR-03"]["message"].partition(" ")[0]
    assert foreseen(cuts) in results["PWR-03"]["message"]


@pytest.mark.parametrize("way", ["random", "boundaries"])
def test_a_model_that_is_wrong_is_an_error_of_the_kit(cut: Callable[..., tuple[int, Results]], way: str) -> None:
    """Here it says that every target is torn, however well it was synced."""
    code, results = cut("variant:plain", way, "--cuts", 10, changed=MODEL_WITH_TORN_TARGETS_ONLY)
    assert code == 4
    assert (results["PWR-03"]["outcome"], results["PWR-03"]["blame"]) == ("error", "kit")
    assert "the model allowed" in results["PWR-03"]["message"]


def test_a_torn_target_is_a_failure_whatever_the_model_says(cut: Callable[..., tuple[int, Results]]) -> None:
    """Here it says that a target is never torn, whatever was not synced."""
    code, results = cut("mutant:no-fsync", "random", "--cuts", 20, changed=MODEL_WITHOUT_TORN_TARGETS)
    assert code == 1
    assert (results["PWR-03"]["outcome"], results["PWR-03"]["blame"]) == ("fail", "")
    assert "the model calls" in results["PWR-03"]["message"]
    assert "rename" in " ".join(results["PWR-03"]["evidence"]["examples"][0]["trace"])


@pytest.mark.parametrize(
    ("error", "reason"),
    [("Unmeasured", "tracing is not allowed"), ("TraceError", "io_uring_enter: its effects are not known")],
)
def test_random_cuts_need_no_tracer(cut: Callable[..., tuple[int, Results]], error: str, reason: str) -> None:
    code, results = cut("reference", "random", "--cuts", 20, changed=NO_TRACING.format(error=error, reason=reason))
    assert code == 0
    assert results["PWR-03"]["message"].endswith(f"not compared with the model: {reason}")


@pytest.mark.parametrize("way", ["random", "blocks"])
@pytest.mark.parametrize(
    ("impl", "changed"), [("mutant:no-fsync", ""), ("reference", WRITES_THAT_FAIL)], ids=["loses", "fails"]
)
def test_in_a_full_folder_nothing_that_goes_wrong_is_a_verdict(
    stress_command: Callable[..., subprocess.Popen[str]], file_system: str, way: str, impl: str, changed: str
) -> None:
    """The disk is a file there: its file system gets EIO, or loses what it was given."""
    plan = ("--impl", impl, "--file-system", file_system, "--way", way, "--seed", 1, "--cuts", 20, "--states", 60)
    with stress_command("powercut", *plan, changed=NO_ROOM + changed) as command:
        stdout, _ = command.communicate(timeout=600)
    if "not allowed here" in stdout or "needs " in stdout:
        pytest.skip(stdout)
    assert command.returncode == 4
    assert f":{file_system}: the folder of the run is full (1,024 KiB free in " in stdout


def test_one_cut_that_passes_proves_little(cut: Callable[..., tuple[int, Results]]) -> None:
    code, results = cut("reference", "random", "--only", 3)
    assert code == 4
    assert {result["inconclusive"] for result in results.values()} == {True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@on_both
def test_an_interrupted_run_leaves_nothing(
    stress_command: Callable[..., subprocess.Popen[str]],
    left_behind: Callable[[], list[str]],
    file_system: str,
    number: signal.Signals,
) -> None:
    options = ("--file-system", file_system, "--way", "random", "--cuts", 100000)
    with stress_command("powercut", *options) as command:
        while not any("image" in name for name in left_behind()):
            assert command.poll() is None, "it ended before a disk was attached"
        command.send_signal(number)
        _, stderr = command.communicate(timeout=600)
    assert command.returncode == 130
    assert "there is no verdict" in stderr
    assert "Traceback" not in stderr
    assert left_behind() == []
