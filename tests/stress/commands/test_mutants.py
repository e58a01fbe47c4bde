"""When a mutant counts as caught, how soon it was, and when a control is a false alarm; and a few real runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.mutation.registry import all_mutants, all_variants
from conformance.reporting.results import Exit
from stress.cli import main
from stress.commands.mutants import CONTROLS, ON_WINDOWS, SPECIMENS, Specimen, Trial, exit_of, summary, trial_of
from stress.record.folder_record import Finding, FolderRecord, Sample, Totals
from tests.stress.samples import a_record

TEARS = Specimen("tears", "writer", "CON-01", ("torn",))
READS_OLD = Specimen("reads-old", "reader", "RDR-14", ("misread",))
UNUSUAL = Specimen("unusual", "writer")
TORN = Finding("torn", 0.5, "torn: half a document")
CLEAN = a_record(
    totals=Totals(reads=4000, writes=400),
    samples=(Sample(1.0, 1000, 0, 100, 0, 0, 0),),
)
CAUGHT = Trial("torn", 0.5, 500, 50, ("torn",), ())
NOTHING = Trial("", None, 4000, 400, (), ())
LITTLE = replace(NOTHING, doubts=("too few reads",))


def record(*findings: Finding, **changes: Any) -> FolderRecord:
    return replace(CLEAN, findings=findings, counts={finding.kind: 1 for finding in findings}, **changes)


@pytest.mark.parametrize("specimen", dict.fromkeys([*SPECIMENS, *ON_WINDOWS]), ids=lambda specimen: specimen.name)
def test_every_specimen_is_a_mutant_that_its_own_kinds_catch(specimen: Specimen) -> None:
    assert specimen.name in {entry.name for entry in all_mutants()}
    for kind in specimen.kinds:
        assert trial_of(specimen, record(Finding(kind, 0.1, kind))).caught == kind


def test_every_control_is_a_variant() -> None:
    assert {control.source for control in CONTROLS} <= {f"variant:{entry.name}" for entry in all_variants()}


def test_a_reader_is_judged_beside_a_correct_writer() -> None:
    assert READS_OLD.options == {"impl": "variant:plain", "reader": "mutant:reads-old"}
    assert TEARS.options == {"impl": "mutant:tears"}
    assert UNUSUAL.options == {"impl": "variant:unusual"}


# A trial


def test_the_first_of_its_own_kinds_is_when_it_was_caught() -> None:
    trial = trial_of(TEARS, record(Finding("missing", 0.1, "missing"), TORN, replace(TORN, seconds=0.7)))
    assert (trial.caught, trial.seconds) == ("torn", 0.5)
    assert trial.violations == ("missing", "torn")


@pytest.mark.parametrize(("seconds", "done"), [(0.5, (500, 50)), (1.0, (1000, 100)), (1.5, (2500, 250))])
def test_what_was_done_until_then_lies_between_two_samples(seconds: float, done: tuple[int, int]) -> None:
    trial = trial_of(TEARS, record(replace(TORN, seconds=seconds)))
    assert (trial.reads, trial.writes) == done


def test_what_was_seen_before_the_load_counts_from_its_start() -> None:
    trial = trial_of(TEARS, record(replace(TORN, seconds=-0.2)))
    assert (trial.seconds, trial.reads) == (0.0, 0)


def test_another_kind_of_the_clause_does_not_catch_it() -> None:
    trial = trial_of(TEARS, record(Finding("refused", 0.1, "refused")))
    assert (trial.caught, trial.seconds, trial.violations) == ("", None, ("refused",))


def test_a_kind_that_another_clause_is_about_does_not_catch_it() -> None:
    assert not trial_of(replace(TEARS, kinds=("stale",)), record(Finding("stale", 0.1, "stale"))).caught


def test_a_clean_run_catches_nothing_and_keeps_its_doubts() -> None:
    assert trial_of(TEARS, CLEAN) == NOTHING
    assert trial_of(TEARS, replace(CLEAN, doubts=("too few reads",))) == LITTLE


# All trials


def test_a_mutant_must_be_caught_every_time() -> None:
    assert summary(TEARS, [CAUGHT, CAUGHT]).verdict == "caught"
    assert summary(TEARS, [CAUGHT, NOTHING]).verdict == "missed"


def test_a_control_must_never_be_flagged() -> None:
    assert summary(UNUSUAL, [NOTHING, NOTHING]).verdict == "passed"
    assert summary(UNUSUAL, [NOTHING, replace(NOTHING, violations=("torn",)), LITTLE]).verdict == "false alarm"


def test_a_control_of_which_little_was_seen_has_not_passed() -> None:
    assert summary(UNUSUAL, [NOTHING, LITTLE]).verdict == "inconclusive"


def test_one_wrong_verdict_decides() -> None:
    right = [summary(TEARS, [CAUGHT]), summary(UNUSUAL, [NOTHING])]
    unclear = summary(UNUSUAL, [LITTLE])
    assert exit_of(right) == Exit.CONFORMANT
    assert exit_of([*right, unclear]) == Exit.INCONCLUSIVE
    assert exit_of([*right, unclear, summary(TEARS, [NOTHING])]) == Exit.NOT_CONFORMANT
    assert exit_of([*right, summary(UNUSUAL, [replace(NOTHING, violations=("leak",))])]) == Exit.NOT_CONFORMANT


# The command


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutants", "nonsense"]) == Exit.USAGE
    assert "unlink-then-rename" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutants", "plain", "--dir", str(tmp_path / "missing")]) == Exit.USAGE
    assert "cannot make a folder there" in capsys.readouterr().err


def test_mutants_are_caught_and_the_figures_written(
    stress_command: Callable[..., subprocess.Popen[str]], left_behind: Callable[[], list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    names = ("unlink-then-rename", "cached-for-a-moment")
    process = stress_command("mutants", *names, "--dir", tmp_path, "--json", file, "--seed", 1)
    printed, complaints = process.communicate(timeout=200)
    assert process.returncode == Exit.CONFORMANT, printed + complaints
    found = {one["name"]: one for one in json.loads(file.read_text(encoding="utf-8"))["specimens"]}
    assert [found[f"mutant:{name}"]["caught_by"] for name in names] == [["missing"], ["misread"]]
    assert all(one["seconds"]["min"] >= 0 and one["reads"] > 0 for one in found.values())
    assert left_behind() == []
    assert list(tmp_path.glob("run-*")) == []


def test_a_mutant_that_shows_nothing_is_missed(
    stress_command: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """A correct writer takes the mutant's place, so nothing can be caught."""
    changed = """
import stress.commands.mutants as detection
from dataclasses import replace
correct = replace(detection.SPECIMENS[0], scenario=replace(detection.SPECIMENS[0].scenario, seconds=0.5))
class Correct(detection.Specimen):
    source = "variant:plain"
detection.SPECIMENS = (Correct(**vars(correct)),)
"""
    name = SPECIMENS[0].name
    process = stress_command("mutants", name, "--dir", tmp_path, "--seed", 7, changed=changed)
    printed, complaints = process.communicate(timeout=200)
    assert process.returncode == Exit.NOT_CONFORMANT, printed + complaints
    assert "missed" in printed
    assert re.search(r"repeat: \S*pulse stress --impl variant:plain", printed) or "-m stress --impl variant:" in printed
    assert "--seed 7" in printed
