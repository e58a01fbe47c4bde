"""The set-up commands of a manifest: they run in a copy of its folder, which may be kept for the next run."""

from __future__ import annotations

import contextlib
import dataclasses
import filecmp
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click

from conformance.contract.errors import ImplementationError, ManifestError
from conformance.contract.manifest import Manifest
from conformance.subject.accounts import give
from conformance.subject.children import spawn
from conformance.subject.launch import LaunchOptions
from conformance.system.folder_copy import copy_folder

__all__ = ["cache_folder", "release", "set_up"]

SETUP_SECONDS = 1200.0  # for each command; compilers take minutes where others compile, too
_SHOWN_BYTES = 4000  # of what a command that failed had printed
_LEFT_OUT = ("node_modules", "__pycache__", "target")
_STATE = ".pulse-kit.json"
_held: dict[Path, IO[bytes]] = {}  # the run's folder → the lock of the kept copy that it uses


class _EndedBadly(ImplementationError):
    """A command that ended by itself with another exit code than 0."""


def set_up(manifest: Manifest, folder: Path, options: LaunchOptions) -> Manifest:
    """Run the set-up commands in a copy of the manifest's folder, so that nothing is written beside the manifest.

    The copy is in ``folder``, the run's own, or with ``keep_setup`` in the user's cache, unless another run has that
    one in use; it is then this run's until `release`. Says on standard error what runs, and for how long.
    With another user or a sandbox nothing is kept, and nothing is copied that a link leads out of the folder to: what
    the kit may read, the implementation may not.

    Raises ImplementationError when a command fails, ManifestError when the folder cannot be copied, or the kept copy
    not be changed.
    """
    if not manifest.setup:
        return manifest
    copy = folder / "implementation"
    strange = options.user is not None or options.sandbox is not None
    try:
        # The run's own folder may lie in the manifest's, with --dir.
        copy_folder(manifest.folder, copy, ignore=(*_LEFT_OUT, folder.name), outside=not strange)
    except OSError as error:
        raise ManifestError(f"{manifest.folder}: cannot be copied for the set-up: {error}") from error
    give(copy, options.user)
    # What is kept lies in the cache of the kit's own user, where a stranger has no business: the kit copies into it by
    # paths in which it might find links.
    kept = None if strange or not manifest.keep_setup else _kept_copy(manifest)
    if kept is None or not _lock(kept, folder):
        _run_all(dataclasses.replace(manifest, folder=copy), options)
        return dataclasses.replace(manifest, folder=copy, original=manifest.folder)
    try:
        _refresh(kept, copy, manifest)
    except OSError as error:
        raise ManifestError(f"{kept}: cannot be brought up to date; remove it: {error}") from error
    try:
        _run_all(dataclasses.replace(manifest, folder=kept), options)
    except _EndedBadly as error:  # by itself: what it has made so far is whole
        _write_state(kept, copy, manifest)
        text = f"{error}\nwhat it made is kept for the next run; to start from nothing, remove {kept}"
        raise ImplementationError(text, error.stderr) from error
    _write_state(kept, copy, manifest)
    return dataclasses.replace(manifest, folder=kept, original=manifest.folder)


def release(folder: Path) -> None:
    """Let other runs use the kept copy of the run whose folder this is, if it has one."""
    if lock := _held.pop(folder, None):
        lock.close()


def cache_folder() -> Path:
    """The folder of the kept copies: in the user's cache. Whatever is in it may be removed while no run uses it."""
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        parent = Path.home() / "Library" / "Caches"
    else:
        parent = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(parent, "pulse-kit", "setup")


def _kept_copy(manifest: Manifest) -> Path | None:
    """The folder of the manifest's kept copy, made if it is missing; None where it cannot be made."""
    number = hashlib.sha256(os.fsencode(manifest.folder)).hexdigest()[:16]
    folder = cache_folder() / f"{manifest.folder.name}-{number}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        click.echo(f"setup: not kept: {folder}: {error}", err=True)
        return None
    return folder


def _lock(kept: Path, folder: Path) -> bool:
    """Take the kept copy for the run of this folder. The system releases it when the process ends, however it does."""
    file = kept.with_name(f"{kept.name}.lock").open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        click.echo("setup: another run uses the copy that is kept; from nothing", err=True)
        return False
    _held[folder] = file
    return True


def _state(manifest: Manifest, copy: Path) -> dict[str, Any]:
    """What a kept copy was made of: another command starts from nothing, and files that are gone are removed."""
    made_by = [sys.executable, *map(list, manifest.setup), list(manifest.command)]
    return {"made_by": made_by, "files": sorted(_files(copy))}


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _write_state(kept: Path, copy: Path, manifest: Manifest) -> None:
    (kept / _STATE).write_text(json.dumps(_state(manifest, copy)), encoding="utf-8")


def _refresh(kept: Path, copy: Path, manifest: Manifest) -> None:
    """Make the files of the manifest's folder what they are in ``copy``; empty it where it was not left in order.

    A file that changed gets the present time, whatever its own is: build tools compare times.
    """
    wanted = _state(manifest, copy)
    try:
        state = json.loads((kept / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = {}
    if state.get("made_by") == wanted["made_by"]:
        (kept / _STATE).unlink()  # a run that is killed meanwhile may leave half a product
        for name in set(state["files"]) - set(wanted["files"]):
            (kept / name).unlink(missing_ok=True)
    else:
        _empty(kept)
    for name in wanted["files"]:
        source, target = copy / name, kept / name
        if not target.is_file() or not filecmp.cmp(source, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)
        shutil.copymode(source, target)
    for source in copy.rglob("*"):  # folders without a file
        if source.is_dir():
            (kept / source.relative_to(copy)).mkdir(parents=True, exist_ok=True)


def _empty(kept: Path) -> None:
    for path in kept.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _run_all(manifest: Manifest, options: LaunchOptions) -> None:
    for command in manifest.setup:
        _run(command, manifest, options)


def _run(command: Sequence[str], manifest: Manifest, options: LaunchOptions) -> None:
    shown, begin = shlex.join(command), time.monotonic()
    click.echo(f"setup: {shown if len(shown) <= 100 else f'{shown[:100]}…'}", err=True, nl=False)
    words = [sys.executable if word == "{python}" else word for word in command]
    words[0] = shutil.which(words[0]) or words[0]
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(lambda: click.echo(f" ({time.monotonic() - begin:.1f} s)", err=True))
        try:
            words = [*options.launcher(manifest, words, network=True), *words]
            environment = options.child_environment(network=True)
            child = spawn(words, folder=manifest.folder, children=options.children, environment=environment)
        except OSError as error:
            raise ImplementationError(f"set-up command cannot be run: {' '.join(command)}: {error}") from error
        try:
            printed = child.communicate(b"", SETUP_SECONDS, limit=_SHOWN_BYTES, last=True)
        except subprocess.TimeoutExpired as error:
            text = f"set-up command did not end within {SETUP_SECONDS:g} s: {' '.join(command)}"
            raise ImplementationError(text, child.stderr()) from error
    if child.process.returncode != 0:
        text = f"set-up command ended with exit code {child.process.returncode}: {' '.join(command)}"
        if said := printed.decode("utf-8", "backslashreplace").strip():  # some compilers say it there
            text = f"{text}\nit printed:\n{said}"
        raise _EndedBadly(text, child.stderr())
