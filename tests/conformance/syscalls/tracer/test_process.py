"""What the tracer does to a command: faults, kills, interrupts and holds; and how both start and end."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.syscalls.operations import operations_of
from conformance.syscalls.tracer import ptrace
from conformance.syscalls.tracer.messages import Rule, read_report

if sys.platform != "linux":
    pytest.skip("the tracer needs Linux", allow_module_level=True)

from conformance.syscalls.tracer import process as tracer

Trace = Callable[..., Any]
WRITE = """
import os, sys
file = os.open("a", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
print(os.write(file, b"new"))
os.fsync(file)
os.close(file)
os.rename("a", "status.json")
"""
NAMES = ["openat", "write", "fsync", "close", "rename"]


def at(number: int, **changes: Any) -> dict[str, Any]:
    return {"first": number, "last": number, **changes}


def tried(call: str) -> str:
    """Code that prints the errno of a call, and its result if there is one."""
    return f"try:\n    print({call})\nexcept OSError as error:\n    print(error.errno)\n"


# Recording


def test_calls_are_numbered_by_their_starts_and_ends(trace_python: Trace) -> None:
    calls = trace_python(WRITE).report.calls
    assert [(call.name, call.begun, call.ended) for call in calls] == [
        (name, 2 * number + 1, 2 * number + 2) for number, name in enumerate(NAMES)
    ]


def test_a_call_that_never_returned_has_no_end(trace_python: Trace) -> None:
    report = trace_python(WRITE, Rule("kill", **at(2))).report
    assert [(call.name, call.ended, call.result) for call in report.calls][-1] == ("fsync", None, None)


def test_calls_of_two_threads_overlap(trace_python: Trace) -> None:
    """Opening a named pipe waits until its other end is opened."""
    calls = trace_python("""
import os, threading
os.mkfifo("pipe")
thread = threading.Thread(target=os.open, args=("pipe", os.O_RDONLY))
thread.start()
os.open("pipe", os.O_WRONLY)
thread.join()
""").report.calls
    one, other = (call for call in calls if call.name == "openat")
    assert (one.process, other.process) == (other.process, one.process)
    assert one.thread != other.thread
    assert one.begun < other.ended
    assert other.begun < one.ended


# Rules


def test_a_call_that_fails_does_nothing(trace_python: Trace, folder: Path) -> None:
    traced = trace_python("import os\n" + tried("os.mkdir('sub')"), Rule("fail", value=errno.ENOSPC))
    assert int(traced.output) == errno.ENOSPC
    assert not (folder / "sub").exists()
    (call,) = traced.report.calls
    assert (call.result, call.error, call.injected) == (-errno.ENOSPC, errno.ENOSPC, True)
    assert traced.fired == [("fail", "before", 0, "mkdir")]


def test_a_close_that_fails_has_closed_nevertheless(trace_python: Trace) -> None:
    code = "import os\nfile = os.open('a', os.O_CREAT)\n" + 2 * tried("os.close(file)")
    traced = trace_python(code, Rule("fail", **at(1), value=errno.EIO))
    assert traced.output.split() == [str(errno.EIO), str(errno.EBADF)]
    # Closing it again is a fault, so it is recorded although the number no longer refers to a file.
    assert [(call.name, call.error) for call in traced.report.calls][1:] == [
        ("close", errno.EIO),
        ("close", errno.EBADF),
    ]


def test_a_rule_applies_to_its_calls_only(trace_python: Trace, folder: Path) -> None:
    code = "import os\nos.mkdir('a')\n" + 2 * tried("os.rmdir('a')")
    traced = trace_python(code, Rule("fail", calls=("rmdir",), first=0, last=1, value=errno.EBUSY))
    assert traced.output.split() == [str(errno.EBUSY), "None"]
    assert traced.fired == [("fail", "before", 1, "rmdir")]


def test_a_rule_that_never_applies_never_fires(trace_python: Trace) -> None:
    traced = trace_python(WRITE, Rule("kill", **at(5)), Rule("fail", calls=("mkdir",), value=errno.EIO))
    assert (traced.code, traced.fired) == (0, [])


def test_of_two_errors_the_first_one_counts(trace_python: Trace) -> None:
    rules = Rule("fail", value=errno.EIO), Rule("fail", value=errno.ENOSPC)
    assert int(trace_python("import os\n" + tried("os.mkdir('sub')"), *rules).output) == errno.EIO


def test_a_shortened_write_writes_less_and_reports_it(trace_python: Trace, folder: Path) -> None:
    traced = trace_python(WRITE, Rule("shorten", **at(1), value=2))
    assert (traced.output, (folder / "status.json").read_bytes()) == ("2\n", b"ne")
    assert traced.operations[1].length == 2


def test_a_write_is_always_shortened(trace_python: Trace, folder: Path) -> None:
    """Also one of fewer bytes than the rule says; never beyond what the program gave."""
    traced = trace_python(WRITE, Rule("shorten", **at(1), value=4096))
    assert int(traced.output) == len((folder / "status.json").read_bytes())
    assert traced.operations[1].length == 1


def test_a_call_that_writes_nothing_is_not_shortened(trace_python: Trace, folder: Path) -> None:
    assert trace_python(WRITE, Rule("shorten", **at(0), value=1)).code == 0
    assert (folder / "status.json").read_bytes() == b"new"


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 9, 50])
@pytest.mark.parametrize("name", ["writev", "pwritev"])
def test_a_write_of_vectors_is_shortened_to_the_byte(trace_python: Trace, folder: Path, name: str, size: int) -> None:
    """The vectors are the program's own: afterwards they are what they were."""
    code = f"""
import ctypes, os
class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))
vectors = (Vector * 3)(Vector(b"abc", 3), Vector(b"", 0), Vector(b"defgh", 5))
file = os.open("a", os.O_CREAT | os.O_WRONLY)
more = () if {name!r} == "writev" else (ctypes.c_long(0),)
count = ctypes.CDLL(None, use_errno=True).{name}(file, vectors, 3, *more)
print(count, [each.length for each in vectors])
"""
    traced = trace_python(code, Rule("shorten", **at(1), value=size))
    written = size if size < 8 else 4  # never more than it was going to, and always fewer
    assert traced.output == f"{written} [3, 0, 5]\n"
    assert (folder / "a").read_bytes() == b"abcdefgh"[:written]
    assert traced.operations[1].length == written


@pytest.mark.parametrize(("phase", "exists"), [("before", False), ("after", True)])
def test_a_kill_comes_before_the_operation_or_after_it(
    trace_python: Trace, folder: Path, phase: Any, exists: bool
) -> None:
    traced = trace_python(WRITE, Rule("kill", phase, **at(0)))
    assert traced.code == -signal.SIGKILL
    assert os.waitstatus_to_exitcode(traced.report.ended) == -signal.SIGKILL
    assert (folder / "a").exists() is exists
    assert (folder / "status.json").read_bytes() == b"old"


def test_a_kill_ends_every_process(trace_python: Trace, gone: Callable[[int], bool]) -> None:
    traced = trace_python(
        "import os\nready, go = os.pipe()\nchild = os.fork()\nif not child:\n    os.read(ready, 1)\n"
        "print(os.getpid(), flush=True)\n"
        "if child:\n    os.write(go, b'.')\n    os.waitpid(child, 0)\nelse:\n    os.mkdir('sub')",
        Rule("kill", "after"),
    )
    assert len(pids := traced.output.split()) == 2
    assert all(gone(int(pid)) for pid in pids)


CAUGHT = "import signal\nsignal.signal(signal.SIGINT, lambda *_: print('caught', flush=True))\n"


@pytest.mark.parametrize(
    ("handler", "code", "caught"),
    [(CAUGHT, 0, 1), ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n", -signal.SIGINT, 0)],
    ids=["caught", "not caught"],
)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_an_interrupt_reports_whether_it_was_caught(
    trace_python: Trace, phase: Any, handler: str, code: int, caught: int
) -> None:
    traced = trace_python(handler + WRITE, Rule("interrupt", phase, **at(2)))
    assert (traced.code, [each.value for each in traced.report.fired]) == (code, [caught])
    assert ("caught" in traced.output) is bool(caught)


def test_an_interrupt_reports_whether_every_thread_blocks_it(trace_python: Trace) -> None:
    """It waits then, and ends the program when it is no longer blocked."""
    blocked = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
    )
    unblocking = "signal.pthread_sigmask(signal.SIG_SETMASK, before)\n"
    traced = trace_python(blocked + WRITE + unblocking, Rule("interrupt", "after", **at(2)))
    assert (traced.code, [each.value for each in traced.report.fired]) == (-signal.SIGINT, [4])


def test_an_interrupt_in_the_middle_of_a_call(trace_python: Trace) -> None:
    """The call returns EINTR and the handler runs; Python then calls again (PEP 475), which is a further operation."""
    rules = Rule("fail", **at(2), value=errno.EINTR), Rule("interrupt", **at(2))
    traced = trace_python(CAUGHT + WRITE, *rules)
    assert "caught" in traced.output
    assert [call.name for call in traced.report.calls] == ["openat", "write", "fsync", "fsync", "close", "rename"]


# Ends and signals


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(0)", 0),
        ("raise SystemExit(1)", 1),
        ("raise SystemExit(130)", 130),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os\nos.abort()", -signal.SIGABRT),
    ],
)
def test_the_tracer_ends_as_its_command_does(trace_python: Trace, code: str, expected: int) -> None:
    traced = trace_python(code)
    assert traced.code == expected
    assert os.waitstatus_to_exitcode(traced.report.ended) == expected


def test_a_command_that_does_not_exist(trace: Trace) -> None:
    traced = trace(["/no/such/command"])
    assert traced.code == 127
    assert traced.output.startswith("/no/such/command: [Errno 2]")


def test_a_command_has_the_usual_signals_and_no_descriptor_of_the_tracer(trace: Trace) -> None:
    """Python ignores SIGPIPE and SIGXFSZ, which a command would inherit."""
    traced = trace(["sh", "-c", "grep SigIgn /proc/self/status; ls /proc/self/fd"])
    ignored, *descriptors = traced.output.splitlines()
    mask = int(ignored.split()[1], 16)
    assert not mask & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))
    assert descriptors == ["0", "1", "2", "3"]  # the last is the listing itself


def test_a_command_that_stops_goes_on_when_it_is_continued(trace_python: Trace) -> None:
    """The parent sees the stopped child as stopped, and SIGCONT resumes it."""
    traced = trace_python("""
import os, signal
child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
    os.mkdir("sub")
    os._exit(7)
stopped = os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
os.kill(child, signal.SIGCONT)
print(stopped, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""")
    assert traced.output == "True 7\n"
    assert traced.words == ["make-folder sub"]


def test_a_signal_reaches_the_command(trace_python: Trace) -> None:
    assert trace_python(CAUGHT + "import os\nos.kill(os.getpid(), 2)").output == "caught\n"


def test_a_call_restarted_after_a_signal_is_one_operation(trace_python: Trace) -> None:
    """An alarm interrupts an open that waits; with SA_RESTART it starts again and keeps its number."""
    traced = trace_python("""
import os, signal
os.mkfifo("pipe")
reading, writing = os.pipe2(os.O_NONBLOCK)
os.set_blocking(reading, True)
if os.fork() == 0:
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.set_wakeup_fd(writing)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    os.open("pipe", os.O_RDONLY)
    os._exit(0)
for _ in range(3):
    os.read(reading, 1)
os.open("pipe", os.O_WRONLY)
os.wait()
""")
    assert traced.code == 0
    assert traced.words == ["create pipe", "open pipe", "open pipe"]


# The tracer and the kit


@pytest.fixture
def conversation(folder: Path) -> Any:
    """Starts a tracer: ``conversation(when, command)`` → its process and the kit's end of the connection."""
    started: list[tuple[subprocess.Popen[bytes], socket.socket]] = []

    def begin(when: str, command: list[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        with theirs:
            words = [
                sys.executable,
                "-P",
                "-m",
                "conformance.syscalls.tracer.process",
                str(theirs.fileno()),
                when,
                *command,
            ]
            pipe = subprocess.PIPE
            process = subprocess.Popen(words, cwd=folder, pass_fds=[theirs.fileno()], stdin=pipe, stdout=pipe)
        ours.settimeout(60)
        started.append((process, ours))
        return started[-1]

    yield begin
    for process, ours in started:
        ours.close()
        process.kill()
        process.communicate()


def hear(messages: Any) -> str:
    line: str = messages.readline().decode()
    if line.startswith("refused"):
        pytest.skip(f"tracing is not allowed here: {line}")
    return line


def test_a_command_ends_when_its_tracer_is_killed(conversation: Any, gone: Any, eventually: Any) -> None:
    process, control = conversation("later", ["cat"])
    with control.makefile("rb") as messages:
        command = int(hear(messages).split()[1])
    assert not gone(command)
    process.kill()
    eventually(lambda: gone(command), "the command ends with its tracer")


@pytest.mark.parametrize("command", [["cat"], ["sh", "-c", "cat & wait"]], ids=["one process", "two processes"])
def test_a_command_ends_when_the_kit_hangs_up(conversation: Any, gone: Any, command: list[str]) -> None:
    """The tracer ends by itself, after its command, and no process of either is left."""
    process, control = conversation("later", command)
    with control.makefile("rb") as messages:
        traced = int(hear(messages).split()[1])
    control.shutdown(socket.SHUT_RDWR)
    assert process.wait(60) == 0
    assert gone(traced)


def test_a_message_during_a_hold_is_obeyed_after_it(conversation: Any, folder: Path) -> None:
    process, control = conversation("at-start", ["mkdir", "sub"])
    with control.makefile("rb") as messages:
        thread = int(hear(messages).split()[1])
        plan = {"folder": str(folder), "rules": [{"action": "hold", "phase": "before", "calls": ["mkdir"]}]}
        control.sendall(f"arm {json.dumps(plan)}\n".encode())
        assert hear(messages) == "armed \n"
        word, _, rest = hear(messages).partition(" ")
        assert (word, json.loads(rest)) == ("boundary", [0, "before", "mkdir", str(folder / "sub"), "", thread])
        control.sendall(b"disarm\ngo\n")
        word, _, rest = hear(messages).partition(" ")
    assert word == "report"
    operations = operations_of(read_report(rest).calls, str(folder))
    assert [(each.kind, each.name) for each in operations] == [("make-folder", "sub")]
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(errno.EPERM, "ptrace: Operation not permitted"), b"refused EPERM ptrace: Operation not permitted\n"),
        (None, b"refused the engine does not know the processor vax\n"),
    ],
    ids=["not allowed", "another processor"],
)
def test_a_refusal_says_why(monkeypatch: pytest.MonkeyPatch, failure: OSError | None, said: bytes) -> None:
    def refuse(command: list[str]) -> tuple[int, int]:
        assert failure is not None
        raise failure

    monkeypatch.setattr(tracer, "_started", refuse)
    if failure is None:
        ptrace.call_names.cache_clear()
        monkeypatch.setattr(ptrace, "architecture", lambda: "vax")
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(socket, "socket", lambda fileno: theirs)
    with ours, theirs:
        assert tracer.main([str(theirs.fileno()), "later", "true"]) == 3
        assert ours.recv(1000) == said
