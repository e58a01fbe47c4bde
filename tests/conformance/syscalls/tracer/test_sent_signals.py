"""Which thread of the command gets a signal: the one that stands at the call."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from conformance.syscalls.tracer.messages import Rule

if sys.platform != "linux":
    pytest.skip("the tracer needs Linux", allow_module_level=True)

Trace = Callable[..., Any]
NAMES = ["openat", "write", "fsync", "close", "rename"]
WRITE = """
import os, signal, threading
signal.signal(signal.SIGTERM, signal.SIG_DFL)

def write():
    file = os.open("a", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(file, b"new")
    os.fsync(file)
    os.close(file)
    os.rename("a", "status.json")
"""
# kill(2) gives the signal to this thread, as the other one is stopped; it takes it, and the write goes on.
WITH_A_THREAD_THAT_WAITS_FOR_IT = """
waiting = threading.Event()

def wait():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    waiting.set()
    signal.sigwait({signal.SIGTERM})

threading.Thread(target=wait, daemon=True).start()
waiting.wait()
"""
IN_ANOTHER_THREAD = "writing = threading.Thread(target=write)\nwriting.start()\nwriting.join()\n"


@pytest.mark.parametrize("start", ["write()", IN_ANOTHER_THREAD], ids=["first thread", "another thread"])
@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_signal_without_a_handler_ends_the_program_at_the_call(trace_python: Trace, phase: Any, start: str) -> None:
    traced = trace_python(WRITE + WITH_A_THREAD_THAT_WAITS_FOR_IT + start, Rule("terminate", phase, first=2, last=2))
    assert (traced.code, [call.name for call in traced.report.calls]) == (-signal.SIGTERM, NAMES[:3])


def test_a_signal_that_the_thread_at_the_call_blocks_goes_to_another(trace_python: Trace) -> None:
    idle = "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    blocking = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\nwrite()\nthreading.Event().wait()\n"
    traced = trace_python(WRITE + idle + blocking, Rule("terminate", "after", first=2, last=2))
    assert traced.code == -signal.SIGTERM
