"""What implementations leave behind: attributed to a case where possible, and put into words."""

from __future__ import annotations

import pytest

from conformance.runner import left_behind
from conformance.runner.left_behind import LeftBehind, LeftProcess, from_json, line_of, to_json, warning_of
from conformance.system.orphans import Left


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """The processes that are there, with their commands."""
    commands: dict[int, str] = {}

    def end(grace: float) -> tuple[Left, ...]:
        found = tuple(Left(pid, command) for pid, command in commands.items())
        commands.clear()
        return found

    monkeypatch.setattr(left_behind, "adopted", lambda: list(commands))
    monkeypatch.setattr(left_behind, "end_adopted", end)
    return commands


def test_a_helper_of_an_implementation_that_still_runs_is_let_be_until_the_end(there: dict[int, str]) -> None:
    left = LeftBehind()
    left.look("VIS-01 [a]", idle=False)
    there[7] = "helper"
    left.look("VIS-01 [b]", idle=False)
    left.look("VIS-01 [c]", idle=False)
    assert left.found == []
    left.end()
    assert left.found == [LeftProcess(7, "helper", True, "VIS-01 [b]")]


def test_where_nothing_else_runs_it_ends_with_its_case(there: dict[int, str]) -> None:
    left = LeftBehind()
    there[7] = "x" * 500
    left.look("VIS-01 [a]", idle=True)
    there[7] = "another with the same id"
    left.look("VIS-01 [b]", idle=True)
    assert left.found == [
        LeftProcess(7, "x" * 100, True, "VIS-01 [a]"),
        LeftProcess(7, "another with the same id", True, "VIS-01 [b]"),
    ]


def test_workers_hand_it_over() -> None:
    left = [LeftProcess(7, "a \N{BEL} b", False, "")]
    assert from_json(to_json(left)) == left


def test_nothing_left_is_no_warning() -> None:
    assert warning_of([]) == ""


def test_one_process() -> None:
    one = LeftProcess(7, "sleep 600", True, "VIS-01 [a]")
    text = "warning: 1 process was left running: sleep 600; after VIS-01 [a]; the kit has ended it"
    assert warning_of([one]) == text
    assert line_of([one]) == {
        "text": text,
        "processes": [{"pid": 7, "command": "sleep 600", "ended": True, "case": "VIS-01 [a]"}],
    }


def test_many_processes() -> None:
    many = [LeftProcess(pid, f"helper {pid % 5}", True, f"VIS-01 [{pid % 3}]") for pid in range(200)]
    assert warning_of(many) == (
        "warning: 200 processes were left running: helper 0 (40 times), helper 1 (40 times), helper 2 (40 times), …; "
        "after VIS-01 [0] and 2 more cases; the kit has ended them"
    )


def test_one_that_could_not_be_ended_is_left_to_the_user() -> None:
    text = warning_of([LeftProcess(7, "sudo", False, ""), LeftProcess(8, "sleep", True, "")])
    assert text.endswith("; the kit could not end 7: end them yourself")
