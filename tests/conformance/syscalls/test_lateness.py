"""One slow operation: what is answered meanwhile, and what becomes of the target later."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from conformance.syscalls.laboratory import Laboratory
from conformance.syscalls.lateness import slow_operation

if sys.platform != "linux":
    pytest.skip("the syscall engine needs Linux", allow_module_level=True)

WRITER = """
import os, threading

class Implementation:
    def __init__(self):
        self.cancelled = self.published = False
        self.lock = threading.Lock()

    def replace(self, path, text):
        self.publish(path, text)

    def publish(self, path, text):
        self.cancelled = self.published = False
        temp = path + os.urandom(4).hex()
        with open(temp, "xb", buffering=0) as file:
            file.write(text.encode())
            os.fsync(file.fileno())
        with self.lock:
            if self.cancelled:
                os.unlink(temp)
            else:
                os.replace(temp, path)
                self.published = True
"""
IN_A_THREAD = """
    def replace(self, path, text):
        thread = threading.Thread(target=self.publish, args=(path, text))
        thread.start()
        {}
"""
ENDLESS = "thread.join()"
AT_ONCE = "pass"
GIVES_UP = """thread.join({})
        if thread.is_alive():
            raise TimeoutError("the disk is too slow")
"""
CANCELS = """thread.join(0.2)
        with self.lock:
            self.cancelled = not self.published
        if self.cancelled:
            raise TimeoutError("the disk is too slow")
"""


@pytest.mark.parametrize("change", ["", IN_A_THREAD.format(ENDLESS)], ids=["one thread", "a thread without a limit"])
def test_no_answer_comes_before_the_end(laboratory: Callable[..., Laboratory], change: str) -> None:
    late = slow_operation(laboratory(WRITER + change))
    assert (late.answer, late.later) == ("", "new")
    assert late.operation.startswith("sync status.json")


def test_a_thread_that_is_always_awake_gives_no_answer(laboratory: Callable[..., Laboratory]) -> None:
    """As those of the runtimes of Go and Java: they were awake before the request, too, and are not waited for long."""
    ticking = "threading.Thread(target=lambda: [time.sleep(0.01) for _ in iter(int, 1)], daemon=True).start()"
    writer = WRITER.replace("self.lock = threading.Lock()", f"self.lock = threading.Lock()\n        {ticking}")
    late = slow_operation(laboratory(f"import time\n{writer}"))
    assert (late.answer, late.later) == ("", "new")


@pytest.mark.parametrize("seconds", [0.2, 2.0])
def test_a_replace_after_the_answer_is_seen(laboratory: Callable[..., Laboratory], seconds: float) -> None:
    late = slow_operation(laboratory(WRITER + IN_A_THREAD.format(GIVES_UP.format(seconds))))
    assert (late.answer, late.at_the_answer, late.later) == ("io", "old", "new")


def test_a_cancelled_write_stays_cancelled(laboratory: Callable[..., Laboratory]) -> None:
    late = slow_operation(laboratory(WRITER + IN_A_THREAD.format(CANCELS)))
    assert (late.answer, late.at_the_answer, late.later) == ("io", "old", "old")


def test_a_writer_without_syncs_is_slow_at_the_replace(laboratory: Callable[..., Laboratory]) -> None:
    late = slow_operation(laboratory(WRITER.replace("            os.fsync(file.fileno())\n", "")))
    assert late.operation.startswith("rename status.json")
