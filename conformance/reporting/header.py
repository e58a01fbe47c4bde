"""The header of a run's results: which kit judged which implementation, and on what."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from conformance.reporting.results import Header
from conformance.subject.manifest import Manifest
from conformance.system.platform import describe_platform

__all__ = ["header_of", "kit_version"]


def kit_version() -> str:
    """The version of the installed kit."""
    try:
        return version("pulse-kit")
    except PackageNotFoundError:
        return "unknown (not installed)"


def header_of(
    manifest: Manifest,
    about: Mapping[str, Any],
    file_systems: Sequence[str],
    seed: int,
    selection: Mapping[str, Sequence[str]],
) -> Header:
    """The first line of results.jsonl. ``about`` is the implementation's answer to the handshake; ``selection`` says
    what was asked for, by the option's name.
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
        },
        platform=describe_platform(),
        file_system=", ".join(file_systems),
        python=platform.python_version(),
        seed=seed,
        selection=dict(selection),
    )
