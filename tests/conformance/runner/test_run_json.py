"""A run on its way to a worker: everything arrives as it was, and nothing in it is executed."""

from __future__ import annotations

import json
from pathlib import Path

from conformance.contract.manifest import KnownFailure, Manifest
from conformance.runner.notes import Notes
from conformance.runner.run import Run
from conformance.runner.run_json import run_from_json, run_to_json

MANIFEST = Manifest(
    "mine",
    "c",
    "json",
    ("writer", "reader"),
    "serve",
    Path("/copy"),
    "mine.toml",
    ("{python}", "x.py"),
    setup=(("make",), ("make", "install")),
    keep_setup=True,
    symlink="refuse",
    keeps=(".{name}.lock",),
    known_failures=(KnownFailure("FLT-04", "why", "TODO", ("linux",), ("a*", "b"), flaky=True, repeats=3),),
    original=Path("/mine"),
)


def test_a_worker_has_the_same_run(tmp_path: Path) -> None:
    run = Run(
        MANIFEST,
        tmp_path,
        {"name": "mine", "version": "1"},
        own=tmp_path / "own",
        notes=Notes(tmp_path / "own" / "notes"),
        seed=7,
        parent=tmp_path,
        answer_seconds=2.5,
        kills=3,
        point="replace:*",
    )
    text = run_to_json(run)
    assert json.loads(text)["notes"]["key"] == run.notes.key.hex()
    assert run_from_json(text) == run


def test_the_least_run(tmp_path: Path) -> None:
    run = Run(Manifest("mine", "c", "json", ("writer",), "serve", tmp_path, "mine"), tmp_path, seed=1)
    assert run_from_json(run_to_json(run)) == run
