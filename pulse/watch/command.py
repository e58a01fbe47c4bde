"""``pulse watch``: polls the files, and shows what is known of them in one of three ways."""

import argparse
import glob
import importlib.util
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from pulse._streams import complain
from pulse.liveness import names
from pulse.reader import StatusReader
from pulse.watch.screens import JsonLines, Lines, Screen, print_json, print_lines
from pulse.watch.words import ASCII, UNICODE, Glyphs, Row, exit_code, updated

__all__ = ["watch"]

INSTALL = 'python -m pip install "pulse-status[watch]"'
ENDED = {"done": 0, "error": 4}
"""The exit codes of the ways to end."""


class _Terminated(BaseException):
    """SIGTERM: leave as after Ctrl-C, so that the terminal gets its cursor back."""


def watch(options: argparse.Namespace, *, wait: Callable[[float], object] = time.sleep) -> int:
    """Run ``pulse watch``.

    Args:
        options: as :func:`pulse.watch.options.add_parser` defines them.
        wait: called between two polls with the seconds to wait.

    Returns:
        The exit code: see the command's help.

    Raises:
        OSError: stdout is full, or a pipe that no program reads any more.
    """
    paths = _expanded(options.files)
    folders = [path for path in paths if os.path.isdir(path)]
    if folders:
        pattern = os.path.join(folders[0], "*.json")
        complain(f"pulse watch: {folders[0]} is a folder: name the files in it, for example {pattern}")
        return 2
    readers = [StatusReader(path, interval=options.interval, stalled_after=options.stalled_after) for path in paths]
    if options.once:
        rows = _polled(readers, paths, names(paths), [None] * len(paths))
        if options.json:
            print_json(rows)
        else:
            print_lines(rows, _glyphs(options))
        return exit_code(rows)
    screen = _screen(options)
    if screen is None:
        complain(f"pulse watch: the panel needs rich: {INSTALL}. Without it there are --once, --json and --ascii")
        return 2
    try:
        with _ended_by_sigterm(), screen as shown:
            return _follow(options, readers, paths, shown, wait)
    except KeyboardInterrupt:
        return 130
    except _Terminated:
        return 143


def _follow(
    options: argparse.Namespace,
    readers: Sequence[StatusReader],
    paths: Sequence[str],
    screen: Screen,
    wait: Callable[[float], object],
) -> int:
    """Poll until every run has ended, if that is wanted, else for ever."""
    from pulse.watch.hooks import Hooks, start  # subprocess is slow to import, and --once has no use for it

    hooks = Hooks(
        options.on, lambda command, variables: start(command, variables, screen.quiet), screen.note, wait=wait
    )
    rows: Sequence[Row | None] = [None] * len(paths)
    called = names(paths)  # once: every name is compared with every other
    while True:
        rows = polled = _polled(readers, paths, called, rows)
        hooks.look(polled)
        screen.show(polled)
        # What has ended stays ended, even when its file is removed while another run goes on.
        endings = [ENDED.get(row.polled.status["status"]) if row.polled.status else None for row in polled]
        known = [code for code in endings if code is not None]
        if options.exit_when_ended and len(known) == len(polled):
            hooks.finish()
            return max(known)
        wait(options.interval)


def _polled(
    readers: Sequence[StatusReader], paths: Sequence[str], called: Sequence[str], rows: Sequence[Row | None]
) -> list[Row]:
    """The rows after one poll of every file."""
    every = zip(rows, paths, called, readers, strict=True)
    return [updated(row, path, name, reader.poll()) for row, path, name, reader in every]


def _expanded(arguments: Sequence[str]) -> list[str]:
    """The files, each once: patterns are expanded here, because the shells of Windows do not."""
    found = (
        path
        for argument in arguments
        for path in ([argument] if os.path.lexists(argument) else sorted(glob.glob(argument)) or [argument])
    )
    return list({os.path.abspath(path): path for path in found}.values())


def _glyphs(options: argparse.Namespace) -> Glyphs:
    """ASCII if that is wanted, or if stdout can carry nothing else."""
    drawn = "".join([*UNICODE.symbols.values(), UNICODE.full, UNICODE.empty, UNICODE.levels, UNICODE.separator, "…"])
    try:
        drawn.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return ASCII
    return ASCII if options.ascii else UNICODE


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _screen(options: argparse.Namespace) -> AbstractContextManager[Screen] | None:
    """The way to show the runs; ``None`` where that needs rich and it is not installed."""
    if options.json:
        return JsonLines()
    glyphs = _glyphs(options)
    if not _is_terminal() or os.environ.get("TERM") == "dumb":
        return Lines(glyphs)
    if importlib.util.find_spec("rich") is None:
        return Lines(glyphs) if options.ascii else None
    from pulse.watch.panel import Panel

    return Panel(glyphs)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """While this lasts, SIGTERM raises :class:`_Terminated`; only the main thread may ask for signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated
