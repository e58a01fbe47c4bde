"""What a process prints is taken in bounded memory, and within a time limit."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from conformance.subject import exchange as exchanging
from conformance.subject.exchange import PrintedTooMuch, exchange, kept

ENOUGH = 120.0  # seconds: no test waits for that long
ENDLESS = "import os\nwhile True: os.write(1, b'o' * 65536)"


@pytest.fixture(autouse=True, params=["as here", "with threads, as on Windows"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "as here":
        monkeypatch.setattr(exchanging, "_with_selectors", exchanging._with_threads)


class Running:
    """Starts Python code with pipes, and ends it with the test."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, code: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", code]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.processes.append(process)
        return process


@pytest.fixture
def run() -> Iterator[Running]:
    running = Running()
    yield running
    for process in running.processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def test_all_input_is_given_and_all_output_taken(run: Running) -> None:
    given = b"x" * 1_000_000  # more than a pipe holds
    printed, take = kept(len(given), last=False)
    process = run("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())")
    exchange(process, given, ENOUGH, take)
    assert printed == given
    assert process.returncode == 0


def test_a_process_that_reads_nothing_gets_nothing(run: Running) -> None:
    printed, take = kept(10, last=False)
    exchange(run("print('done')"), b"x" * 1_000_000, ENOUGH, take)
    assert printed.split() == [b"done"]


def test_more_than_the_limit_ends_the_exchange_in_little_memory(run: Running) -> None:
    _, take = kept(1 << 20, last=False)
    tracemalloc.start()
    try:
        with pytest.raises(PrintedTooMuch, match=r"^printed more than 1,048,576 bytes$"):
            exchange(run(ENDLESS), b"", ENOUGH, take)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_of_a_long_output_the_last_part_is_kept(run: Running) -> None:
    printed, take = kept(4, last=True)
    exchange(run("import os; os.write(1, b'o' * 1_000_000); os.write(1, b'last')"), b"", ENOUGH, take)
    assert printed == b"last"


@pytest.mark.parametrize("code", [ENDLESS, "import threading; threading.Event().wait()"], ids=["prints", "is silent"])
def test_a_process_that_does_not_end_in_time(run: Running, code: str) -> None:
    _, take = kept(1, last=True)
    with pytest.raises(subprocess.TimeoutExpired):
        exchange(run(code), b"", 0.2, take)
