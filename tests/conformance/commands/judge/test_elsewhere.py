"""What is said of the files that a command wrote outside of the copy."""

from pathlib import Path

import pytest

from conformance.commands.judge.elsewhere import notes_on

HOME = {"HOME": "/home/me"}


def notes(*outside: str, **environment: str) -> list[str]:
    return notes_on(outside, Path("/home/me/mine"), ["node", "my job.js"], {**HOME, **environment}, ["--dir", "mine"])


def test_nothing_outside_needs_no_note() -> None:
    assert notes() == []


def test_a_file_of_the_folder_itself_was_written_by_its_absolute_path() -> None:
    assert notes("/home/me/mine/state.json") == [
        "it wrote /home/me/mine/state.json itself, not the copy: its path is absolute; use a relative path"
    ]


def test_a_folder_of_a_longer_name_is_another_one() -> None:
    assert "itself" not in notes("/home/me/mine2/state.json")[0]


def test_what_lies_in_the_home_folder_can_be_led_into_the_copy() -> None:
    other, hint = notes("/home/me/.config/job/config.json")
    assert other.startswith("it also writes outside of the folder, which is not judged: /home/me/.config/")
    assert hint == ("to judge it: pulse judge --dir mine -- sh -c 'HOME=$PWD exec \"$@\"' sh node 'my job.js'")


def test_a_variable_that_leads_closer_is_named_first() -> None:
    hint = notes("/home/me/settings/job.json", XDG_CONFIG_HOME="/home/me/settings")[-1]
    assert "XDG_CONFIG_HOME=$PWD" in hint


@pytest.mark.parametrize("name", ["/var/lib/job/f", "/home/other/f", "/home/me/.npm/_logs/x.log", "/home/me/.cache/f"])
def test_no_variable_is_named_that_leads_nowhere_or_to_a_cache(name: str) -> None:
    assert len(notes(name)) == 1


def test_a_home_folder_at_the_root_leads_nowhere() -> None:
    assert len(notes("/var/f", HOME="/")) == 1
