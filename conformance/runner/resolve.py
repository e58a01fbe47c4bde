"""``--impl NAME`` → a manifest: a path, an implementation that comes with the kit, a command, a mutant or a variant."""

from __future__ import annotations

import dataclasses
import os
import shlex
from pathlib import Path

from conformance.contract.errors import ManifestError
from conformance.contract.manifest import Manifest, load_manifest
from conformance.contract.templates import USUAL_REFUSALS, words_of
from conformance.mutation.registry import entry_of, folder_of

__all__ = ["manifest_file", "resolve"]

IMPLEMENTATIONS = Path(__file__).parents[1] / "implementations"


def resolve(name: str, clause_ids: frozenset[str]) -> Manifest:
    """Turn the value of ``--impl`` into a manifest.

    ``name`` is a manifest's path, a folder name under ``conformance/implementations`` (such as ``reference``),
    ``command:WORDS`` for a command with ``{path}``, or ``mutant:NAME`` / ``variant:NAME``. Raises ManifestError.
    """
    kind, _, member = name.partition(":")
    if kind == "command":
        return _manifest_of_command(member)
    if member and kind in ("mutant", "variant"):
        return _manifest_of(kind, member)
    packaged = IMPLEMENTATIONS / name / "implementation.toml"
    path = Path(name)
    if os.path.isdir(path):  # unlike Path.is_dir it answers for every name, however long
        path = path / "implementation.toml"
    if "/" not in name and "\\" not in name and os.path.isfile(packaged):
        if os.path.isfile(path) and not path.samefile(packaged):
            raise ManifestError(
                f"--impl {name}: an implementation of this name comes with the kit, and {name} here has a manifest, "
                f"too; write .{os.sep}{name} for that one, or start elsewhere"
            )
        return load_manifest(packaged, clause_ids, source=name)
    if not os.path.isfile(path):
        known = ", ".join(sorted(folder.parent.name for folder in IMPLEMENTATIONS.glob("*/implementation.toml")))
        raise ManifestError(
            f"{name}: no such manifest; give the path of an implementation.toml, one of {known}, "
            "or mutant:NAME / variant:NAME"
        )
    return load_manifest(path, clause_ids, source=str(path.resolve()))


def manifest_file(manifest: Manifest) -> Path | None:
    """The file of a manifest that `resolve` has found; None for a command, a mutant or a variant, which has none."""
    if manifest.source.startswith(("command:", "mutant:", "variant:")):
        return None
    packaged = IMPLEMENTATIONS / manifest.source / "implementation.toml"
    return packaged if packaged.is_file() else Path(manifest.source)


def _manifest_of_command(text: str) -> Manifest:
    try:
        words = words_of(text)
    except ValueError as error:
        raise ManifestError(f"the command {text!r} {error}") from error
    return Manifest(
        name=shlex.join(words),
        language="unknown",
        profile="replace",
        roles=("writer",),
        mode="oneshot",
        folder=Path.cwd(),
        source=f"command:{text}",
        command=words,
        refusals=USUAL_REFUSALS,
    )


def _manifest_of(kind: str, name: str) -> Manifest:
    try:
        entry = entry_of(kind, name)
    except LookupError as error:
        raise ManifestError(str(error)) from error
    usual = Manifest(
        name=f"{kind}:{name}",
        language="python",
        profile="pulse",
        roles=("writer", "reader"),
        mode="python",
        folder=Path(folder_of(kind)),
        source=f"{kind}:{name}",
        callable=entry.callable,
        symlink="follow",
    )
    return dataclasses.replace(usual, **entry.manifest)
