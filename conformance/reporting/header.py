"""The header of a run's results: which kit judged which implementation, and on what."""

from __future__ import annotations

import dataclasses
import datetime
import platform
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from conformance.contract.manifest import Manifest
from conformance.reporting.results import Header
from conformance.system.file_hashes import file_hash, folder_hashes, kit_files
from conformance.system.platform import describe_platform

__all__ = ["command_as_started", "header_of", "kit_version", "time_now"]


def kit_version() -> str:
    """The version of the installed kit."""
    try:
        return version("pulse-kit")
    except PackageNotFoundError:
        return "unknown (not installed)"


def command_as_started() -> str:
    """The command line of this process, for a shell: ``pulse conformance --impl X``, or ``python -m pulse …``."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = ["python", "-m", spec.name.removesuffix(".__main__")] if spec else [Path(sys.argv[0]).name]
    return shlex.join([*program, *sys.argv[1:]])


def time_now() -> str:
    """The time of day for a header: UTC, whole seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def header_of(
    manifest: Manifest,
    about: Mapping[str, Any],
    file_systems: Sequence[str],
    seed: int,
    selection: Mapping[str, Sequence[str]],
    *,
    program: str = "pulse conformance",
    reader: Mapping[str, str] | None = None,
) -> Header:
    """The first line of results.jsonl. ``about`` is the implementation's answer to the handshake; ``selection`` says
    what was asked for, by the option's name; ``program`` is the command of the kit that judges, ``reader``
    the name and version of a second implementation, of which only the reader is judged.
    """
    return Header(
        kit=kit_version(),
        implementation={
            "name": manifest.name,
            "version": str(about.get("version", "")),
            "language": manifest.language,
            "profile": manifest.profile,
            "roles": list(manifest.roles),
            "mode": manifest.mode,
            **({"callable": manifest.callable} if manifest.callable else {"command": list(manifest.command)}),
            "executable": _executable(manifest),
            "files": _files(manifest),
        },
        platform=describe_platform(),
        file_system=", ".join(file_systems),
        python=platform.python_version(),
        seed=seed,
        selection=dict(selection),
        started=time_now(),
        command=command_as_started(),
        kit_files=kit_files(),
        program=program,
        reader=dict(reader or {}),
    )


def _executable(manifest: Manifest) -> dict[str, str]:
    """The program that the manifest's command starts, and its hash unless it is the kit's own interpreter."""
    if _only_observed(manifest):
        return {"path": ""}
    if not manifest.command or manifest.command[0] == "{python}":
        return {"path": sys.executable}
    name = manifest.command[0]
    found = shutil.which(str(manifest.folder / name) if {"/", "\\"} & set(name) else name)
    if found is None:
        return {"path": name}
    try:
        return {"path": found, "sha256": file_hash(Path(found))}
    except OSError:
        return {"path": found}


def _files(manifest: Manifest) -> dict[str, Any]:
    """The hashes of the files in the manifest's folder. Mutants and variants are files of the kit itself."""
    if _only_observed(manifest):
        return {"why_not": "nothing was started"}
    if manifest.source.startswith(("mutant:", "variant:")):
        return {"why_not": "files of the kit"}
    if manifest.source.startswith("command:"):
        return {"why_not": "a command without a manifest"}
    hashes = dataclasses.asdict(folder_hashes(manifest.original or manifest.folder))
    return {name: value for name, value in hashes.items() if value}


def _only_observed(manifest: Manifest) -> bool:
    """Whether it says nothing of how to start a program: `pulse observe` watches one that runs already."""
    return not (manifest.command or manifest.callable)
