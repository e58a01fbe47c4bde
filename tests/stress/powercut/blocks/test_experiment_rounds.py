"""What becomes of a run whose rounds have more states than fit, or one of which cannot be finished."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

if sys.platform != "linux":
    pytest.skip("a recorded disk needs Linux", allow_module_level=True)

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("means")]

# The disk of the second round cannot be used, or the kit's own processes hang in the midst of the first one.
UNFINISHED = {
    "before the second round": """
import stress.powercut.blocks.experiment as experiment
from conformance.contract.errors import Inconclusive
real = experiment.record
def record(file_system, played, *arguments):
    if played.number == 1:
        raise Inconclusive("a disk of the kit's own has not answered")
    return real(file_system, played, *arguments)
experiment.record = record
""",
    "within the first round": """
from conformance.contract.errors import Inconclusive
from stress.powercut.blocks.lookers import Lookers
real, asked = Lookers.look, []
def look(self, recording, states):
    asked.append(recording)
    yield from real(self, recording, list(states)[:60])
    if len(asked) > 2:  # after the two controls
        raise Inconclusive("a process of the kit that mounts states has not answered")
Lookers.look = look
""",
}


@pytest.mark.parametrize("when", UNFINISHED)
@pytest.mark.parametrize(("impl", "code"), [("mutant:no-fsync", 1), ("reference", 4)])
def test_a_failure_that_was_seen_is_one_also_where_the_run_cannot_be_finished(
    stress_command: Callable[..., subprocess.Popen[str]], when: str, impl: str, code: int
) -> None:
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "400", "--seed", "1")
    with stress_command("powercut", "--impl", impl, *plan, changed=UNFINISHED[when]) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (code, "")
    assert " has not answered" in stdout
    assert ("0-" in stdout.partition(" --only ")[2], "; not finished: a " in stdout) == (code == 1, code == 1)


def test_a_run_with_room_for_it_looks_at_every_prefix(stress_command: Callable[..., subprocess.Popen[str]]) -> None:
    """However often the other program syncs beside the writer: here, at least so often that a share does not do."""
    often = """
import stress.powercut.blocks.recording as recording
real = recording._write_all
def write_all(*arguments):
    for _ in range(20 if arguments[1].beside_syncs else 0):
        arguments[0].sync_neighbour()
    return real(*arguments)
recording._write_all = write_all
import stress.powercut.blocks.shares as shares
shares._STATES = 20, 120
"""
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "2500", "--seed", "1")
    with stress_command("powercut", *plan, changed=often) as command:
        stdout, _ = command.communicate()
    assert (command.returncode, " (all " in stdout) == (0, True)
