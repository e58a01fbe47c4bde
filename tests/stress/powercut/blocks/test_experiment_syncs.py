"""What only another program that syncs can show is caught, and right writers lose nothing beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

if sys.platform != "linux":
    pytest.skip("a recorded disk needs Linux", allow_module_level=True)

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("means")]


def test_what_only_another_program_that_syncs_can_show_is_caught(
    stress_command: Callable[..., subprocess.Popen[str]],
) -> None:
    """The name of a new file is on the disk before its bytes when another program commits the log in between; a second
    writer is one.
    """
    for seed in range(5):  # whether they meet is a matter of timing
        plan = ("--way", "blocks", "--file-system", "ext4", "--states", "900", "--seed", seed)
        with stress_command("powercut", "--impl", "mutant:fsync-after-rename", *plan) as command:
            stdout, _ = command.communicate()
        if command.returncode == 1:
            break
    assert "while another program syncs" in stdout or "by each of 2 writers at once" in stdout


def test_a_target_that_is_empty_for_a_moment_is_caught_where_a_sync_of_another_file_does_not_show_it(
    stress_command: Callable[..., subprocess.Popen[str]],
) -> None:
    """On btrfs the fsync(2) of another file commits nothing of it; sync(1) does, and so does the file system itself."""
    plan = ("--way", "blocks", "--file-system", "btrfs", "--states", "400", "--seed", "1")
    with stress_command("powercut", "--impl", "mutant:truncate-in-place", *plan) as command:
        stdout, _ = command.communicate()
    if "unmeasured" in stdout and "needs " in stdout:
        pytest.skip(stdout)
    assert command.returncode == 1
    assert "while another program syncs after each of the writer's calls" in stdout


def test_a_writer_that_cannot_be_held_writes_while_another_program_syncs_all_the_time(
    stress_command: Callable[..., subprocess.Popen[str]],
) -> None:
    refused = """
import stress.powercut.blocks.writers as writers
from conformance.contract.errors import Unmeasured
def refuse(run):
    raise Unmeasured("tracing is not allowed here")
writers.start_traced = refuse
"""
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "400", "--seed", "1")
    with stress_command("powercut", *plan, changed=refused) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (0, "")
    assert "; not held after its calls while another program syncs: tracing is not allowed here" in stdout
    assert " states of 40 documents (" in stdout


def test_a_run_that_is_interrupted_while_the_writer_is_held_leaves_nothing(
    stress_command: Callable[..., subprocess.Popen[str]], left_behind: Callable[[], list[str]]
) -> None:
    interrupted = """
import os, signal
import stress.powercut.blocks.writers as writers
real = writers.at_changes
def at_changes(between):
    def interrupt():
        os.kill(os.getpid(), signal.SIGTERM)
        between()
    return real(interrupt)
writers.at_changes = at_changes
"""
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "400", "--seed", "1")
    with stress_command("powercut", *plan, changed=interrupted) as command:
        _, stderr = command.communicate()
    assert (command.returncode, "Traceback" in stderr) == (130, False)
    assert left_behind() == []


@pytest.mark.parametrize(("code", "raised"), [(1, "remount_read_only"), (0, "ImplementationError")])
def test_a_writer_that_fails_while_it_is_held_has_failed_only_where_it_does_so_anyway(
    stress_command: Callable[..., subprocess.Popen[str]], code: int, raised: str
) -> None:
    """As one that is too slow below the tracer; not so one that leaves a file system that nothing can use."""
    fails = f"""
import subprocess
import stress.powercut.blocks.writers as writers
from conformance.contract.errors import ImplementationError
def remount_read_only(place):
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    return ImplementationError("Read-only file system")
def at_changes(between):
    place = between.func.__self__.disk.place
    def fail(boundary):
        raise {raised}{"(place)" if raised == "remount_read_only" else "('it is too slow')"}
    return fail
writers.at_changes = at_changes
"""
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "400", "--seed", "1")
    with stress_command("powercut", *plan, changed=fails) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (code, "")
    said = "no longer writable for other programs" if code else "while another program syncs: it is too slow"
    assert said in stdout
