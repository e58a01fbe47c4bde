"""The watch itself: looks at files, and takes the events of their folders, until the time is up. It only reads."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from conformance.commands.observe.looks import Looker
from conformance.commands.observe.names import Beside, NameLog
from conformance.commands.observe.tally import Tally
from conformance.contract.errors import Unmeasured
from conformance.oracle.inotify import FolderWatch
from conformance.system.platform import file_system_of

__all__ = ["Stop", "Watched", "looking", "stopping", "watch"]

_KINDS = ("modify", "close-write", "moved-from", "moved-to", "create", "delete")
_FOLDER_SECONDS = 0.5  # between two looks at whether the folder is still the same
_PROGRESS_SECONDS = 1.0
_STOP_SECONDS = 0.1  # until a stop is noticed
# Where the number of a file may be made from its name, so that a new file looks like the old one.
_NUMBERS_BY_NAME = ("fuse", "cifs", "smb", "9p", "vboxsf", "prl_fs")
_OTHER_MACHINES = ("nfs", "fuse", "cifs", "smb", "9p", "ceph", "vboxsf", "gfs", "ocfs", "lustre", "glusterfs")


@dataclass
class Watched:
    """One file that is watched: what was seen of it, and, in ``notes``, what could not be seen and why.

    ``folder`` and ``tally.name`` are where the file itself is, behind a symbolic link at ``path``. ``events`` says
    whether the folder's events were seen, ``lost`` how often some of them were dropped.
    """

    path: Path
    folder: Path
    tally: Tally
    names: NameLog
    file_system: str
    events: bool = False
    lost: int = 0
    notes: list[str] = field(default_factory=list)
    before: frozenset[str] = frozenset()
    beside: tuple[Beside, ...] | None = None
    _watch: FolderWatch | None = None
    _folder_identity: tuple[int, int] | None = None
    _next_look_at_folder: float = 0.0
    _refused: str = ""

    @property
    def numbers_tell(self) -> bool:
        """Whether a file with the same number is the same file on this file system."""
        return not self.file_system.startswith(_NUMBERS_BY_NAME)

    @classmethod
    def of(cls, path: Path, tally: Tally) -> Watched:
        """Begin to watch. The folder has to exist."""
        target = Path(os.path.realpath(path)) if path.is_symlink() else Path(os.path.abspath(path))
        watched = cls(path, target.parent, tally, NameLog(target.name), file_system_of(target.parent))
        if path.is_symlink():
            watched.notes.append(f"{path} is a symbolic link; the events are those of the folder of {target}")
        watched.before = frozenset(watched._names())
        watched._follow_folder(0.0)
        if watched.events and watched.file_system.startswith(_OTHER_MACHINES):
            watched.notes.append(
                f"inotify on {watched.file_system} sees what this machine does; what others do is seen by reading only"
            )
        return watched

    def take_events(self, now: float) -> None:
        """Take what has happened in the folder, and see to it that it is still the same folder."""
        if self._watch is not None:
            try:
                self.names.take(self._watch.events())
            except OSError:
                self.lost += 1
        if now >= self._next_look_at_folder:
            self._follow_folder(now)

    def _follow_folder(self, now: float) -> None:
        self._next_look_at_folder = now + _FOLDER_SECONDS
        try:
            found = os.stat(self.folder)
        except OSError:
            self.let_go()
            if self._folder_identity is not None:
                self._folder_identity = None
                self.notes.append(f"the folder {self.folder} was removed during the watch")
            return
        if (found.st_dev, found.st_ino) == self._folder_identity:
            return
        if self._folder_identity is not None:
            self.notes.append(f"the folder {self.folder} was replaced by another one during the watch")
        self._folder_identity = (found.st_dev, found.st_ino)
        self.let_go()
        try:
            self._watch = FolderWatch(self.folder, _KINDS)
            self._watch.__enter__()
            self.events = True
        except (Unmeasured, OSError) as error:
            self._say_refused(error)

    def _say_refused(self, error: Exception) -> None:
        why = str(error)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            why = "inotify: the user's watches are used up; raise fs.inotify.max_user_watches"
        if why != self._refused:
            self._refused = why
            self.notes.append(f"how it is replaced is seen by reading only: {why}")

    def let_go(self) -> None:
        """Watch no folder any more."""
        if self._watch is not None:
            self._watch.__exit__(None, None, None)
            self._watch = None

    def end(self) -> None:
        """Look at what is beside the file, and let go of everything."""
        self.take_events(time.monotonic())
        self.let_go()
        self.names.end()
        with contextlib.suppress(OSError):
            self.beside = tuple(self._beside())

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.folder)
        except OSError as error:
            self.notes.append(f"the names in {self.folder} cannot be listed: {error.strerror}")
            return []

    def _beside(self) -> Iterator[Beside]:
        now = time.time()
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # removed meanwhile
                    if entry.name != self.names.name and entry.is_file(follow_symlinks=False):
                        age = now - entry.stat(follow_symlinks=False).st_mtime
                        yield Beside(entry.name, entry.name in self.before, age)


@dataclass
class Stop:
    """Whether to end. Set by a handler of a signal, which may not wait for a lock such as that of threading.Event."""

    asked: bool = False

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or soon after it was set."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _STOP_SECONDS))


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Inside the block Ctrl-C, and being asked to end (SIGTERM), set what it yields; pressed again, they interrupt."""
    stopped = Stop()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopped.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped.asked = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handled_by in before.items():
            signal.signal(number, handled_by)


@contextlib.contextmanager
def looking(files: Sequence[Watched]) -> Iterator[Callable[[], None]]:
    """Inside the block the files are watched: each call of what it yields looks once at each."""
    with contextlib.ExitStack() as at_the_end:
        lookers = [(each, at_the_end.enter_context(Looker(each.path))) for each in files]
        for each in files:
            at_the_end.callback(each.end)

        def once() -> None:
            for watched, looker in lookers:
                watched.tally.add(looker.look())
                watched.take_events(time.monotonic())

        yield once


def watch(
    files: Sequence[Watched],
    stopped: Stop,
    *,
    seconds: float | None,
    every: float,
    progress: Callable[[float], None] = lambda seconds: None,
) -> float:
    """Look at the files in turn, once at least, with a pause of ``every`` seconds after each round, for ``seconds`` or
    until ``stopped`` is set. Returns how long it took, in seconds. ``progress`` is called now and then with that.
    """
    started = shown = time.monotonic()
    with looking(files) as once:
        while True:
            once()
            now = time.monotonic()
            if stopped.asked or (seconds is not None and now - started >= seconds):
                break
            if now - shown >= _PROGRESS_SECONDS:
                shown = now
                progress(now - started)
            if every:
                stopped.wait(every)
    return time.monotonic() - started
