"""The names of the cases are public: the file of them is what the suite has, and no name goes without a word."""

import pytest

from conformance.runner.collection import cases_in
from scripts.case_names import CHANGELOG, NAMES, ROOT, Frozen, complaints, parsed, renewed, written

KEPT, GONE, NEW = ("MET-01", "mode_is_kept:0644"), ("MET-01", "mode_is_kept:0600"), ("DOC-01", "a:name with spaces")
BEFORE = Frozen(frozenset({KEPT, GONE}))


def test_the_file_is_what_the_suite_has() -> None:
    found = complaints(
        parsed(NAMES.read_text("utf-8")), cases_in(ROOT / "conformance" / "suite"), CHANGELOG.read_text("utf-8")
    )
    assert not found, "names of cases are public; renew the file with: python scripts/case_names.py"


def test_the_file_is_as_the_script_writes_it() -> None:
    text = NAMES.read_text("utf-8")
    assert written(parsed(text)) == text


def test_no_name_has_a_character_that_means_something_in_a_glob_or_cannot_be_seen() -> None:
    frozen = parsed(NAMES.read_text("utf-8"))
    for _, name in frozen.present | frozen.gone:
        assert name.isascii()
        assert name.isprintable()
        assert not set(name) & set("*?[]")


def test_a_new_name_costs_nothing_but_a_line_of_the_file() -> None:
    assert complaints(BEFORE, [KEPT, GONE, NEW], "") == ["new: DOC-01 a:name with spaces"]
    assert complaints(renewed(BEFORE, [KEPT, GONE, NEW]), [KEPT, GONE, NEW], "") == []


def test_a_name_that_goes_stays_as_gone_and_needs_a_word_in_the_changelog() -> None:
    after = renewed(BEFORE, [KEPT])
    assert after == Frozen(frozenset({KEPT}), frozenset({GONE}))
    missing = "CHANGELOG.md does not say what became of `MET-01 mode_is_kept:0600`"
    assert complaints(BEFORE, [KEPT], "") == ["gone: MET-01 mode_is_kept:0600", missing]
    assert complaints(after, [KEPT], "- other things") == [missing]
    assert complaints(after, [KEPT], "- `MET-01 mode_is_kept:0600` is `mode_stays:0600` now") == []


def test_a_name_that_comes_back_is_no_longer_gone() -> None:
    assert renewed(Frozen(frozenset({KEPT}), frozenset({GONE})), [KEPT, GONE]) == BEFORE


def test_what_was_written_is_read_again_in_the_order_of_the_contract() -> None:
    frozen = Frozen(frozenset({KEPT, NEW}), frozenset({GONE}))
    assert parsed(written(frozen)) == frozen
    assert [line for line in written(frozen).splitlines() if not line.startswith("#")] == [
        "DOC-01 a:name with spaces",
        "gone MET-01 mode_is_kept:0600",
        "MET-01 mode_is_kept:0644",
    ]


@pytest.mark.parametrize("line", ["MET-01", "MET-01 ", "gone MET-01", "MET-99 name", ""])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=r"case_names.txt:2: not a clause and the name of a case"):
        parsed(f"# head\n{line}\n")
