"""Whom a failure is blamed on when the folder of a target is not the kit's any more."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ImplementationError, Inconclusive, NotApplicable, Unmeasured, Violation
from conformance.contract.manifest import load_manifest
from conformance.runner import folder_changes
from conformance.runner.folder_changes import always_changed, blamed
from conformance.runner.run import Run

STUMBLED = [
    FileNotFoundError(2, "No such file or directory"),
    ImplementationError("ended"),
    Violation("lost the target"),
]
EXCHANGES_THE_FOLDER = """
import json, os

class Implementation:
    def write(self, path, status):
        folder = os.path.dirname(path)
        new = folder + ".new"
        os.mkdir(new)
        with open(os.path.join(new, os.path.basename(path)), "w", encoding="utf-8") as file:
            json.dump(status, file)
        os.rename(folder, folder + "." + os.urandom(8).hex())
        os.rename(new, folder)
"""


@pytest.fixture
def run(misbehaving: Callable[..., Path], tmp_path: Path) -> Run:
    """A run with a correct writer and a folder that has gone."""
    path = misbehaving()
    for name in ("run", "run/cases", "run/children", "run/scratch"):
        (tmp_path / name).mkdir()
    manifest = load_manifest(path, frozenset(load_clauses()), source=str(path))
    run = Run(manifest, tmp_path / "run", seed=1)
    run.folders.make(run.folder / "cases" / "gone")
    (run.folder / "cases" / "gone").rmdir()
    return run


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Says whether each write changes the folder, without a write."""
    return lambda answer: monkeypatch.setattr(folder_changes, "always_changed", lambda run: answer)


@pytest.mark.parametrize("error", STUMBLED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("clause", ["VIS-01", "KIL-01"])
def test_the_implementation_is_blamed_whatever_the_kit_stumbled_over(
    run: Run, always: Callable[[bool], None], error: BaseException, clause: str
) -> None:
    always(False)
    found = blamed(error, clause, run)
    assert isinstance(found, Violation)
    assert str(found) == "the folder of the target is gone: it was renamed away or removed"


def test_what_each_write_does_is_blamed_once(run: Run, always: Callable[[bool], None]) -> None:
    always(True)
    assert isinstance(blamed(STUMBLED[0], "VIS-01", run), Violation)
    found = blamed(STUMBLED[0], "KIL-01", run)
    assert isinstance(found, Unmeasured)
    assert str(found).endswith("(see VIS-01)")


def test_a_case_that_passed_all_the_same_fails_in_its_own_clause_only(run: Run) -> None:
    assert isinstance(blamed(None, "VIS-01", run), Violation)
    assert blamed(None, "KIL-01", run) is None


@pytest.mark.parametrize("error", [Unmeasured("no"), Inconclusive("few"), NotApplicable("no reader")])
def test_what_was_not_measured_stays_so(run: Run, error: BaseException) -> None:
    assert blamed(error, "VIS-01", run) is error


@pytest.mark.parametrize("error", [*STUMBLED, None])
def test_nothing_changes_where_the_folders_are_the_kits(run: Run, error: BaseException | None) -> None:
    run.folders.forget()
    assert blamed(error, "VIS-01", run) is error


def test_a_correct_writer_leaves_the_folder(run: Run) -> None:
    assert not always_changed(run)
    assert list((run.folder / "cases").iterdir()) == []


def test_a_writer_that_exchanges_the_folder_is_found_once_per_run(run: Run) -> None:
    module = run.manifest.folder / "exchanging.py"
    module.write_text(EXCHANGES_THE_FOLDER, encoding="utf-8")
    manifest = dataclasses.replace(run.manifest, mode="python", command=(), callable="exchanging:Implementation")
    run = dataclasses.replace(run, manifest=manifest)
    assert always_changed(run)
    module.unlink()
    assert always_changed(run)
