"""Which content of a file is whole, and what one that is not is called."""

import stat

import pytest

from conformance.commands.judge.content import Wholeness, in_words, without_empty
from conformance.oracle.snapshot import Snapshot

WHOLE = Wholeness(b"old text", frozenset({b"new text", b"another"}))


def found(data: bytes | None) -> Snapshot:
    return Snapshot(exists=data is not None, kind=stat.S_IFREG, data=data)


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (b"old text", "old"),
        (b"new text", "new"),
        (b"another", "new"),
        (None, "missing"),
        (b"", "empty"),
        (b"new t", "cut off"),
        (b"old", "cut off"),
        (b"new\0\0\0\0\0", "other"),
        (b"new text and more", "other"),
    ],
)
def test_what_a_content_is(data: bytes | None, state: str) -> None:
    assert WHOLE.state(found(data)) == state
    assert WHOLE.is_broken(state) is (state not in ("old", "new"))


def test_a_file_that_did_not_exist_may_be_missing() -> None:
    assert Wholeness(None, frozenset({b"new"})).state(found(None)) == "old"


def test_an_empty_file_is_whole_if_an_undisturbed_run_leaves_it_so() -> None:
    assert Wholeness(b"old", frozenset({b""})).state(found(b"")) == "new"


def test_a_validator_takes_what_no_run_was_seen_to_write() -> None:
    whole = Wholeness(b"old", frozenset(), "even", lambda data: len(data) % 2 == 0)
    assert whole.state(found(b"abcd")) == "valid"
    assert whole.state(found(b"abc")) == "other"
    assert whole.state(found(b"")) == "empty"


def test_a_folder_in_its_place_is_named() -> None:
    whole = WHOLE.state(Snapshot(exists=True, kind=stat.S_IFDIR))
    assert (whole, WHOLE.is_broken(whole), in_words(whole)) == ("a folder", True, "a folder, and no file")


def test_an_empty_content_on_the_way_is_no_version() -> None:
    assert without_empty([b"", b"a"], always=[b"old", None]) == {b"a"}
    assert without_empty([b"", b"a"], always=[b"", None]) == {b"", b"a"}
