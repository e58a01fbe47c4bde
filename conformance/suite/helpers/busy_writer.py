"""The kit's own writer for clauses about readers: replaces a file as fast as it can, from a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from conformance.oracle.payload import encode, make_status

__all__ = ["KitWriter", "replace_patiently"]


class KitWriter:
    """A context manager; inside the block ``target`` always exists and changes constantly."""

    def __init__(self, target: Path, size: int) -> None:
        words = [sys.executable, "-m", "conformance.suite.helpers.busy_writer", str(target), str(size)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> KitWriter:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # a line means that the first document is in place
            self.stop()
        return self

    def stop(self) -> int:
        """End the writer. Returns how many documents it has published. Raises RuntimeError when it failed."""
        printed, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"the kit's own writer ended with exit code {self._process.returncode}")
        return int(printed)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def _replace_until_stopped(target: Path, size: int) -> int:
    """Publish the documents 0, 1, 2, … until standard input ends, two of the size and two that are smaller in turn.

    Returns how many.
    """
    stopped = threading.Event()

    def wait_for_the_end_of_input() -> None:
        os.read(sys.stdin.fileno(), 1)  # unbuffered: a thread in a buffered read would abort the process as it exits
        stopped.set()

    threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    temps = [target.with_name(f"{target.name}.kit{number}") for number in (0, 1)]
    sizes = (size, size * 3 // 4)
    count = 0
    while not stopped.is_set() or count == 0:
        temp = temps[count % 2]
        temp.write_bytes(encode(make_status(0, count, sizes[count // 2 % 2])).encode("utf-8"))
        replace_patiently(temp, target)
        if count == 0:
            print("ready", flush=True)
        count += 1
    return count


def replace_patiently(temp: Path, target: Path) -> None:
    """Rename the temp onto the target, again and again while a reader's open file prevents it. Raises OSError."""
    while True:
        try:
            temp.replace(target)
            return
        except PermissionError:
            if sys.platform != "win32":
                raise  # only on Windows can a reader that has the target open block it for a moment


if __name__ == "__main__":
    print(_replace_until_stopped(Path(sys.argv[1]), int(sys.argv[2])))
