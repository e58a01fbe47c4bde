"""The requests of ptrace(2), made to a child that waits for its line of input; memory is read from this process."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from conformance.syscalls.tracer import ptrace

if sys.platform != "linux":
    pytest.skip("ptrace(2) needs Linux", allow_module_level=True)

OURSELVES = os.getpid()
WALL = 0x40000000
CODE = """
import os, sys
print("ready", flush=True)
sys.stdin.readline()
try:
    print(os.{call})
except OSError as error:
    print(error.errno)
"""


# A child


@dataclass
class Child:
    """A Python program that makes one call when it gets a line, and prints the result."""

    process: subprocess.Popen[str]

    @property
    def thread(self) -> int:
        return self.process.pid

    def wait(self) -> tuple[int, int]:
        """Its next stop: the signal and the event."""
        status = os.waitpid(self.thread, WALL)[1]
        assert os.WIFSTOPPED(status)
        return os.WSTOPSIG(status), status >> 16

    def run_to(self, name: str) -> ptrace.SystemCallStop:
        """Send its line, and let it run to the entry of a call."""
        assert self.process.stdin is not None
        ptrace.interrupt(self.thread)
        assert self.wait() == (signal.SIGTRAP, ptrace.EVENT_STOP)
        self.process.stdin.write("\n")
        self.process.stdin.close()
        while True:
            stop = self.next_stop()
            if stop.phase == "entry" and ptrace.call_names()[1].get(stop.number) == name:
                return stop

    def next_stop(self) -> ptrace.SystemCallStop:
        ptrace.resume(self.thread, to_next_call=True)
        assert self.wait() == (signal.SIGTRAP | 0x80, 0)
        return ptrace.system_call_stop(self.thread)

    def printed(self) -> str:
        """Let it run to its end, and return what it prints."""
        ptrace.resume(self.thread, to_next_call=False)
        assert self.process.stdout is not None
        return self.process.stdout.read().strip()


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Child]]:
    """Starts a child that is traced: ``child("getppid()")``."""
    made: list[subprocess.Popen[str]] = []

    def start(call: str) -> Child:
        code = CODE.format(call=call)
        pipe = subprocess.PIPE
        made.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdin=pipe, stdout=pipe, text=True))
        assert made[-1].stdout is not None
        assert made[-1].stdout.readline() == "ready\n"
        try:
            ptrace.seize(made[-1].pid)
        except PermissionError:
            pytest.skip("tracing is not allowed here")
        return Child(made[-1])

    yield start
    for process in made:
        process.kill()
        process.__exit__(None, None, None)


def test_a_call_stops_at_its_entry_and_at_its_exit(child: Callable[[str], Child]) -> None:
    waiting = child("dup2(1, 77, False)")
    entry = waiting.run_to("dup3")
    assert (entry.phase, entry.audit, entry.arguments[:2]) == ("entry", ptrace.call_names()[0], (1, 77))
    leaving = waiting.next_stop()
    assert (leaving.phase, leaving.number, leaving.arguments, leaving.result) == ("exit", -1, (), 77)
    assert waiting.printed() == "77"


def test_a_failed_call_returns_a_negative_errno(child: Callable[[str], Child]) -> None:
    waiting = child("close(999)")
    waiting.run_to("close")
    assert waiting.next_stop().result == -errno.EBADF


def test_a_call_that_is_skipped_returns_the_chosen_result(child: Callable[[str], Child]) -> None:
    waiting = child("kill(os.getpid(), 9)")
    waiting.run_to("kill")
    ptrace.skip_call(waiting.thread)
    assert waiting.next_stop().phase == "exit"
    ptrace.set_result(waiting.thread, -errno.ENOLCK)
    assert waiting.printed() == str(errno.ENOLCK)


def test_a_result_may_be_a_number(child: Callable[[str], Child]) -> None:
    waiting = child("getpgid(0)")
    waiting.run_to("getpgid")
    waiting.next_stop()
    ptrace.set_result(waiting.thread, 4711)
    assert waiting.printed() == "4711"


def test_an_argument_can_be_changed(child: Callable[[str], Child]) -> None:
    waiting = child("write(1, b'abc')")
    waiting.run_to("write")
    ptrace.set_argument(waiting.thread, 2, 2)
    assert waiting.next_stop().result == 2
    assert waiting.printed() == "ab2"


def test_between_calls_a_thread_is_in_no_call(child: Callable[[str], Child]) -> None:
    waiting = child("getpid()")
    ptrace.interrupt(waiting.thread)
    waiting.wait()
    assert ptrace.system_call_stop(waiting.thread).phase == "neither"


def test_a_stopped_child_can_stay_stopped(child: Callable[[str], Child]) -> None:
    waiting = child("getpid()")
    waiting.process.send_signal(signal.SIGSTOP)
    assert waiting.wait() == (signal.SIGSTOP, 0)
    ptrace.resume(waiting.thread, signal.SIGSTOP, to_next_call=False)
    assert waiting.wait() == (signal.SIGSTOP, ptrace.EVENT_STOP)
    ptrace.listen(waiting.thread)
    waiting.process.send_signal(signal.SIGCONT)
    assert waiting.wait() == (signal.SIGTRAP, ptrace.EVENT_STOP)


@pytest.mark.parametrize(
    "ask",
    [
        ptrace.seize,
        ptrace.interrupt,
        ptrace.listen,
        ptrace.system_call_stop,
        lambda thread: ptrace.resume(thread, to_next_call=True),
    ],
)
def test_a_thread_that_does_not_exist(ask: Callable[[int], Any]) -> None:
    with pytest.raises(ProcessLookupError, match="ptrace: No such process"):
        ask(1 << 22)


# Memory


def test_a_text_ends_at_its_nul() -> None:
    buffer = ctypes.create_string_buffer(b"one\0two")
    assert ptrace.read_text(OURSELVES, ctypes.addressof(buffer)) == b"one"
    assert ptrace.read_text(OURSELVES, ctypes.addressof(buffer), 2) == b"on"


def test_a_text_may_cross_pages_and_end_with_the_memory() -> None:
    size = mmap.PAGESIZE
    memory = mmap.mmap(-1, 3 * size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(b"x" * 3 * size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert ptrace.read_text(OURSELVES, address + size - 10, 20) == b"x" * 20
    assert ptrace.read_text(OURSELVES, address + 10) == b"x" * 4096
    memory[size + 5] = 0
    assert ptrace.read_text(OURSELVES, address + size - 10) == b"x" * 15
    memory[size + 5] = ord("x")
    library = ctypes.CDLL(None, use_errno=True)
    third = ctypes.c_void_p(address + 2 * size)
    assert library.mprotect(third, ctypes.c_size_t(size), 0) == 0
    assert ptrace.read_text(OURSELVES, address + 2 * size - 7) == b"x" * 7
    assert ptrace.read_word(OURSELVES, address + 2 * size - 8) == int.from_bytes(b"x" * 8, "little")
    assert library.mprotect(third, ctypes.c_size_t(size), 3) == 0


def test_where_there_is_no_memory() -> None:
    assert ptrace.read_text(OURSELVES, 8) == b""
    assert ptrace.read_word(OURSELVES, 8) == 0


def test_a_word() -> None:
    number = ctypes.c_uint64(0x1122334455667788)
    assert ptrace.read_word(OURSELVES, ctypes.addressof(number)) == 0x1122334455667788


# Architectures


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Pretends to run on another processor."""
    ptrace.call_names.cache_clear()
    yield lambda name: monkeypatch.setattr(ptrace, "architecture", lambda: name)
    ptrace.call_names.cache_clear()


@pytest.mark.parametrize(
    ("name", "audit", "numbers"),
    [
        ("x86_64", 0xC000003E, {0: "read", 1: "write", 74: "fsync", 82: "rename", 316: "renameat2", 437: "openat2"}),
        (
            "aarch64",
            0xC00000B7,
            {63: "read", 64: "write", 82: "fsync", 38: "renameat", 276: "renameat2", 437: "openat2"},
        ),
    ],
)
def test_calls_have_numbers(on: Callable[[str], None], name: str, audit: int, numbers: dict[int, str]) -> None:
    on(name)
    assert ptrace.call_names()[0] == audit
    assert {number: ptrace.call_names()[1][number] for number in numbers} == numbers


def test_other_architectures_are_not_supported(on: Callable[[str], None]) -> None:
    on("vax")
    with pytest.raises(KeyError, match="vax"):
        ptrace.call_names()


@dataclass
class Arm:
    """The registers of an Arm thread, as ptrace's register sets show them (arch/arm64/include/uapi/asm/ptrace.h)."""

    registers: list[int] = field(default_factory=lambda: list(range(100, 134)))
    system_call: int = 64

    def ptrace(self, request: int, thread: int, address: int = 0, data: Any = 0) -> int:
        base, length = (ctypes.cast(data, ctypes.POINTER(ctypes.c_uint64))[index] for index in (0, 1))
        if address == 0x404:
            assert (request, length) == (0x4205, 4)
            self.system_call = ctypes.c_int32.from_address(base).value
            return 0
        assert (address, length) == (1, 34 * 8)
        memory = (ctypes.c_uint64 * 34).from_address(base)
        if request == 0x4204:
            memory[:] = [ctypes.c_uint64(value) for value in self.registers]
        else:
            assert request == 0x4205
            self.registers = list(memory)
        return 0


def test_the_registers_of_arm(on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    on("aarch64")
    arm = Arm()
    monkeypatch.setattr(ptrace, "_ptrace", arm.ptrace)
    ptrace.set_argument(1, 2, 7)
    assert arm.registers == [100, 101, 7, *range(103, 134)]
    ptrace.set_result(1, -5)
    assert arm.registers[:3] == [(1 << 64) - 5, 101, 7]
    ptrace.skip_call(1)
    assert arm.system_call == -1
