"""Every block is really cut: what is right passes, what is wrong is caught, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

if sys.platform != "linux":
    pytest.skip("a recorded disk needs Linux", allow_module_level=True)

pytestmark = pytest.mark.timeout(900)

# A few states of the kit's own two writers, in a process of its own, whose mounts no other process sees.
CONTROLS = """
import os, sys
os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # of the children: they are killed, and serve thousands of requests
from pathlib import Path
from conformance.contract.errors import Unmeasured
from stress.powercut.blocks.file_systems import file_systems
from stress.powercut.blocks.lookers import looking
from stress.powercut.blocks.recording import record
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import plan_states
from stress.powercut.blocks.supervisor import supervised
from stress.powercut.blocks.verdict import judge
from stress.powercut.blocks.writers import durable, unsynced

ext4, played, folder = file_systems([])["ext4"], Round(0, 3000, exists=True, writes=2), Path(os.environ["TMPDIR"])

def kinds(writers, lookers):
    with record(ext4, played, writers, folder) as recording:
        states = plan_states(recording.events, 1, 40).states
        told, documents = recording.history, played.documents()
        return {
            judge(seen, state.cut, told, documents, "replace").kind
            for state, seen in lookers.look(recording, states)
            if state.kind != "flushes ignored"
        }

try:
    with supervised(), looking(folder, 1) as lookers:
        print(*sorted(kinds(durable, lookers)), flush=True)
        print("torn" in kinds(unsynced, lookers), flush=True)
        while len(sys.argv) > 1:
            kinds(durable, lookers)
except Unmeasured as reason:
    print("unmeasured:", reason, flush=True)
"""


# Writers that do something more after one of their writes, and how the recording ends; limits are short.
FAULTS = """
import contextlib, fcntl, os, subprocess, sys
from pathlib import Path
import psutil
import stress.disk
from conformance.contract.errors import ImplementationError, Inconclusive
from stress.disk import enter_private_namespace
from stress.powercut.blocks import fuse, watch
from stress.powercut.blocks.file_systems import file_systems
from stress.powercut.blocks.recording import record
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.writers import unsynced

stress.disk._BUSY_SECONDS = fuse._END_SECONDS = watch._THAW_SECONDS = 0.1

def leave_a_process(folder):
    subprocess.Popen(["sleep", "600"], cwd=folder, stdout=subprocess.DEVNULL)

def remount_read_only(folder):
    subprocess.run(["mount", "-o", "remount,ro", folder.parent], check=True)

def freeze(folder):
    folder = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(folder, 0xC0045877, 0)
    os.close(folder)

def remove_the_first(folder):
    (folder / "status.json").unlink()

def end_the_recorder(folder):
    [server] = [child for child in psutil.Process().children() if "stress.powercut.blocks.recorder" in child.cmdline()]
    server.kill()

def writers(fault, after):
    @contextlib.contextmanager
    def running():
        count, folder = 0, Path()
        def write_or_fail(target, status):
            nonlocal count, folder
            write(target, status)
            count, folder = count + 1, target.parent
            if count == after:
                fault(folder)
        with unsynced() as write:
            yield write_or_fail
    return running

enter_private_namespace()
ext4, played = file_systems([])["ext4"], Round(0, 300, exists=True, writes=3)
for fault, after in ((leave_a_process, 2), (remount_read_only, 3), (remount_read_only, 2), (freeze, 2), (freeze, 4),
                     (remove_the_first, 1), (end_the_recorder, 2)):
    try:
        with record(ext4, played, writers(fault, after), Path(os.environ["TMPDIR"])):
            print(fault.__name__, "nothing")
    except (ImplementationError, Inconclusive) as error:
        print(f"{fault.__name__}: {type(error).__name__}: {error}", flush=True)
    for child in psutil.Process().children():
        child.kill()
        child.wait()
"""
# It does not know a call, or what a call was about.
NO_MODEL = {
    "start_traced": """
import stress.powercut.recording as module
from conformance.syscalls.tracer.calls import TraceError
def refuse(run):
    raise TraceError("io_uring_enter: its effects are not known")
module.start_traced = refuse
""",
    "expected_of_write": """
import stress.powercut.blocks.experiment as module
from conformance.syscalls.tracer.calls import TraceError
def refuse(write):
    raise TraceError("io_uring_enter: its effects are not known")
module.expected_of_write = refuse
""",
}


@pytest.fixture
def controls(means: None, temporary: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts `CONTROLS`; with an argument, it never ends by itself."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", CONTROLS, *arguments],
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_a_writer_without_syncs_is_caught_and_one_with_them_is_not(
    controls: Callable[..., subprocess.Popen[str]], left_behind: Callable[[], list[str]]
) -> None:
    with controls() as command:
        stdout, stderr = command.communicate()
    if "unmeasured" in stdout:
        pytest.skip(stdout)
    assert (command.returncode, stderr) == (0, "")
    assert stdout.splitlines() == ["kept", "True"]
    assert left_behind() == []


def test_what_an_implementation_does_to_the_disk_is_not_the_kits_fault_nor_the_reverse(
    means: None, temporary: Path, left_behind: Callable[[], list[str]]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env={**os.environ, "TMPDIR": str(temporary)}, capture_output=True, text=True
    )
    if "not allowed here" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.splitlines() == [
        "leave_a_process: LeftUnusable: the file system cannot be unmounted after the writes: "
        "umount2: Device or resource busy; does anything still use it?",
        *[
            "remount_read_only: LeftUnusable: the file system is no longer writable for other programs, after its "
            "writes: Read-only file system"
        ]
        * 2,
        "freeze: LeftUnusable: left the file system frozen (FIFREEZE): nothing can write to it any more",
        "freeze: LeftUnusable: left the file system frozen (FIFREEZE): nothing can write to it any more",
        "remove_the_first: ImplementationError: it acknowledged the first write, but no file is there",
        "end_the_recorder: Inconclusive: the server of a disk of the kit's own ended by signal 9",
    ]
    assert done.stderr == ""
    assert left_behind() == []


@pytest.mark.parametrize("stopped", [False, True])
def test_a_killed_run_leaves_no_process_mount_or_loop_device(
    controls: Callable[..., subprocess.Popen[str]], temporary: Path, gone: Callable[[int], bool], *, stopped: bool
) -> None:
    """Also where its servers are stopped: what waits for a disk of one of them hears of no signal."""
    with controls("on and on") as command:
        assert command.stdout
        if "unmeasured" in (line := command.stdout.readline()):
            pytest.skip(line)
        started = psutil.Process(command.pid).children(recursive=True)
        assert any("looking" in word for process in started for word in process.cmdline())
        servers = [process for process in started if "server" in " ".join(process.cmdline())]
        assert servers
        for server in servers if stopped else ():
            server.suspend()
        os.kill(command.pid, signal.SIGKILL)

    def left() -> list[object]:
        # One that hangs as it ends, in the unmount of a disk that it serves itself, has no environment any more.
        hung = [process for process in started if not gone(process.pid)]
        return [*hung, *processes_in(temporary), *loop_devices_in(temporary)]

    deadline = time.monotonic() + 300
    while left() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left() == []


def test_a_failing_state_is_kept_with_the_command_that_shows_it(
    controls: object,
    stress_command: Callable[..., subprocess.Popen[str]],
    left_behind: Callable[[], list[str]],
    tmp_path: Path,
) -> None:
    kept = tmp_path / "kept"
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "60", "--seed", "1", "--keep", kept)
    with stress_command("powercut", "--impl", "mutant:no-fsync", *plan) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (1, "")
    [folder] = kept.glob("ext4-*")  # the first torn state; nothing else was found
    assert f"; kept: {folder}" in stdout
    assert 0 < int(stdout.split(" states of")[0].rpartition(" ")[2]) <= 60
    story = (folder / "story.txt").read_text(encoding="utf-8")
    assert "the target is empty" in story
    assert "  the power is cut\n" in story  # what is before it depends on the moment
    assert "the journal" in story
    assert "On a disk that got all block writes up to the cut: the target is empty." in story
    assert "neighbour is a file of another program, synced after every second document" in story

    [line] = [line.strip() for line in story.splitlines() if "mount -o loop" in line]
    shown = line.replace("ls -l", "stat --format '%s bytes'") + "/status.json"
    twice = f"{shown} && umount mounted && {shown}"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", twice], cwd=folder, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0 bytes\n0 bytes\n", "")
    assert left_behind() == []

    [repeat] = {line.rpartition(" --only ")[2] for line in stdout.splitlines() if " --only " in line}
    again = ("--way", "blocks", "--file-system", "ext4", "--seed", "1", "--only", repeat)
    with stress_command("powercut", "--impl", "mutant:no-fsync", *again, "--keep", kept) as command:
        stdout, stderr = command.communicate()
    assert stderr == ""
    # The state may be in none of a few recordings, and then that is said: never is another one shown instead.
    if command.returncode == 4:
        assert f"state {repeat}" in stdout
    else:
        assert (command.returncode, f"state {repeat} fails again" in stdout) == (1, True)
        assert (kept / f"ext4-{repeat}" / "story.txt").exists()


def test_an_interrupted_run_says_what_it_has_kept(
    controls: object, stress_command: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "100000", "--seed", "1", "--keep", kept)
    interrupted = """
import stress.powercut.blocks.experiment as experiment
real = experiment.keep
def keep(*arguments):
    experiment._next_write = interrupt
    return real(*arguments)
def interrupt(*arguments):
    raise KeyboardInterrupt
experiment.keep = keep
"""
    with stress_command("powercut", "--impl", "mutant:no-fsync", *plan, changed=interrupted) as command:
        _, stderr = command.communicate()
    assert command.returncode == 130
    assert f"kept: {kept / 'ext4-'}" in stderr


def test_what_cannot_be_kept_is_said_and_changes_no_verdict(
    controls: object, stress_command: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    full = """
import stress.powercut.blocks.experiment as experiment
def keep(*arguments):
    raise OSError(28, "No space left on device")
experiment.keep = keep
"""
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "60", "--seed", "1", "--keep", tmp_path / "kept")
    with stress_command("powercut", "--impl", "mutant:no-fsync", *plan, changed=full) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (1, "")
    assert f" in {tmp_path / 'kept'}: [Errno 28] No space left on device" in stdout


def test_a_number_that_no_state_of_the_recording_has(
    controls: object, stress_command: Callable[..., subprocess.Popen[str]]
) -> None:
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "60", "--seed", "1", "--only", "99999")
    with stress_command("powercut", *plan) as command:
        stdout, _ = command.communicate()
    assert (command.returncode, "there is no state 99999: the last one of this recording is 59" in stdout) == (4, True)


def test_where_fuse_is_not_permitted_that_is_the_reason(
    controls: object, stress_command: Callable[..., subprocess.Popen[str]]
) -> None:
    """As in a container that has the device and may not open it."""
    refused = """
import os
real = os.open
def refuse(path, *arguments, **more):
    if str(path) == "/dev/fuse":
        raise PermissionError(1, "Operation not permitted")
    return real(path, *arguments, **more)
os.open = refuse
"""
    plan = ("--way", "blocks", "--file-system", "ext4")
    with stress_command("powercut", *plan, changed=refused) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (4, "")
    assert "/dev/fuse cannot be opened: Operation not permitted; give the container the device" in stdout


@pytest.mark.parametrize("where", NO_MODEL)
def test_a_writer_whose_calls_the_model_does_not_know_is_cut_all_the_same(
    controls: object, stress_command: Callable[..., subprocess.Popen[str]], where: str
) -> None:
    plan = ("--way", "blocks", "--file-system", "ext4", "--states", "60", "--seed", "1")
    with stress_command("powercut", "--impl", "mutant:no-fsync", *plan, changed=NO_MODEL[where]) as command:
        stdout, stderr = command.communicate()
    assert (command.returncode, stderr) == (1, "")
    assert "not compared with the model: io_uring_enter: its effects are not known" in stdout


def test_every_run_has_a_round_of_each_kind(
    controls: object, stress_command: Callable[..., subprocess.Popen[str]]
) -> None:
    """Of one size and over an older document only, a writer that never syncs long ones, or first ones, would pass."""
    with stress_command("powercut", "--way", "blocks", "--file-system", "ext4", "--seed", "1") as command:
        stdout, _ = command.communicate()
    assert command.returncode == 0
    assert " states of 40 documents (" in stdout  # four rounds of 8, in one of them two writers


def test_one_that_is_wrong_only_beside_a_second_writer_is_judged_alone(
    controls: object, stress_command: Callable[..., subprocess.Popen[str]]
) -> None:
    """One name for all temps is for CON-01; a power cut loses nothing of it, and no round is left out."""
    for seed in range(5):  # whether the two meet is a matter of timing
        plan = ("--way", "blocks", "--file-system", "ext4", "--states", "1300", "--seed", seed)
        with stress_command("powercut", "--impl", "mutant:one-temp-for-all-processes", *plan) as command:
            stdout, _ = command.communicate()
        assert (command.returncode, "0 torn" in stdout) == (0, True)
        if "only one writer at a time: two at once failed, one did not (see CON-01): " in stdout:
            return
    pytest.fail("the two writers never met")


def processes_in(folder: Path) -> list[str]:
    """The processes whose folder for temporary files is this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text(encoding="utf-8"))
        except OSError:  # it has ended
            continue
    return found


def loop_devices_in(folder: Path) -> list[str]:
    """The loop devices on files below this folder."""
    texts = []
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            texts.append(path.read_text(encoding="utf-8"))
        except OSError:  # it is being detached
            continue
    return [text for text in texts if str(folder) in text]
