"""The model of one register: what the answer to a write that is killed afterwards says of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import Violation
from conformance.contract.manifest import load_manifest
from conformance.runner.case import Case, Shared
from conformance.runner.run import Run
from conformance.suite.support.register import Holder, Register

WRITER = """
import os

from conformance.mutation.honest import Honest


class Implementation(Honest):
    def publish(self, path, data):
        folder = os.path.dirname(path)
        if os.path.exists(f"{folder}/spoil"):
            with open(path, "wb") as file:
                file.write(data[:20])
        if os.path.exists(f"{folder}/refuse"):
            raise OSError("no room")
        if not os.path.exists(f"{folder}/lie"):
            super().publish(path, data)
"""


@pytest.fixture
def register(tmp_path: Path, make_manifest: Callable[..., Path]) -> Iterator[Register]:
    """A register with a document, of a writer that does what files beside the target say."""
    path = make_manifest(mode="python", entry_point="obedient:Implementation", roles=("writer", "reader"))
    (path.parent / "obedient.py").write_text(WRITER, encoding="utf-8")
    folder = tmp_path / "run"
    for name in ("children", "scratch", "cases/0"):
        (folder / name).mkdir(parents=True)
    run = Run(load_manifest(path, frozenset(load_clauses()), source="x"), folder, seed=1)
    case = Case(run, Shared(run), folder / "cases" / "0")
    made = Register(Holder(case), [])
    made.write(0)
    yield made
    case.finish()


def kill_after_a_write(register: Register, *files: str) -> None:
    for name in files:
        (register.target.parent / name).touch()
    register.kill_during_write(0, waited=True)


def test_a_write_that_was_acknowledged_is_there(register: Register) -> None:
    kill_after_a_write(register)
    register.read()
    with pytest.raises(Violation):
        kill_after_a_write(register, "lie")


def test_a_write_that_was_refused_need_not_be_there(register: Register) -> None:
    before = register.target.read_bytes()
    kill_after_a_write(register, "refuse")
    register.read()
    assert register.target.read_bytes() == before


def test_a_write_that_was_refused_leaves_no_half_of_it(register: Register) -> None:
    with pytest.raises(Violation):
        kill_after_a_write(register, "refuse", "spoil")
