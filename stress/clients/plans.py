"""What a writer or a reader of a run does, as plans that are handed over whole to its process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance.contract.manifest import Manifest
from conformance.subject.launch import LaunchOptions
from stress.record.scenario import Sharing

__all__ = ["ReaderPlan", "WriterPlan"]


@dataclass(frozen=True)
class ReaderPlan:
    """A reader reads the targets ``names`` in ``folder``, and before that the file ``control``.

    ``manifest`` is None for the kit's own reader, which opens files with ``sharing``; a reader implementation is sent
    up to ``pipeline`` requests ahead. ``pause`` is seconds between two reads.
    """

    folder: Path
    names: tuple[str, ...]
    control: str
    pause: float
    manifest: Manifest | None
    launch_options: LaunchOptions
    pipeline: int
    sharing: Sharing | None = None


@dataclass(frozen=True)
class WriterPlan:
    """Writer ``number`` of a run writes documents 1, 2, 3, … to the targets ``names`` in ``folder`` in turn.

    ``sizes`` (bytes) are mixed at random, from ``seed``. ``rate`` is writes a second, 0 for as fast as it goes. Up to
    ``pipeline`` requests are sent ahead. ``keeps`` are the patterns of files that stay beside a target.
    """

    number: int
    folder: Path
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    rate: float
    manifest: Manifest
    launch_options: LaunchOptions
    pipeline: int
    seed: int
    keeps: tuple[str, ...] = ()
