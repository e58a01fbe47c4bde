"""`pulse judge` says of a program what the suite says of the writer in it. `tox -e judged` runs this.

It takes a minute for each writer, six for the one in shell.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.judge.answers import QUESTIONS, Question
from conformance.commands.judge.execution import Command
from conformance.commands.judge.folder import Stage
from conformance.commands.judge.inquiry import Inquiry, Wish
from conformance.mutation.registry import entry_of
from conformance.selfcheck.trials import conformance
from tests.judged.counterparts import ADAPTED, CORRECT, COUNTERPARTS, DEFECTIVE, Counterpart, mutant_or_variant

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the syscall engine needs Linux"),
    pytest.mark.timeout(3600),
]

Verdicts = Mapping[Question, str]
_MOST_LISTED = 20  # visits in the evidence of a failed case


def judged(folder: Path, words: tuple[str, ...], given: bytes = b"") -> Verdicts:
    """What `pulse judge` says of a program that replaces ``f`` once, with every point tried."""
    prepared = folder / "prepared"
    prepared.mkdir()
    (prepared / "f").write_text("old\n", encoding="ascii")
    with Stage(prepared) as stage:
        inquiry = Inquiry(stage, Command(words, given, seconds=600), Wish(("work/f",), budget=3600))
        [first] = inquiry.first()
        assert not first.why_not, first
        return {answer.question: answer.verdict for answer in (*first.answers, *inquiry.rest()["work/f"])}


def by_the_suite(impl: str) -> Verdicts:
    """What the suite says of a writer, in the verdicts of judge."""
    cases = [case for each in COUNTERPARTS.values() for case in each.cases]
    trial = conformance(impl, *(word for case in cases for word in ("--case", case)))
    assert trial.finished, trial.excuse()
    return {question: verdict(each, _of(each, trial.results)) for question, each in COUNTERPARTS.items()}


def _of(counterpart: Counterpart, results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in results if any(fnmatch.fnmatchcase(each["case"], case) for case in counterpart.cases)]


def verdict(counterpart: Counterpart, results: Sequence[Mapping[str, Any]]) -> str:
    """``yes`` when a case fails by what judge can see as well, ``no`` when all that was measured passes."""
    measured = [each for each in results if each["outcome"] not in ("unmeasured", "n/a")]
    assert all(each["outcome"] in ("pass", "fail") for each in measured), measured
    listed = [text for each in measured if each["outcome"] == "fail" for text in _visits(each)]
    if any(counterpart.concerns(text) for text in listed):
        return "yes"
    return "no" if measured and len(listed) < _MOST_LISTED else "not measured"


def _visits(result: Mapping[str, Any]) -> list[str]:
    """What a failed case found, visit by visit; its message where it visits no points."""
    listed: list[str] = result.get("evidence", {}).get("all") or [result.get("message", "")]
    return listed


def differences(judge: Verdicts, suite: Verdicts) -> dict[Question, tuple[str, str]]:
    """Where the two say something else about what both have measured: judge's verdict and the suite's."""
    return {
        question: (judge[question], suite[question])
        for question in COUNTERPARTS
        if "not measured" not in (judge[question], suite[question]) and judge[question] != suite[question]
    }


def prepared(source: Path, folder: Path) -> Path:
    """The implementation, copied and set up, with a manifest that asks for what judge asks for: that links stay."""
    copy = folder / "implementation"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("node_modules", "site", "__pycache__"))
    file = copy / "implementation.toml"
    for words in tomllib.loads(file.read_text(encoding="utf-8"))["implementation"].get("setup", []):
        command = [sys.executable if word == "{python}" else word for word in words]
        subprocess.run(command, cwd=copy, check=True, stdin=subprocess.DEVNULL, timeout=600)
    text = file.read_text(encoding="utf-8").partition("[[known_failure]]")[0]
    text = re.sub(r"(?m)^(setup|symlink) = .*$|^\[declares\]$", "", text)
    file.write_text(f'{text}\n[declares]\nsymlink = "follow"\n', encoding="utf-8")
    return copy


def test_every_question_has_a_counterpart_and_a_reason() -> None:
    assert list(COUNTERPARTS) == list(QUESTIONS)
    assert all(each.left_out for each in COUNTERPARTS.values())


def test_there_are_enough_writers_and_each_question_is_answered_with_yes() -> None:
    assert len(DEFECTIVE) >= 15
    assert len(CORRECT) >= 3
    assert set(DEFECTIVE.values()) == set(QUESTIONS)


@pytest.mark.parametrize("name", ADAPTED)
def test_an_implementation_has_the_verdicts_of_the_suite(tmp_path: Path, name: str) -> None:
    each = ADAPTED[name]
    if shutil.which(each.needs) is None:
        pytest.skip(f"needs {each.needs}")
    folder = prepared(each.folder, tmp_path)
    judge = judged(tmp_path, tuple(word.format(folder=folder) for word in each.words), b"new\n")
    assert differences(judge, by_the_suite(str(folder / "implementation.toml"))) == {}


@pytest.mark.parametrize("name", DEFECTIVE)
def test_a_mutant_has_the_verdicts_of_the_suite(tmp_path: Path, name: str) -> None:
    judge = judged(tmp_path, mutant_or_variant(entry_of("mutant", name).callable))
    suite = by_the_suite(f"mutant:{name}")
    assert differences(judge, suite) == {}
    assert (judge[DEFECTIVE[name]], suite[DEFECTIVE[name]]) == ("yes", "yes")


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_writer_has_the_verdicts_of_the_suite(tmp_path: Path, name: str) -> None:
    judge = judged(tmp_path, mutant_or_variant(entry_of("variant", name).callable))
    assert differences(judge, by_the_suite(f"variant:{name}")) == {}
    assert set(judge.values()) == {"no"}
