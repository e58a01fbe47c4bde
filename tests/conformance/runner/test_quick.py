"""What ``--quick`` runs: cases that exist, and at least one of each clause that can fail."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.cli import SUITE
from conformance.contract.clauses import load_clauses
from conformance.runner.collection import cases_in
from conformance.runner.quick import QUICK_KILLS, is_quick, quick_cases, sees_less
from conformance.runner.run import KILLS
from conformance.syscalls import findings

# A hundred kills take longer than all the rest, and nothing can fail; real power cuts are another command's.
LEFT_OUT = {"KIL-03": "informative", "PWR-03": "must"}


def test_each_case_is_one_of_the_suite() -> None:
    named = {(clause, case) for clause, names in quick_cases().items() for case in names}
    assert named - set(cases_in(SUITE)) == set()


def test_each_clause_that_a_run_can_fail_has_a_case() -> None:
    without = {name: clause for name, clause in load_clauses().items() if not quick_cases().get(name)}
    assert {name: clause.level for name, clause in without.items()} == LEFT_OUT
    assert without["PWR-03"].engine == "powercut"


def test_a_case_belongs_to_its_clause() -> None:
    assert is_quick("LIF-01", "idle_example")
    assert not is_quick("LIF-02", "idle_example")
    assert not is_quick("KIL-03", "temps_left_after_a_hundred_kills")


def test_it_sees_less_in_the_cases_whose_points_it_leaves_out() -> None:
    families = "|".join(findings._QUICK)
    visiting = re.compile(rf'visits\(laboratory, "({families})"|kill_series\(laboratory\)')
    parts = [
        part
        for path in Path(SUITE).glob("test_*.py")
        for part in re.split(r"^def test_", path.read_text("utf-8"), flags=re.M)[1:]
    ]
    visit = {part.partition("(")[0] for part in parts if visiting.search(part)}
    assert visit
    assert {part.partition("(")[0] for part in parts if sees_less(part.partition("(")[0])} == visit


def test_it_is_a_small_part() -> None:
    assert sum(map(len, quick_cases().values())) < len(cases_in(SUITE)) / 5
    assert 0 < QUICK_KILLS < KILLS / 10
