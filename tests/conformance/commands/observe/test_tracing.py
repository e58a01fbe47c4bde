"""`pulse observe --pid`: a process that runs is traced, and goes on unharmed however the watch ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from conformance.commands.observe import tracing as module
from conformance.commands.observe.command import main
from conformance.commands.observe.rewrites import Rewrite
from conformance.commands.observe.tracing import Tracing, require_traceable, tracing
from conformance.contract.errors import Unmeasured
from conformance.reporting.results import Exit

if sys.platform != "linux":
    pytest.skip("ptrace is Linux", allow_module_level=True)

# It carries out what it reads, a line at a time.
PROGRAM = """
import os, signal, subprocess, sys, threading
def save(text="new", sync=True):
    with open("f.tmp", "w") as file:
        file.write(text)
        file.flush()
        sync and os.fsync(file.fileno())
    os.replace("f.tmp", "f")
def in_place(text="new"):
    with open("f", "w") as file:
        file.write(text)
def in_a_thread():
    thread = threading.Thread(target=save)
    thread.start()
    thread.join()
def in_a_child():
    child = os.fork()
    if child == 0:
        save()
        os._exit(0)
    os.waitpid(child, 0)
got = []
signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE) \\
    if sys.argv[1] else None
if child:
    child.stdout.readline()
def by_the_child():
    child.stdin.write(b"save()\\n")
    child.stdin.flush()
    child.stdout.readline()
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""
SYNCED = Rewrite("replaced", ("create temp", "write", "sync", "close", "rename temp → f"), True)


class Program:
    """A running program that rewrites ``f`` in a folder when asked to."""

    def __init__(self, folder: Path, child: str = "") -> None:
        self.folder = folder
        self.file = folder / "f"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, child], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        self.heard()

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def tell(self, what: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def does(self, what: str) -> None:
        self.tell(what)
        assert self.heard() == "done\n"

    def status(self, field: str) -> str:
        return module._status_of(self.pid)[field].strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "watched"
    place.mkdir()
    (place / "f").write_text("old", encoding="ascii")
    return place


@pytest.fixture
def program(folder: Path) -> Iterator[Program]:
    running = Program(folder)
    yield running
    running.end()


def traced(program: Program, *told: str) -> Tracing:
    with tracing(program.pid, {program.file: program.file}, lambda: None) as found:
        for each in told:
            program.does(each)
    return found


def of_file(program: Program, found: Tracing) -> dict[Rewrite, int]:
    return dict(found.logs[program.file].rewrites)


def test_each_rewrite_is_seen_and_the_process_goes_on(program: Program) -> None:
    found = traced(program, "save()", "save()", "save(sync=False)", "in_place()")
    assert of_file(program, found) == {
        SYNCED: 2,
        Rewrite("replaced", ("create temp", "write", "close", "rename temp → f"), False): 1,
        Rewrite("in place", ("open and empty f", "write", "close")): 1,
    }
    assert (found.processes, found.threads, found.notes, found.ended) == (1, 1, [], False)
    assert program.status("TracerPid") == "0"
    program.does("save('newer')")
    assert program.file.read_text(encoding="ascii") == "newer"
    assert os.listdir(program.folder) == ["f"]


def test_what_came_before_and_after_the_watch_is_not_counted(program: Program) -> None:
    program.does("save()")
    found = traced(program)
    program.does("save()")
    assert of_file(program, found) == {}


@pytest.mark.parametrize("where", ["in_a_thread()", "in_a_child()"])
def test_new_threads_and_children_are_traced(program: Program, where: str) -> None:
    assert of_file(program, traced(program, where)) == {SYNCED: 1}


def test_a_child_that_was_there_before_is_traced(folder: Path) -> None:
    program = Program(folder, child=PROGRAM)
    try:
        found = traced(program, "by_the_child()")
        assert of_file(program, found) == {SYNCED: 1}
        assert found.processes == 2
    finally:
        program.end()


def test_a_file_behind_a_linked_folder(program: Program, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(program.folder)
    with tracing(program.pid, {Path("f"): link / "f"}, lambda: None) as found:
        program.does("save()")
    assert found.logs[Path("f")].rewrites == {SYNCED: 1}


def test_signals_still_arrive(program: Program) -> None:
    with tracing(program.pid, {program.file: program.file}, lambda: None):
        os.kill(program.pid, signal.SIGUSR1)
        program.does("assert got == [signal.SIGUSR1]")


def test_a_stopped_process_stays_stopped(program: Program, eventually: Callable[..., None]) -> None:
    os.kill(program.pid, signal.SIGSTOP)
    eventually(lambda: program.status("State").startswith("T"), "the process is stopped")
    traced(program)
    eventually(lambda: program.status("TracerPid") == "0", "the tracer is gone")
    assert program.status("State").startswith("T")
    os.kill(program.pid, signal.SIGCONT)
    program.does("save()")


def test_it_is_reported_that_the_process_ends(program: Program, eventually: Callable[..., None]) -> None:
    reported: list[bool] = []
    with tracing(program.pid, {program.file: program.file}, lambda: reported.append(True)) as found:
        program.tell("save(); os._exit(7)")
        eventually(lambda: reported, "the end is said")
    assert found.ended
    assert of_file(program, found) == {SYNCED: 1}
    assert program.process.wait() == 7


def test_a_busy_process_with_many_threads_is_let_go(program: Program) -> None:
    program.does("for _ in range(8): threading.Thread(target=lambda: [os.getpid() for _ in iter(int, 1)]).start()")
    assert traced(program).threads == 9
    assert program.status("TracerPid") == "0"


def test_a_process_that_starts_threads_all_the_time(program: Program) -> None:
    program.does("more = threading.Event(); more.set()")
    program.does("start = lambda: more.is_set() and threading.Thread(target=start).start()")
    program.does("for _ in range(4): start()")
    for _ in range(5):
        traced(program)
        assert program.status("TracerPid") == "0"
    program.does("more.clear(); save()")


def test_a_tracer_that_is_killed_lets_go_and_it_is_said(program: Program, eventually: Callable[..., None]) -> None:
    with tracing(program.pid, {program.file: program.file}, lambda: None) as found:
        os.kill(int(program.status("TracerPid")), signal.SIGKILL)
        eventually(lambda: found.notes, "the end of the tracer is noted")
        program.does("save('newer')")
    assert "the tracer ended before the watch did" in found.notes[0]
    assert program.file.read_text(encoding="ascii") == "newer"


# The command

WATCHING = (sys.executable, "-m", "conformance.commands.observe.command", "--pid")


@pytest.fixture
def observe(program: Program) -> Iterator[subprocess.Popen[str]]:
    """`pulse observe f --pid …`, which has begun to trace."""
    command = [*WATCHING, str(program.pid), "f"]
    with subprocess.Popen(
        command, cwd=program.folder, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            assert any(line.startswith("tracing process ") for line in process.stdout)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_process_goes_on_however_the_watch_ends(
    program: Program,
    observe: subprocess.Popen[str],
    number: signal.Signals,
    eventually: Callable[..., None],
    gone: Callable[[int], bool],
) -> None:
    program.does("save()")
    tracer = int(program.status("TracerPid"))
    os.killpg(observe.pid, number)
    shown = observe.communicate()[0]
    eventually(lambda: gone(tracer), "the tracer has ended")
    assert program.status("TracerPid") == "0"
    program.does("save('newer')")
    assert program.file.read_text(encoding="ascii") == "newer"
    assert os.listdir(program.folder) == ["f"]
    if number != signal.SIGKILL:
        assert "1 time: create temp, write, sync, close, rename temp → f" in shown
        assert "it is renamed before it is synced  no            in 1 new file" in shown


def test_the_watch_ends_with_the_process(program: Program, observe: subprocess.Popen[str]) -> None:
    program.tell("save(sync=False); os._exit(0)")
    assert "1 of 1 new file: create temp, write, close, rename temp → f" in observe.communicate()[0]
    assert observe.returncode == Exit.NOT_CONFORMANT


# What cannot be traced


def refusal(process: int) -> str:
    with pytest.raises((click.UsageError, Unmeasured)) as caught:
        require_traceable(process)
    return str(caught.value)


def test_processes_that_cannot_be_meant(program: Program) -> None:
    assert "there is no such process" in refusal(2**22 + 1)
    assert "is this command itself" in refusal(os.getpid())
    program.does("threading.Thread(target=threading.Event().wait, daemon=True).start()")
    thread = max(map(int, os.listdir(f"/proc/{program.pid}/task")))
    assert f"is a thread; its process is {program.pid}" in refusal(thread)
    program.tell("os._exit(0)")
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
    assert "has ended" in refusal(program.pid)


def test_a_thread_of_the_kernel() -> None:
    kernel = Path("/proc/2/comm")
    if not kernel.exists() or kernel.read_text(encoding="ascii").strip() != "kthreadd":
        pytest.skip("needs to see the threads of the kernel")
    assert "is a thread of the kernel" in refusal(2)


def test_a_process_that_is_traced_already(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    with tracing(program.pid, {program.file: program.file}, lambda: None):
        assert main([str(program.file), "--for", "0s", "--pid", str(program.pid)]) == Exit.INCONCLUSIVE
    assert f"not traced: process {program.pid} is traced already, by process" in capsys.readouterr().err


def test_where_the_system_refuses(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scope = tmp_path / "ptrace_scope"
    monkeypatch.setattr(module, "YAMA", scope)
    user = int(program.status("Uid").split()[0])
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert f"it belongs to user {user}" in module._why_refused(program.pid, "EPERM")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    scope.write_text("3\n", encoding="ascii")
    assert "until the next start of the system" in module._why_refused(program.pid, "EPERM")
    scope.write_text("0\n", encoding="ascii")
    assert "--cap-add=SYS_PTRACE" in module._why_refused(program.pid, "EPERM")


def test_an_ordinary_user_may_not_trace_under_yama(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scope = tmp_path / "ptrace_scope"
    scope.write_text("1\n", encoding="ascii")
    monkeypatch.setattr(module, "YAMA", scope)
    monkeypatch.setattr(module, "_status_of", lambda process: {"Uid": "1000\t1000\t1000\t1000"})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only its parent may trace it: run this command as root" in module._why_refused(program.pid, "EPERM")


def test_on_other_systems_than_linux(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert main(["f", "--pid", "1"]) == Exit.USAGE
    assert "--pid needs Linux" in capsys.readouterr().err
