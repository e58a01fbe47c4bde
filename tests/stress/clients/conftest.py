"""What the tests of writer clients share: a writer of a scripted implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.contract.manifest import Manifest
from conformance.subject.launch import LaunchOptions
from stress.clients.plans import WriterPlan
from stress.clients.writer_client import Writer
from stress.record.shared_counters import Counters

if TYPE_CHECKING:
    from tests.stress.conftest import Script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the targets are."""
    path = tmp_path / "targets"
    path.mkdir()
    return path


@pytest.fixture
def writer(
    script: Script, manifest: Manifest, launch_options: LaunchOptions, folder: Path, counters: Counters
) -> Callable[..., Writer]:
    """Makes writer 7, with one target, small documents and a pipeline of one."""

    plan = WriterPlan(
        number=7,
        folder=folder,
        names=("status.json",),
        sizes=(256,),
        rate=0.0,
        manifest=manifest,
        launch_options=launch_options,
        pipeline=1,
        seed=1,
    )

    def make(**changes: Any) -> Writer:
        return Writer(replace(plan, **changes), counters)

    return make
