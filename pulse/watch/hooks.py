"""Commands that ``pulse watch --on`` runs when a run becomes done, stalled or failed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pulse.liveness import Liveness, state
from pulse.reader import Polled, ReadOutcome
from pulse.watch.words import Row

__all__ = ["Hooks", "Known", "Started", "environment", "known", "news", "start"]

LONGEST_VALUE = 4000
"""No variable is longer, in characters: systems limit a variable, or all of them together, to 32 KiB."""
PATIENCE = 10.0
"""How long commands that still run may take to finish when the watch ends, in seconds."""


class Started(Protocol):
    """A command that was started: as much of :class:`subprocess.Popen` as is needed."""

    def poll(self) -> int | None:
        """The exit code; ``None`` while it runs."""


Start = Callable[[str, Mapping[str, str]], Started]


def start(command: str, variables: Mapping[str, str], quiet: bool = False) -> Started:
    """Run a command by the shell, with these variables beside our own, and do not wait for it.

    It gets a session of its own, so that Ctrl-C ends the watch but not a message that is being sent. What it prints
    goes to our stderr, because stdout may be JSON for another program; nowhere, if ``quiet``.

    Raises:
        OSError: there is no shell, or no process can be started.
    """
    output = subprocess.DEVNULL if quiet or sys.stderr is None else 2
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        command,
        shell=True,  # the user's own command line, and nothing of the status file is in it
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        creationflags=flags,
    )


@dataclass(frozen=True)
class Known:
    """What a run was when its file was last readable."""

    state: str | None
    """``None`` if it never was: the file was missing then."""
    timestamp: int | None = None
    """That of its document."""


def known(before: Known | None, polled: Polled) -> Known | None:
    """What is known of a run after one more poll; ``None`` as long as nothing is, not even that there is no file."""
    if polled.liveness is not Liveness.UNREADABLE and polled.status is not None:
        return Known(state(polled), polled.status["timestamp"])
    return Known(None) if before is None and polled.outcome is ReadOutcome.MISSING else before


def news(before: Known | None, polled: Polled, watched_seconds: float) -> str | None:
    """The state that a run has come into while it was watched; ``None`` when there is nothing new.

    An end with another timestamp is another end: between two polls the run went on, and ended again. One with another
    message is the same end, of which more is said.

    Args:
        before: what was known before this poll.
        polled: what is known now.
        watched_seconds: how long the watch has lasted.
    """
    now = known(None, polled)
    if now is None or now.state is None:
        return None
    ended = polled.liveness is Liveness.ENDED
    if before is not None and before.state is not None:
        return now.state if now.state != before.state or (ended and now.timestamp != before.timestamp) else None
    if before is not None and ended:
        return now.state  # the file came while it was watched, however old its times are
    if watched_seconds <= 0.0 or (polled.unchanged_seconds or 0.0) > watched_seconds:
        return None  # it was so before the watch began
    return now.state


def environment(row: Row, event: str, encoding: str = sys.getfilesystemencoding()) -> dict[str, str]:
    """What a command finds in its environment.

    Args:
        row: the run.
        event: what has happened to it.
        encoding: that of the environment. What it lacks becomes ``?``, and NUL, which none can hold, U+FFFD.
    """
    polled = row.polled
    values: dict[str, object] = {
        "PATH": os.path.abspath(row.path),
        "NAME": row.name,
        "EVENT": event,
        **{name.upper(): value for name, value in (polled.status or {}).items()},
        "PROGRESS": round(polled.progress, 1),
        "UNCHANGED_SECONDS": round(polled.unchanged_seconds or 0.0),
    }
    texts = {name: str(value).replace("\0", "\ufffd")[:LONGEST_VALUE] for name, value in values.items()}
    return {f"PULSE_{name}": _encodable(text, encoding) for name, text in texts.items()}


def _encodable(text: str, encoding: str) -> str:
    """Text that can be encoded; a path always can, whatever its bytes are."""
    try:
        text.encode(encoding, sys.getfilesystemencodeerrors())
    except UnicodeEncodeError:
        return text.encode(encoding, errors="replace").decode(encoding)
    return text


@dataclass
class Hooks:
    """Runs the commands, each once per transition, and never waits for one while the watch lasts."""

    commands: Sequence[tuple[str, str]]
    """Pairs of an event and a command."""
    start: Start = start
    note: Callable[[str], object] = print
    """Takes a line for people about a command that failed."""
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], object] = time.sleep
    _began: float | None = None
    _known: dict[str, Known | None] = field(default_factory=dict)
    _running: dict[tuple[str, str, str], Started] = field(default_factory=dict)

    def look(self, rows: Sequence[Row]) -> None:
        """Run what is due after a poll of all files, and reap what has finished."""
        now = self.clock()
        if self._began is None:
            self._began = now
        self._reap()
        for row in rows:
            before = self._known.get(row.path)
            event = news(before, row.polled, now - self._began)
            self._known[row.path] = known(before, row.polled)
            for wanted, command in self.commands:
                if wanted == event:
                    self._run(row, event, command)

    def finish(self) -> None:
        """Wait a little for the commands that still run; those that take longer are left alone."""
        end = self.clock() + PATIENCE
        while self._running and self.clock() < end:
            self.wait(0.05)
            self._reap()
        for name, event, command in self._running:
            self.note(f"--on {event} ({name}): still running, and left alone: {command}")

    def _run(self, row: Row, event: str, command: str) -> None:
        key = (row.name, event, command)
        if key in self._running:
            self.note(f"--on {event} ({row.name}): not run again, because it still runs: {command}")
            return
        try:
            self._running[key] = self.start(command, environment(row, event))
        except OSError as error:
            self.note(f"--on {event} ({row.name}): {error}: {command}")

    def _reap(self) -> None:
        """Collect the exit codes: a process whose code is never asked for stays a zombie."""
        codes = {key: started.poll() for key, started in self._running.items()}
        for (name, event, command), code in codes.items():
            if code is not None:
                del self._running[name, event, command]
            if code:
                self.note(f"--on {event} ({name}): exit code {code}: {command}")
