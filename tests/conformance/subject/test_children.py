"""Children never outlive the run, and no unrelated process is ever killed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from conformance.subject import children as processes
from conformance.subject.children import Child, kill_children, process_tree, running, spawn
from conformance.subject.standard_error import FIRST_BYTES, STDERR_LIMIT

WAIT = "import threading; threading.Event().wait()"
# Prints the id of another process in its group, then waits or ends.
WITH_A_GRANDCHILD = f"""
import subprocess, sys
nothing = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
print(subprocess.Popen([sys.executable, "-c", {WAIT!r}], **nothing).pid, flush=True)
"""

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to outlive a leader")


@pytest.fixture
def run_python(children: Path, tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    """Spawns Python code; leaves no pipe open."""
    started: list[Child] = []

    def run(code: str) -> Child:
        child = spawn([sys.executable, "-c", code], folder=tmp_path, children=children, environment=os.environ)
        started.append(child)
        return child

    yield run
    for child in started:
        child.kill()
        child.process.kill()
        child.process.wait()
        child.stdin.close()
        child.stdout.close()


def test_a_running_child_is_remembered_and_a_killed_one_is_not(
    run_python: Callable[[str], Child], children: Path
) -> None:
    child = run_python(WAIT)
    assert child.alive()
    assert running(children) == [child.process.pid]
    child.kill()
    assert not child.alive()
    assert running(children) == []


def test_kill_ends_the_grandchildren_too(
    run_python: Callable[[str], Child],
    eventually: Callable[[Callable[[], object], str], None],
    gone: Callable[[int], bool],
) -> None:
    child = run_python(WITH_A_GRANDCHILD + WAIT)
    grandchild = int(child.stdout.readline())
    assert not gone(grandchild)
    child.kill()
    eventually(lambda: gone(grandchild), "the grandchild ends")


@posix_only
def test_kill_ends_the_grandchildren_of_a_child_that_has_ended(
    run_python: Callable[[str], Child],
    eventually: Callable[[Callable[[], object], str], None],
    gone: Callable[[int], bool],
) -> None:
    child = run_python(WITH_A_GRANDCHILD)
    grandchild = int(child.stdout.readline())
    child.process.wait()
    child.kill()
    eventually(lambda: gone(grandchild), "the grandchild ends")


def test_the_second_kill_does_nothing(run_python: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch) -> None:
    child = run_python(WAIT)
    child.kill()
    monkeypatch.setattr(processes, "_kill_group", lambda child: pytest.fail(f"killed {child} again"))
    child.kill()


def test_the_beginning_and_the_end_of_standard_error_are_kept(run_python: Callable[[str], Child]) -> None:
    child = run_python("import sys; sys.stderr.buffer.write(b'the beginning ' + b'x' * 10_000 + b'the end \\xff')")
    child.process.wait()
    assert len(child.stderr()) < FIRST_BYTES + STDERR_LIMIT + 100
    assert child.stderr().startswith("the beginning xxx")
    assert child.stderr().endswith("xxx" + "the end \\xff")


def test_a_command_that_does_not_exist_is_not_remembered(children: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spawn(["no-such-command-here"], folder=tmp_path, children=children, environment={})
    assert running(children) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ignored signals are listed in /proc")
@pytest.mark.parametrize("ignore", [False, True])
def test_sigxfsz_is_ignored_by_a_child_only_on_demand(children: Path, tmp_path: Path, ignore: bool) -> None:
    child = spawn(
        ["grep", "SigIgn", "/proc/self/status"],
        folder=tmp_path,
        children=children,
        environment=os.environ,
        ignore_signals=ignore,
    )
    printed = child.communicate(b"", 60)
    assert bool(int(printed.split()[1], 16) >> 24 & 1) is ignore  # signal(7): SIGXFSZ is 25


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="dispositions are listed in /proc")
@pytest.mark.parametrize("ignore", [False, True])
def test_a_child_has_the_default_dispositions_whatever_its_parent_ignores(
    children: Path, tmp_path: Path, ignore: bool
) -> None:
    code = f"""
import os, pathlib, signal
from conformance.subject.children import spawn
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM, signal.SIGUSR1}})
words = ["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"]
folder = pathlib.Path({str(tmp_path)!r})
child = spawn(words, folder=folder, children=pathlib.Path({str(children)!r}), environment=os.environ,
              ignore_signals={ignore})
print(child.communicate(b"", 60).decode())
"""
    # As below nohup, and as a shell starts a job in the background of a script.
    words = ["sh", "-c", "trap '' HUP INT QUIT USR1 PIPE; exec \"$@\"", "sh", sys.executable, "-c", code]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    masks = {name.rstrip(":"): int(value, 16) for name, value in map(str.split, printed.strip().splitlines())}
    assert masks == {"SigBlk": 0, "SigIgn": 1 << 24 if ignore else 0}  # signal(7): SIGXFSZ is 25


@posix_only
def test_a_missing_command_is_noticed_where_signals_are_restored_first(children: Path, tmp_path: Path) -> None:
    for command in ("no-such-command-here", "./no-such-command-here"):
        with pytest.raises(FileNotFoundError):
            spawn([command], folder=tmp_path, children=children, environment=os.environ, ignore_signals=True)
    assert running(children) == []


@posix_only
def test_only_the_descriptors_that_are_given_are_inherited(children: Path, tmp_path: Path) -> None:
    code = "import os, sys\nfor number in sys.argv[1:]:\n    print(os.path.exists(f'/dev/fd/{number}'))"
    ends = os.pipe()
    try:
        words = [sys.executable, "-c", code, *map(str, ends)]
        child = spawn(words, folder=tmp_path, children=children, environment=os.environ, descriptors=ends[:1])
        assert child.communicate(b"", 60).split() == [b"True", b"False"]
    finally:
        for end in ends:
            os.close(end)


def test_what_runs_is_killed(run_python: Callable[[str], Child], children: Path) -> None:
    started = [run_python(WAIT), run_python(WAIT)]
    assert kill_children(children) == 2
    for child in started:
        assert child.process.wait() != 0
    assert running(children) == []


def test_no_file_says_whom_to_kill(run_python: Callable[[str], Child], children: Path) -> None:
    """A file named 0 would be the kit's own group."""
    stranger = run_python(WAIT)
    others = children.with_name("of-another-run")
    others.mkdir()
    for name in ("0", "1", str(stranger.process.pid), str(os.getpid())):
        (others / name).write_text(repr(psutil.Process(stranger.process.pid).create_time()), encoding="ascii")
    assert kill_children(others) == 0
    assert stranger.alive()


def test_a_process_that_got_the_id_later_is_not_killed(run_python: Callable[[str], Child], children: Path) -> None:
    child, stranger = run_python(""), run_python(WAIT)
    child.process.wait()
    child.process.pid = stranger.process.pid  # type: ignore[misc]  # as if the system had given it to another process
    processes._running[children][stranger.process.pid] = child
    assert not processes._kill_group(child)
    assert stranger.alive()
    processes._running[children][stranger.process.pid] = stranger


@posix_only
def test_the_group_of_a_child_that_has_ended_is_killed(
    run_python: Callable[[str], Child],
    children: Path,
    eventually: Callable[[Callable[[], object], str], None],
    gone: Callable[[int], bool],
) -> None:
    child = run_python(WITH_A_GRANDCHILD)
    grandchild = int(child.stdout.readline())
    child.process.wait()
    assert kill_children(children) == 1
    eventually(lambda: gone(grandchild), "the grandchild ends")


def test_a_child_that_has_ended_without_a_trace_is_no_error(run_python: Callable[[str], Child], children: Path) -> None:
    run_python("").process.wait()
    assert kill_children(children) == 0


def test_nothing_was_started(tmp_path: Path) -> None:
    assert kill_children(tmp_path / "nothing") == 0


@posix_only
def test_standard_error_goes_to_a_file_without_a_name(run_python: Callable[[str], Child], children: Path) -> None:
    """What has a name could be replaced by the implementation, or made to lead elsewhere."""
    child = run_python("import sys; print('told', file=sys.stderr)")
    assert list(children.iterdir()) == []
    child.process.wait()
    child.kill()
    assert child.stderr() == "told\n"


def test_a_folder_of_children_that_is_gone_is_no_error(
    run_python: Callable[[str], Child], children: Path, tmp_path: Path
) -> None:
    children.rmdir()
    child = run_python("import sys; print('told', file=sys.stderr)")
    child.process.wait()
    assert child.stderr().rstrip() == "told"


def test_children_have_no_terminal_to_be_interrupted_from(run_python: Callable[[str], Child]) -> None:
    """Ctrl-C reaches only the kit, which then ends its children in order."""
    if sys.platform == "win32":
        pytest.skip("process groups of Windows cannot be queried")
    child = run_python("import os; print(os.getpgid(0) == os.getsid(0) == os.getpid(), flush=True)")
    assert child.stdout.readline() == b"True\n"


def test_the_tree_of_a_process_has_its_descendants(run_python: Callable[[str], Child], children: Path) -> None:
    child = run_python(f"{WITH_A_GRANDCHILD}\n{WAIT}")
    grandchild = int(child.stdout.readline())
    assert [process.pid for process in process_tree(child.process.pid)] == [child.process.pid, grandchild]


def test_a_process_that_has_ended_has_no_tree(run_python: Callable[[str], Child]) -> None:
    child = run_python("")
    child.process.wait()
    with pytest.raises(psutil.NoSuchProcess):
        process_tree(child.process.pid)


NEVER_WAITS = """
import ctypes, sys, threading
seized = ctypes.CDLL(None, use_errno=True).ptrace(0x4206, int(sys.argv[1]), 0, 0) == 0  # PTRACE_SEIZE
print("seized" if seized else "refused", flush=True)
threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs ptrace")
def test_a_child_whose_tracer_never_waits_for_it_is_not_waited_for_either(
    run_python: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the tracer has waited for a process that was killed, its parent cannot (ptrace(2))."""
    child = run_python(WAIT)
    with subprocess.Popen(
        [sys.executable, "-c", NEVER_WAITS, str(child.process.pid)], stdout=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stdout is not None
        if tracer.stdout.readline() == "refused\n":
            tracer.kill()
            pytest.skip("tracing is not allowed here")
        monkeypatch.setattr(processes, "_SECONDS_TO_END", 0.1)
        child.kill()
        assert child.process.returncode is None
        tracer.kill()
    child.process.wait(60)
