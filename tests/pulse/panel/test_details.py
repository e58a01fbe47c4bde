"""What the panel says of a file that holds no status."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pulse import InvalidStatus, StatusReader
from pulse.panel.details import served_detail
from pulse.reader import Polled, ReadOutcome

from .conftest import put

SECRET = "AKIA-THE-SECRET"


def polled(path: Path, content: str) -> Polled:
    path.write_text(content)
    return StatusReader(path).poll()


def document(path: Path, **members: object) -> str:
    return json.dumps(json.loads(put(path).read_bytes()) | members)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "run.json"


def test_a_status_needs_no_detail(path: Path) -> None:
    assert served_detail(StatusReader(put(path)).poll()) == ""


def test_a_file_that_is_missing_is_named(path: Path) -> None:
    assert str(path.name) in served_detail(StatusReader(path).poll())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'"{SECRET}"', "not a JSON object"),
        (SECRET, "not a JSON document"),
        (f'{{"{SECRET}": 1}}', "unknown member"),
        (f'{{"status": "{SECRET}", "status": 1}}', "a member occurs twice"),
        ('{"status": "idle"}', "the member epoch is missing"),
    ],
)
def test_of_a_foreign_file_only_the_kind_of_fault_is_said(path: Path, content: str, said: str) -> None:
    assert served_detail(polled(path, content)) == said


@pytest.mark.parametrize("member", ["status", "epoch", "total_epochs", "loss", "timestamp"])
def test_a_member_is_named_and_not_its_value(path: Path, member: str) -> None:
    assert served_detail(polled(path, document(path, **{member: SECRET}))) == f"{member} is not valid"


def test_so_is_a_message_that_is_none(path: Path) -> None:
    assert served_detail(polled(path, document(path, message=[SECRET]))) == "message is not valid"
    assert served_detail(polled(path, document(path, message="\ud800"))) == "message is not valid"


def test_what_the_reader_may_say_in_future_is_not_shown(path: Path) -> None:
    unheard_of = replace(polled(path, "{}"), outcome=ReadOutcome.INVALID, detail=str(InvalidStatus(SECRET)))
    assert served_detail(unheard_of) == "no valid status"
