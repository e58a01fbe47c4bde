"""The registry of mutants and variants: every entry says what it does and can be started by name."""

from __future__ import annotations

import fnmatch
import inspect
import re

import pytest

from conformance.contract.clauses import load_clauses
from conformance.contract.errors import ManifestError
from conformance.mutation import registry
from conformance.mutation.honest import Honest
from conformance.mutation.registry import EVERYWHERE, Entry, all_mutants, all_variants, entry_of, mutant, variant
from conformance.runner.resolve import resolve
from conformance.subject.python_host import load_object

MUTANTS, VARIANTS = all_mutants(), all_variants()
by_name = pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in MUTANTS])


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 45
    assert len(VARIANTS) >= 8


def test_every_name_is_used_once() -> None:
    names = [entry.name for entry in (*MUTANTS, *VARIANTS)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in (*MUTANTS, *VARIANTS)])
def test_every_entry_states_in_a_sentence_what_it_does(entry: Entry) -> None:
    assert entry.docstring.endswith(".")
    assert len(entry.docstring.split()) >= 3


@by_name
def test_every_mutant_names_a_clause_that_exists(entry: Entry) -> None:
    assert entry.caught_by in load_clauses()


def test_every_clause_that_this_kit_measures_has_a_mutant() -> None:
    measured = {
        clause.id
        for clause in load_clauses().values()
        if clause.engine in ("portable", "trace") and clause.level != "informative"
    }
    assert len(measured) > 60
    assert measured - {entry.caught_by for entry in MUTANTS} == set()


def test_every_clause_of_windows_has_a_mutant_that_only_windows_can_catch() -> None:
    of_windows = {clause.id for clause in load_clauses().values() if clause.engine == "windows"}
    assert of_windows - {entry.caught_by for entry in MUTANTS if entry.on == ("windows",)} == set()


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in (*MUTANTS, *VARIANTS)])
def test_every_entry_is_for_known_systems(entry: Entry) -> None:
    assert entry.on
    assert set(entry.on) <= set(EVERYWHERE)


def test_variants_name_no_clause_that_catches_them_and_mutants_none_that_doubts_them() -> None:
    assert {entry.caught_by for entry in VARIANTS} == {""}
    assert {entry.doubted_by for entry in MUTANTS} == {()}


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in VARIANTS])
def test_every_variant_names_clauses_that_might_doubt_it(entry: Entry) -> None:
    assert entry.doubted_by
    for glob in entry.doubted_by:
        assert fnmatch.filter(load_clauses(), glob), glob


def test_the_honest_base_itself_is_put_to_the_whole_suite() -> None:
    assert entry_of("variant", "plain").doubted_by == ("*",)


def test_every_clause_might_doubt_a_variant_that_is_unusual() -> None:
    globs = {glob for entry in VARIANTS if entry.name != "plain" for glob in entry.doubted_by} - {"*"}
    assert [name for name in load_clauses() if not any(fnmatch.fnmatchcase(name, glob) for glob in globs)] == []


@pytest.mark.parametrize(("kind", "entries"), [("mutant", MUTANTS), ("variant", VARIANTS)])
def test_a_manifest_leads_to_the_implementation(kind: str, entries: tuple[Entry, ...]) -> None:
    manifest = resolve(f"{kind}:{entries[0].name}", frozenset(load_clauses()))
    assert (manifest.mode, manifest.profile, manifest.roles) == ("python", "pulse", ("writer", "reader"))
    assert manifest.symlink == "follow"
    assert manifest.folder.is_dir()
    assert manifest.source == manifest.name == f"{kind}:{entries[0].name}"


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in (*MUTANTS, *VARIANTS)])
def test_every_callable_makes_an_implementation_of_that_name(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", ["unused"])
    made = load_object("unused", entry.callable)
    assert isinstance(made, Honest)
    assert made.name.partition(":")[2] == entry.name


@pytest.mark.parametrize("kind", ["mutant", "variant"])
def test_an_unknown_name_is_answered_with_the_known_ones(kind: str) -> None:
    known = {"mutant": "truncate-in-place", "variant": "plain"}[kind]
    with pytest.raises(ManifestError, match=f"{kind}:unheard-of: no such {kind}; choose from: .*{known}"):
        resolve(f"{kind}:unheard-of", frozenset(load_clauses()))


def test_a_mutant_is_broken_in_one_part_and_honest_in_the_others() -> None:
    @mutant("progress", caught_by="RDR-13")
    def always_done(self: Honest, status: object) -> float:
        """Always reports 100 %."""
        return 100.0

    broken = always_done()
    assert broken.progress({"epoch": 1.0, "total_epochs": 2.0}) == 100.0
    assert broken.validate({"status": "idle", "timestamp": 0})["message"] == ""
    assert Honest().progress({"epoch": 1.0, "total_epochs": 2.0}) == 50.0


def test_a_part_that_the_honest_base_does_not_have_is_refused() -> None:
    with pytest.raises(AttributeError, match="no_such_part"):
        variant("no_such_part", doubted_by=("*",))(lambda self: None)


def test_a_variant_of_the_writer_reads_as_the_honest_base_does() -> None:
    assert entry_of("variant", "sorted-with-indent").reads_as_usual
    for name in ("plain", "lenient-reader", "lock-file-kept"):  # they replace `write`, `check` and `guard`
        assert not entry_of("variant", name).reads_as_usual
    seen: set[str] = set()
    waiting = {"read", "poll", "progress"}
    while waiting:
        seen |= waiting
        sources = [inspect.getsource(getattr(Honest, name)) for name in waiting]
        called = {name for text in sources for name in re.findall(r"self\.(\w+)", text)}
        waiting = {name for name in called - seen if callable(getattr(Honest, name, None))}
    assert seen > {"read", "load", "guard", "check"}
    assert seen & registry._WRITING == set()
