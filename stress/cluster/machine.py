"""What runs on each machine of a cluster: an object in the Dask worker, and the process that it starts for the load.

The harness starts processes of its own, which a Dask worker may not do: under a nanny it is a daemonic process. So the
load runs in a new Python, ``python -m stress.cluster.machine``. They exchange lines of JSON: a plan and ``"go"`` or
``"stop"`` to the process, messages back. When its standard input ends, the worker or its client is gone, and it stops.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, ManifestError
from conformance.reporting.header import kit_version
from conformance.runner import run as runs
from conformance.runner.resolve import resolve
from conformance.system.platform import file_system_of
from conformance.system.removal import remove_folder
from conformance.system.run_folders import new_folder, remove_run_folder
from stress.cluster.tally import SharedTally, marks_to_json
from stress.load.folder import look_at, temps_in
from stress.load.harness import run_in_folder
from stress.load.plan import LoadPlan, Shared
from stress.record.json_codec import scenario_from_json, to_json
from stress.record.scenario import Scenario
from stress.reporting.live import View

__all__ = ["Machine", "MachinePlan"]

_MOST_STDERR = 4000  # characters
_END_SECONDS = 10.0
_SCRATCH = "pulse-machine-"


@dataclass(frozen=True)
class MachinePlan:
    """What a machine runs: the implementation of this name, in ``folder``.

    ``answer_seconds`` is the time-out of a request.
    """

    implementation: str
    scenario: Scenario
    folder: str
    answer_seconds: float

    def to_json(self) -> dict[str, Any]:
        """The plan as values that `json` writes."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> MachinePlan:
        """The plan that `to_json` made this of."""
        return MachinePlan(**{**value, "scenario": scenario_from_json(value["scenario"])})


class Machine:
    """Lives in a Dask worker as an actor. Its methods return at once, with plain values.

    A folder that cannot be used raises NotADirectoryError, because Dask itself raises OSError for other reasons.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stderr: IO[bytes] | None = None
        self._scratch: Path | None = None

    def __del__(self) -> None:
        # Dask forgets the actor when the client is gone. The process then stops by itself, and is not waited for.
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def version(self) -> str:
        """The version of the kit."""
        return kit_version()

    def file_system(self, folder: str) -> str:
        """The type of the file system that holds a folder, which must exist."""
        if not os.path.isabs(folder):
            raise NotADirectoryError(
                f"{folder} is not an absolute path, and would be a different folder on each machine"
            )
        if not os.path.isdir(folder):
            raise NotADirectoryError(f"there is no folder {folder}")
        return file_system_of(Path(folder))

    def make(self, folder: str) -> None:
        """Make a folder."""
        try:
            os.mkdir(folder)
        except OSError as error:
            raise NotADirectoryError(f"cannot make a folder there: {error}") from error

    def sees(self, folder: str) -> bool:
        """Whether a folder is there."""
        return os.path.isdir(folder)

    def remove(self, folder: str) -> None:
        """Remove a folder with its contents, as far as possible."""
        with contextlib.suppress(OSError):
            remove_folder(Path(folder).parent.resolve() / os.path.basename(folder))

    def look(self, folder: str, names: list[str]) -> list[dict[str, Any]]:
        """Read each target once: its identity, or else what is wrong."""
        looks: list[dict[str, Any]] = []
        for name in names:
            try:
                look = look_at(Path(folder, name))
            except OSError as error:
                looks.append({"identity": None, "kind": "missing", "text": f"missing: cannot be read: {error}"})
                continue
            looks.append({"identity": look.identity})
            if look.violation is not None:
                looks[-1] |= {"kind": look.violation.kind, "text": look.violation.text}
        return looks

    def beside(self, folder: str, names: list[str], keeps: list[str]) -> list[str]:
        """The names of the files beside the targets, without those that are kept there."""
        return list(temps_in(Path(folder), tuple(names), keeps))

    def start(self, plan: Mapping[str, Any]) -> None:
        """Start the load's process."""
        # The process makes its folders there, because a process that is killed cannot remove them.
        self._scratch = new_folder(_SCRATCH, Path(tempfile.gettempdir()))
        scratch = str(self._scratch)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process, until `end`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stress.cluster.machine"],
            env={**os.environ, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        assert self._process.stdout is not None
        arguments = self._process.stdout, self._messages
        threading.Thread(target=_collect, args=arguments, daemon=True).start()
        self.say(plan)

    def say(self, word: Any) -> None:
        """Send the process one value. A process that has ended gets nothing; `heard` reports that."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(word).encode() + b"\n")
            self._process.stdin.flush()

    def heard(self) -> list[dict[str, Any]]:
        """The messages of the process since the last call. The last one of all is ``ended``, with its stderr."""
        messages: list[dict[str, Any]] = []
        with contextlib.suppress(queue.Empty):
            while True:
                message = self._messages.get_nowait()
                messages.append(message if message is not None else {"ended": True, "stderr": self._last_stderr()})
        return messages

    def end(self) -> None:
        """End the process, if there is one: cleanly, or else by killing it."""
        if self._process is None or self._stderr is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()
        self._process = None
        if self._scratch is not None and self._scratch.is_dir():
            for folder in self._scratch.iterdir():
                runs.tear_down(folder)
            with contextlib.suppress(OSError):
                remove_run_folder(self._scratch)

    def _last_stderr(self) -> str:
        assert self._process is not None
        assert self._stderr is not None
        self._process.wait()
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "backslashreplace")[-_MOST_STDERR:]


def _collect(stream: IO[bytes], messages: queue.SimpleQueue[Any]) -> None:
    """Put each line of the process into a queue, and None at the end."""
    with stream:
        for line in stream:
            messages.put(json.loads(line))
    messages.put(None)


# In the process


def main() -> None:
    """Read a plan from standard input, carry it out, and write messages to standard output."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what processes of the load print is not a message

    def say(message: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):
            print(json.dumps(message), file=channel, flush=True)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        lines = _lines()
        plan = next(lines)
        words: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(lines, words), daemon=True).start()
        result = _load(MachinePlan.from_json(plan), words, say)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        say({"result": result})
    except KeyboardInterrupt:
        say({"failed": "interrupted", "text": "was interrupted"})
    except ManifestError as error:
        say({"failed": "usage", "text": str(error)})
    except ImplementationError as error:
        say({"failed": "implementation", "text": str(error), "stderr": error.stderr})
    except Exception:
        say({"failed": "kit", "text": traceback.format_exc()})
    finally:
        # Empty by now. When the worker is gone, no other process removes it.
        if os.path.basename(tempfile.gettempdir()).startswith(_SCRATCH):
            with contextlib.suppress(OSError):
                os.rmdir(tempfile.gettempdir())


def _lines() -> Iterator[Any]:
    """The values of standard input. Not by `sys.stdin`: a thread that waits there would hold its lock at the end."""
    rest = b""
    while piece := os.read(0, 1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, lines)


def _listen(lines: Iterator[Any], words: queue.SimpleQueue[str]) -> None:
    """Pass ``"go"`` on; anything else, and the end of standard input, acts as Ctrl-C."""
    for word in lines:
        if word != "go":
            break
        words.put(word)
    signal.raise_signal(signal.SIGINT)


def _load(plan: MachinePlan, words: queue.SimpleQueue[str], say: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """Run the harness in the folder that all machines share. Returns its record, its marks and what it keeps."""
    scenario = plan.scenario
    manifest = resolve(plan.implementation, frozenset(load_clauses()))
    run = runs.prepare(manifest, runs.RunPlan(seed=scenario.seed, answer_seconds=plan.answer_seconds))
    tally = SharedTally(scenario, scenario.names)

    def wait() -> None:
        say({"ready": True})
        while True:
            with contextlib.suppress(queue.Empty):
                words.get(timeout=0.1)  # a signal does not end a wait without a limit
                return

    def show(view: View) -> None:
        done = {"distinct": view.distinct, "acknowledged": view.acknowledged, "share": view.goal_share}
        say({"view": {"phase": view.phase, "now": vars(view.now), "counts": dict(view.counts), **done}})

    try:
        shared = Shared(tally, f"control-{scenario.first_writer}.json", wait)
        load = LoadPlan(run, scenario, Path(plan.folder), shown_as=plan.folder, shared=shared)
        record = run_in_folder(load, show)
    finally:
        runs.tear_down(run.folder, run.own)
    return {"record": to_json(record), "marks": marks_to_json(tally.marks), "keeps": list(load.keeps)}


if __name__ == "__main__":
    main()
