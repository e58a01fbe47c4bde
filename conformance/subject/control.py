"""The kit's own program where an implementation did not start: are the launch options at fault, or the program?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.contract.manifest import Manifest
from conformance.subject import readable
from conformance.subject.children import spawn
from conformance.subject.launch import LaunchOptions, command_of

__all__ = ["obstacle"]

_SHOWN = 400  # characters


def obstacle(manifest: Manifest, options: LaunchOptions) -> str:
    """What keeps even the kit's control program from starting with these launch options, in words; empty for nothing.

    It also has to read what the implementation's start needs: the command, its folder, and the home folder. A program
    that only root may open cannot start without the rights of root, and that is no fault of its writes.
    """
    program = (sys.executable, "-I", "-S", "-B", str(Path(readable.__file__)))
    try:
        child = spawn(
            (*options.prefix, *options.launcher(manifest, program), *program, *_needed(manifest, options)),
            folder=options.folder or manifest.folder,
            children=options.children,
            environment=options.child_environment(),
            umask=options.umask,
            ignore_signals=options.ignore_signals,
        )
        printed = child.communicate(b"", options.start_seconds).decode("utf-8", "backslashreplace").strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if printed == readable.READY:
        return ""
    return (printed or child.stderr().strip() or f"exit code {child.process.returncode}")[-_SHOWN:]


def _needed(manifest: Manifest, options: LaunchOptions) -> Iterator[str]:
    """The paths that the start of the implementation needs, of those that the kit itself finds."""
    environment = options.child_environment()
    folder = options.folder or manifest.folder
    first, *rest = command_of(manifest)
    command = folder / first if os.path.dirname(first) else shutil.which(first, path=environment.get("PATH"))
    paths = [command, *(folder / word for word in rest), manifest.folder]
    yield from (str(path) for path in paths if path and os.path.exists(path))
    if os.path.isdir(home := environment.get("HOME", "")):
        yield from (readable.LISTED, home)
