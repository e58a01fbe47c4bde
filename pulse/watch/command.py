"""``pulse watch``: polls the files, and shows what is known of them in one of three ways."""

import argparse
import importlib.util
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from pulse._streams import complain
from pulse.liveness import names
from pulse.reader import StatusReader
from pulse.watch.files import PatternReader, all_folders, expanded
from pulse.watch.looks import Looks
from pulse.watch.screens import JsonLines, Lines, Screen, print_json, print_lines
from pulse.watch.stops import stoppable
from pulse.watch.words import ASCII, UNICODE, Glyphs, exit_code

__all__ = ["watch"]

INSTALL = 'python -m pip install "pulse-status[watch]"'
ENDED = {"done": 0, "error": 4}
"""The exit codes of the ways to end."""

PATIENCE = 1.0
"""A look waits no longer when no file has answered for so many seconds …"""
PATIENCE_ONCE = 3.0
"""… and so does the only one of ``--once``, or the expansion of a pattern."""


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
    try:
        return _watch(options, wait)
    except KeyboardInterrupt:
        return 130
    except _Terminated:
        return 143


def _watch(options: argparse.Namespace, wait: Callable[[float], object]) -> int:
    """As :func:`watch`, but Ctrl-C and SIGTERM are exceptions."""
    files = expanded(options.files, PATIENCE_ONCE)
    paths = [file.path for file in files]
    if all_folders(files, PATIENCE_ONCE):
        pattern = os.path.join(paths[0], "*.json")
        complain(f"pulse watch: {paths[0]} is a folder: name the files in it, for example {pattern}")
        return 2
    times = {"interval": options.interval, "stalled_after": options.stalled_after}
    readers = [(PatternReader if file.pattern else StatusReader)(file.path, **times) for file in files]
    called = [file.path if file.pattern else name for file, name in zip(files, names(paths), strict=True)]
    looks = Looks(readers, list(zip(paths, called, strict=True)), PATIENCE_ONCE if options.once else PATIENCE)
    if options.once:
        rows = looks.look()
        if options.json:
            print_json(rows)
        else:
            print_lines(rows, _glyphs(options))
        return exit_code(rows)
    screen = _screen(options)
    if screen is None:
        complain(f"pulse watch: the panel needs rich: {INSTALL}. Without it there are --once, --json and --ascii")
        return 2
    with _ended_by_sigterm(), screen as shown, stoppable(shown, wait) as stoppable_wait:
        return _follow(options, looks, shown, stoppable_wait)


def _follow(
    options: argparse.Namespace,
    looks: Looks,
    screen: Screen,
    wait: Callable[[float], object],
) -> int:
    """Poll until every run has ended, if that is wanted, else for ever."""
    from pulse.watch.hooks import Hooks, start  # subprocess is slow to import, and --once has no use for it

    hooks = Hooks(
        options.on, lambda command, variables: start(command, variables, screen.quiet), screen.note, wait=wait
    )
    while True:
        rows = looks.look()
        hooks.look(rows)
        screen.show(rows)
        # What has ended stays ended, even when its file is removed while another run goes on.
        endings = [ENDED.get(row.polled.status["status"]) if row.polled.status else None for row in rows]
        known = [code for code in endings if code is not None]
        if options.exit_when_ended and len(known) == len(rows):
            hooks.finish()
            return max(known)
        wait(options.interval)


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
