"""Each defect is found, and no correct program is flagged. `tox -e judged` runs this; it takes minutes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.commands.judge.answers import Answer
from conformance.commands.judge.execution import Command
from conformance.commands.judge.folder import Stage
from conformance.commands.judge.inquiry import Inquiry, Wish
from tests.judged.programs import CORRECT, CORRECT_IN_RECOVERY, DEFECTIVE, DEFECTIVE_IN_RECOVERY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the syscall engine needs Linux")

SECONDS = 3600.0  # all points are tried, however slow the machine is
FEWER_SECONDS = 300.0  # recovery has many: those that fit in, evenly spread


def answers(
    folder: Path, words: tuple[str, ...], points: str, depth: int = 1, budget: float = SECONDS
) -> dict[str, Answer]:
    (folder / "f").write_text("old\n", encoding="ascii")
    with Stage(folder) as stage:
        wish = Wish(("work/f",), budget=budget, point=points, depth=depth)
        inquiry = Inquiry(stage, Command(words, seconds=600), wish)
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


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DEFECTIVE_IN_RECOVERY)
def test_a_defect_in_recovery_is_found_in_the_next_run_only(tmp_path: Path, name: str) -> None:
    program = DEFECTIVE_IN_RECOVERY[name]
    first, _, _ = program.points.partition("/")
    assert answers(tmp_path, program.words, first)[program.question].verdict != "yes"
    answer = answers(tmp_path, program.words, program.points, depth=2)[program.question]
    assert (answer.verdict, answer.of_next_run) == ("yes", True), answer


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CORRECT_IN_RECOVERY)
def test_no_correct_recovery_is_flagged(tmp_path: Path, name: str) -> None:
    found = answers(tmp_path, CORRECT_IN_RECOVERY[name], "*:kill-*/*", depth=2, budget=FEWER_SECONDS)
    assert {question: answer for question, answer in found.items() if answer.verdict == "yes"} == {}
    assert "in the next run" in found["kill"].text
