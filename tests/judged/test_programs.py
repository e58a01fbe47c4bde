"""Each defect is found, and no correct program is flagged. `tox -e judged` runs this; it takes minutes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.commands.judge.answers import Answer
from conformance.commands.judge.execution import Command
from conformance.commands.judge.folder import Stage
from conformance.commands.judge.inquiry import Inquiry, Wish
from tests.judged.programs import CORRECT, DEFECTIVE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the syscall engine needs Linux")

SECONDS = 3600.0  # all points are tried, however slow the machine is


def answers(folder: Path, words: tuple[str, ...], points: str) -> dict[str, Answer]:
    (folder / "f").write_text("old\n", encoding="ascii")
    with Stage(folder) as stage:
        inquiry = Inquiry(stage, Command(words, seconds=600), Wish(("work/f",), budget=SECONDS, point=points))
        [first] = inquiry.first()
        assert not first.why_not, first
        return {answer.question: answer for answer in (*first.answers, *inquiry.rest()["work/f"])}


def test_there_are_enough_programs() -> None:
    assert len(DEFECTIVE) >= 20
    assert len(CORRECT) >= 8


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DEFECTIVE)
def test_a_defect_is_found(tmp_path: Path, name: str) -> None:
    program = DEFECTIVE[name]
    answer = answers(tmp_path, program.words, program.points)[program.question]
    assert answer.verdict == "yes", answer


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CORRECT)
def test_no_correct_program_is_flagged(tmp_path: Path, name: str) -> None:
    found = answers(tmp_path, CORRECT[name], "*")
    assert {question: answer for question, answer in found.items() if answer.verdict != "no"} == {}
