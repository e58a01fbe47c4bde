"""What becomes of a run whose rounds have more states than fit, or one of which cannot be finished."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

if sys.platform != "linux":
    pytest.skip("a recorded disk needs Linux", allow_module_level=True)

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("means")]

# The disk of the second round cannot be used, or the kit's own processes hang before its first state or in the midst of
# the first round.
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
    "before a state of the second round": """
from conformance.contract.errors import Inconclusive
from stress.powercut.blocks.lookers import Lookers
real, asked = Lookers.look, []
def look(self, recording, states):
    asked.append(recording)
    if len(asked) > 3:  # after the two controls and the first round
        raise Inconclusive("a process of the kit that mounts states has not answered")
    yield from real(self, recording, states)
Lookers.look = look
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

# What writers do after a document, in rounds with two of them or also in the round of one that follows.
TOGETHER = """
import contextlib, fcntl, os, subprocess
import stress.powercut.blocks.experiment as experiment
from conformance.contract.errors import ImplementationError, NoAnswer

def refuse(folder):
    raise ImplementationError("io: it is refused")

def hang(folder):
    raise NoAnswer("no answer within 60 s")

def remount_read_only(folder):
    subprocess.run(["mount", "-o", "remount,ro", folder.parent], check=True)

def freeze(folder):
    folder = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(folder, 0xC0045877, 0)
    os.close(folder)

def broken(writers):
    @contextlib.contextmanager
    def running():
        with writers() as write:
            def write_and_break(target, status):
                write(target, status)
                {fault}(target.parent)
            yield write_and_break
    return running

real = experiment.record
def record(file_system, played, writers, folder):
    breaks = played.number == 2 and played.writers in {writers}
    return real(file_system, played, broken(writers) if breaks else writers, folder)
experiment.record = record
"""


@pytest.mark.parametrize("fault", ["refuse", "hang"])
def test_a_round_in_which_only_two_writers_fail_is_one_of_a_single_writer(
    stress_command: Callable[..., subprocess.Popen[str]], fault: str
) -> None:
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "400", "--seed", "1")
    changed = TOGETHER.replace("{fault}", fault).replace("{writers}", "{2}")
    with stress_command("powercut", *plan, changed=changed) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (0, "")
    assert "only one writer at a time: two at once failed, one did not (see CON-01): " in stdout
    assert " states of 32 documents (" in stdout


@pytest.mark.parametrize(
    ("fault", "writers", "said"),
    [
        ("refuse", "{1, 2}", "io: it is refused"),
        ("hang", "{1, 2}", "no answer within 60 s"),
        ("remount_read_only", "{2}", "no longer writable for other programs, after its writes: Read-only file system"),
        ("freeze", "{2}", "left the file system frozen (FIFREEZE)"),
    ],
)
def test_what_fails_alone_too_or_leaves_the_file_system_unusable_does_not_pass(
    stress_command: Callable[..., subprocess.Popen[str]], fault: str, writers: str, said: str
) -> None:
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "400", "--seed", "1")
    changed = TOGETHER.replace("{fault}", fault).replace("{writers}", writers)
    with stress_command("powercut", *plan, changed=changed) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (1, "")
    assert said in stdout


def test_a_writer_that_hangs_on_a_recovered_disk_is_waited_for_once(
    stress_command: Callable[..., subprocess.Popen[str]],
) -> None:
    hangs = """
import stress.powercut.blocks.experiment as experiment
from conformance.contract.errors import NoAnswer
def hang(*_):
    raise NoAnswer("no answer within 60 s")
experiment.require_document = hang
"""
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "400", "--seed", "1")
    with stress_command("powercut", *plan, changed=hangs) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (1, "")
    assert "1 write of a new process, one to each kind of folder that a recovery left: 1 failed, and no more" in stdout


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
    if code == 1:
        assert " states of 8 documents (" in stdout  # those of the first round: no other was looked at


def test_a_run_with_room_for_it_looks_at_every_prefix(stress_command: Callable[..., subprocess.Popen[str]]) -> None:
    """However often another program syncs beside the writer: here, so often that a share does not do, and as often on
    a slow machine.
    """
    often = """
import contextlib, itertools
import stress.powercut.blocks.experiment as experiment
import stress.powercut.blocks.recording as recording
import stress.powercut.blocks.shares as shares
shares._STATES = 20, 120
real, real_rounds = recording._write_all, experiment.rounds
def write_all(*arguments):
    for _ in range(60 if arguments[1].beside_syncs else 0):
        arguments[0].sync_neighbour()
    return real(*arguments)
recording._write_all = write_all
recording._neighbour = lambda bench: contextlib.nullcontext()
experiment.rounds = lambda seed: itertools.islice(real_rounds(seed), shares.KINDS)  # else the last one has what is left
"""
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "20000", "--seed", "1")
    with stress_command("powercut", *plan, changed=often) as command:
        stdout, _ = command.communicate()
    assert (command.returncode, " (all " in stdout) == (0, True)
