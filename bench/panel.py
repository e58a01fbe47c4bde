"""What `pulse panel` costs: 200 viewers of 20 files that change, what it opens, and 10,000 connections.

    python -m bench.panel [--seconds 30]

Prints figures for docs/panel.md. Run it on a quiet Linux machine, with strace and the extra `panel`; everything is on
loopback and in a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from pulse import write_running_status

VIEWERS, FILES, INTERVAL = 200, 20, 2.0
CONNECTIONS = 10_000
WRITE_SECONDS = 0.5
"""Each file changes this often, so that each poll has news of every file."""


@contextmanager
def panel(folder: Path, *prefix: str) -> Iterator[tuple[psutil.Process, int]]:
    """A panel in a process of its own, and its port."""
    command = [*prefix, sys.executable, "-m", "pulse", "panel", "--port", "0", "--interval", str(INTERVAL), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found is not None
        process.stdout.readline()
        measured = psutil.Process(process.pid)
        server = measured.children()[0] if prefix else measured
        try:
            yield server, int(found[1])
        finally:
            server.terminate()
            process.wait()


async def keep_writing(folder: Path) -> None:
    """Change every file every half second."""
    step = 0
    while True:
        step += 1
        for number in range(FILES):
            write_running_status(folder / f"run-{number}.json", step / 100, 1000.0, 1.0 / step, f"step {step}")
        await asyncio.sleep(WRITE_SECONDS)


async def view(port: int, received: Counter[str]) -> None:
    """One viewer, which counts its events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    writer.write(f"GET /api/stream HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
    try:
        while True:
            line = await reader.readline()
            if line.startswith(b"event: "):
                received[line.decode().split()[1]] += 1
            received["bytes"] += len(line)
    finally:
        writer.close()


async def cost(server: psutil.Process, port: int, folder: Path, seconds: float, viewers: int) -> str:
    """CPU time of the server with so many viewers, in percent of one core."""
    received: Counter[str] = Counter()
    tasks = [
        asyncio.create_task(keep_writing(folder)),
        *(asyncio.create_task(view(port, received)) for _ in range(viewers)),
    ]
    await asyncio.sleep(2 * INTERVAL)
    received.clear()
    before, started = server.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = server.cpu_times(), time.monotonic() - started
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    used = (after.user + after.system - before.user - before.system) / took
    memory = server.memory_info().rss / 2**20
    return (
        f"{viewers} viewers of {FILES} files, {took:.0f} s: {used:.2%} of a core, {memory:.0f} MiB; "
        f"{received['changes']} events with changes, {received['state']} whole states, "
        f"{received['bytes'] / took / 1e6:.2f} MB/s"
    )


async def traced(port: int, folder: Path, seconds: float) -> None:
    """Viewers and changes for a panel under strace."""
    received: Counter[str] = Counter()
    tasks = [
        asyncio.create_task(keep_writing(folder)),
        *(asyncio.create_task(view(port, received)) for _ in range(VIEWERS)),
    ]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def opens(trace: Path) -> str:
    """How often each status file was opened, and the polls."""
    text = trace.read_text(errors="replace")
    found = Counter(re.findall(r'open(?:at)?\(.*?"[^"]*/(run-\d+\.json)"', text))
    scans = len(re.findall(r'openat\([^"]*"[^"]*runs", [^)]*O_DIRECTORY', text))
    return (
        f"{VIEWERS} viewers, strace: {scans} polls; opens of each of {len(found)} files: {sorted(set(found.values()))}"
    )


async def flood(port: int) -> str:
    """Open many connections at once while one viewer has a stream; most have to be refused."""
    received: Counter[str] = Counter()
    viewer = asyncio.create_task(view(port, received))
    while not received["state"]:
        await asyncio.sleep(0.01)
    answers: Counter[str] = Counter()
    gate = asyncio.Semaphore(2000)

    async def one() -> None:
        async with gate:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError as error:
                answers[type(error).__name__] += 1
                return
            try:
                writer.write(b"GET /api/status HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
                line = await asyncio.wait_for(reader.readline(), 60.0)
                answers[line.decode().strip() or "closed"] += 1
                if b"200" in line:
                    held.append(writer)
                    return
            except (OSError, TimeoutError) as error:
                answers[type(error).__name__] += 1
            writer.close()

    held: list[asyncio.StreamWriter] = []
    started = time.monotonic()
    before = received["changes"]
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    took = time.monotonic() - started
    await asyncio.sleep(2 * INTERVAL)
    news = received["changes"] - before
    viewer.cancel()
    with suppress(asyncio.CancelledError):
        await viewer
    for writer in held:
        writer.close()
    return (
        f"{CONNECTIONS} connections, 2,000 at a time, {took:.1f} s: {dict(answers)}; "
        f"the viewer got {news} events meanwhile"
    )


def main() -> int:
    """Measure everything. Returns the exit code."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="for each measurement (default %(default)s)")
    seconds = parser.parse_args().seconds
    if sys.platform == "win32":
        sys.exit("on Linux only")
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "runs")
        folder.mkdir()
        for number in range(FILES):
            write_running_status(folder / f"run-{number}.json", 0.01, 1000.0, 1.0, "step 0")
        for viewers in (0, VIEWERS):
            with panel(folder) as (server, port):
                print(asyncio.run(cost(server, port, folder, seconds, viewers)), flush=True)
        if strace := shutil.which("strace"):
            trace = Path(temporary, "trace")
            with panel(folder, strace, "-f", "-e", "trace=open,openat", "-o", str(trace)) as (_, port):
                asyncio.run(traced(port, folder, seconds / 2))
            print(opens(trace), flush=True)
        with panel(folder) as (_, port):
            print(asyncio.run(flood(port)), flush=True)
    print(f"limit of descriptors: {soft} at the start, {hard} for the clients")
    return 0


if __name__ == "__main__":
    sys.exit(main())
