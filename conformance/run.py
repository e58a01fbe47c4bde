"""One run of the suite: its temporary folder, the set-up commands, and the smoke stage before the first case."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.errors import ImplementationError, ManifestError
from conformance.implementation import ANSWER_SECONDS, START_SECONDS, Circumstances, Implementation, start
from conformance.manifest import Manifest
from conformance.payload import encode, make_status
from conformance.processes import kill_recorded_children

__all__ = ["Run", "load", "prepare", "save", "tear_down"]

SETUP_SECONDS = 300.0


@dataclass(frozen=True)
class Run:
    """What every case of a run shares. Nothing is written outside ``folder``."""

    manifest: Manifest
    folder: Path
    seed: int
    answer_seconds: float = ANSWER_SECONDS
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def circumstances(self, **changes: Any) -> Circumstances:
        """How implementations of this run are started."""
        return Circumstances(
            **{
                "children": self.folder / "children",
                "scratch": self.folder / "scratch",
                "start_seconds": START_SECONDS,
                "answer_seconds": self.answer_seconds,
                **changes,
            }
        )


def prepare(manifest: Manifest, *, seed: int, parent: Path | None, answer_seconds: float) -> Run:
    """Make the run's folder, run the manifest's set-up there, and pass the smoke stage.

    ``parent`` is the folder in which the run's temporary folder is made (None: the system's). Raises
    ImplementationError (the folder is gone then), ManifestError when ``parent`` cannot be used.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="pulse-conformance-", dir=parent)).resolve()
    except OSError as error:
        raise ManifestError(f"{parent}: cannot make the run's temporary folder there: {error}") from error
    try:
        for name in ("children", "scratch", "cases", "smoke"):
            (folder / name).mkdir()
        run = Run(_set_up(manifest, folder), folder, seed, answer_seconds)
        return dataclasses.replace(run, about=dict(_smoke(run)))
    except BaseException:
        tear_down(folder)
        raise


def tear_down(folder: Path) -> None:
    """Kill what the run left running and remove its folder."""
    kill_recorded_children(folder / "children")
    shutil.rmtree(folder, ignore_errors=True)


def save(run: Run) -> Path:
    """Write the run into its own folder, for worker processes."""
    path = run.folder / "run.pickle"
    path.write_bytes(pickle.dumps(run))
    return path


def load(path: Path) -> Run:
    """Read what `save` wrote."""
    run = pickle.loads(path.read_bytes())
    assert isinstance(run, Run)
    return run


def _set_up(manifest: Manifest, folder: Path) -> Manifest:
    """Run the set-up commands in a copy of the manifest's folder, so that nothing is written beside the manifest."""
    if not manifest.setup:
        return manifest
    copy = folder / "implementation"
    shutil.copytree(manifest.folder, copy, ignore=shutil.ignore_patterns("node_modules", "__pycache__", "target"))
    for command in manifest.setup:
        words = [sys.executable if word == "{python}" else word for word in command]
        words[0] = shutil.which(words[0]) or words[0]
        try:
            done = subprocess.run(
                words,
                cwd=copy,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SETUP_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ImplementationError(f"set-up command cannot be run: {' '.join(command)}: {error}") from error
        if done.returncode != 0:
            text = f"set-up command ended with exit code {done.returncode}: {' '.join(command)}"
            raise ImplementationError(text, done.stderr[-4000:] or done.stdout[-4000:])
    return dataclasses.replace(manifest, folder=copy)


def _smoke(run: Run) -> Mapping[str, Any]:
    """Talk to the implementation once. This judges the protocol only: what it wrote is the suite's business."""
    implementation = start(run.manifest, run.circumstances())
    try:
        target = str(run.folder / "smoke" / "status.json")
        status = make_status(0, 0)
        if "writer" in run.manifest.roles:
            if run.manifest.profile == "pulse":
                _supported(implementation, "write", path=target, status=status)
            else:
                _supported(implementation, "replace", path=target, text=encode(status))
        if "reader" in run.manifest.roles:
            _supported(implementation, "read", path=target)
            if run.manifest.mode != "oneshot":
                _supported(implementation, "poll", path=target)
                _supported(implementation, "progress", status=status)
        implementation.stop()
        return implementation.about
    finally:
        implementation.kill()


def _supported(implementation: Implementation, operation: str, **fields: Any) -> None:
    answer = implementation.request(operation, **fields)
    if answer.error == "unsupported":
        raise ImplementationError(
            f"does not support {operation}, which its roles and profile need: {answer.message}",
            implementation.stderr(),
        )
    if not answer.ok:
        raise ImplementationError(
            f"cannot even {operation} a plain document: {answer.error}: {answer.message}",
            implementation.stderr(),
        )
