"""The index of the clauses, and which of them apply to an implementation."""

import dataclasses
import sys
from pathlib import Path
from typing import Literal, get_args

import pytest

from conformance.contract.clauses import GROUP_TITLES, Clause, Engine, load_clauses, outcome_without_measuring
from conformance.contract.manifest import Manifest

CLAUSES = load_clauses()
PORTABLE = Clause("DOC-01", "a requirement", "must", ("writer",), "pulse", "portable")
SERVE = Manifest("name", "go", "pulse", ("writer", "reader"), "serve", Path(), "", command=("./serve",))


def test_the_index_has_every_group_of_the_contract() -> None:
    assert list(dict.fromkeys(clause.group for clause in CLAUSES.values())) == list(GROUP_TITLES)


def test_a_clause_is_found_by_its_id() -> None:
    assert all(clause.id == name for name, clause in CLAUSES.items())
    assert CLAUSES["MET-01"] == Clause(
        "MET-01", "an existing target keeps its mode", "should", ("writer",), "any", "portable"
    )


def test_the_clauses_cover_both_roles_and_each_has_one() -> None:
    assert {clause.role for clause in CLAUSES.values()} >= {("writer",), ("reader",)}
    assert all(set(clause.role) <= {"writer", "reader"} and clause.role for clause in CLAUSES.values())


def test_a_portable_clause_of_the_role_and_the_profile_has_to_be_measured() -> None:
    assert outcome_without_measuring(PORTABLE, SERVE.roles, SERVE.profile) is None


@pytest.mark.parametrize(("role", "other"), [("writer", "reader"), ("reader", "writer")])
def test_a_clause_of_another_role_does_not_apply_to_the_implementation(role: str, other: str) -> None:
    clause = dataclasses.replace(PORTABLE, role=(role,))
    found = outcome_without_measuring(clause, (other,), SERVE.profile)
    assert found == ("n/a", f"the implementation does not have the role {role}")


def test_a_clause_of_both_roles_names_the_one_that_is_missing() -> None:
    clause = dataclasses.replace(PORTABLE, role=("writer", "reader"))
    found = outcome_without_measuring(clause, ("writer",), SERVE.profile)
    assert found == ("n/a", "the implementation does not have the role reader")
    assert outcome_without_measuring(clause, SERVE.roles, SERVE.profile) is None


def test_a_clause_about_the_six_fields_does_not_apply_to_the_profile_replace() -> None:
    bytes_only = dataclasses.replace(SERVE, profile="replace", roles=("writer",))
    assert outcome_without_measuring(PORTABLE, bytes_only.roles, bytes_only.profile) == (
        "n/a",
        "does not concern the profile replace",
    )
    assert (
        outcome_without_measuring(dataclasses.replace(PORTABLE, profile="any"), bytes_only.roles, bytes_only.profile)
        is None
    )


@pytest.mark.parametrize("engine", ["powercut", *([] if sys.platform == "win32" else ["windows"])])
def test_a_clause_without_its_engine_is_unmeasured_and_says_what_it_needs(
    engine: Literal["powercut", "windows"],
) -> None:
    found = outcome_without_measuring(dataclasses.replace(PORTABLE, engine=engine), SERVE.roles, SERVE.profile)
    assert found is not None
    assert found[0] == "unmeasured"
    assert found[1].startswith("needs ")


def test_a_clause_that_does_not_apply_is_not_called_unmeasured() -> None:
    clause = dataclasses.replace(PORTABLE, role=("reader",), engine="windows")
    found = outcome_without_measuring(clause, ("writer",), SERVE.profile)
    assert found is not None
    assert found[0] == "n/a"


def test_whether_anything_can_be_traced_here_is_left_to_the_cases() -> None:
    assert outcome_without_measuring(dataclasses.replace(PORTABLE, engine="trace"), SERVE.roles, SERVE.profile) is None


def test_every_engine_measures_a_clause_and_the_index_names_no_other() -> None:
    assert {clause.engine for clause in CLAUSES.values()} == set(get_args(Engine))
