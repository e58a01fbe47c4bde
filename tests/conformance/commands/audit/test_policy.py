"""audit.toml."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from conformance.commands.audit.policy import Accepted, Policy, PolicyError, load_policy

TODAY = datetime.date(2026, 11, 27)
ACCEPTED = '[[accepted]]\nclause = "VIS-01"\nuntil = 2026-11-27\nreason = "slow disk"\n'


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "audit.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path, TODAY)


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert policy(tmp_path, "") == Policy()


def test_every_key(tmp_path: Path) -> None:
    text = """
        [required]
        platforms = ["linux", "macos"]
        file_systems = ["ext4"]
        programs = ["conformance", "stress", "powercut"]
        should = ["KIL-06"]
        wine = true

        [minimum]
        writes = 1000
        cuts = 200

        [[accepted]]
        clause = "MET-03"
        case = "owner:*"
        platform = "linux"
        until = 2027-03-31
        reason = "needs a new library"
    """
    assert policy(tmp_path, text) == Policy(
        platforms=("linux", "macos"),
        file_systems=("ext4",),
        programs=("conformance", "stress", "powercut"),
        should=("KIL-06",),
        wine=True,
        minimum={"writes": 1000, "cuts": 200},
        accepted=(Accepted("MET-03", datetime.date(2027, 3, 31), "needs a new library", "owner:*", "linux"),),
    )


def test_the_platforms_of_a_program_for_some_systems_are_those_it_supports(tmp_path: Path) -> None:
    assert policy(tmp_path, '[required]\nsupported = ["linux", "macos"]').platforms == ("linux",)
    assert policy(tmp_path, '[required]\nsupported = ["macos"]').platforms == ("macos",)
    assert policy(tmp_path, '[required]\nsupported = ["linux", "macos"]\nplatforms = ["macos"]').platforms == ("macos",)
    with pytest.raises(PolicyError, match=r"required\.platforms: 'windows' is not one of required\.supported"):
        policy(tmp_path, '[required]\nsupported = ["linux"]\nplatforms = ["linux", "windows"]')


def test_an_accepted_failure_is_one_of_clause_case_and_platform(tmp_path: Path) -> None:
    [anywhere] = policy(tmp_path, ACCEPTED).accepted
    assert anywhere.matches("VIS-01", "any", "linux")
    assert not anywhere.matches("VIS-02", "any", "linux")
    narrow = Accepted("VIS-01", TODAY, "", case="a:*", platform="windows")
    assert narrow.matches("VIS-01", "a:b", "windows")
    assert not narrow.matches("VIS-01", "b", "windows")
    assert not narrow.matches("VIS-01", "a:b", "linux")


def test_a_failure_is_accepted_to_the_end_of_its_last_day(tmp_path: Path) -> None:
    assert policy(tmp_path, ACCEPTED).accepted[0].until == TODAY
    with pytest.raises(PolicyError, match="was accepted until 2026-11-26: mend it, or agree on a new date"):
        policy(tmp_path, ACCEPTED.replace("11-27", "11-26"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[requires]\nwine = true", "unknown key 'requires'.*did you mean required"),
        ("wine = true", "unknown key 'wine'"),
        ("required = 1", r"required must be written as \[required\]"),
        ("[required]\nplatform = []", r"unknown key 'platform' in \[required\].*did you mean platforms"),
        ("[required]\nplatforms = []", "required.platforms must be a list of strings"),
        ("[required]\nplatforms = 'linux'", "required.platforms must be a list"),
        ("[required]\nplatforms = ['linx']", "required.platforms has 'linx'.*did you mean linux"),
        ("[required]\nprograms = ['peers']", "required.programs has 'peers'"),
        ("[required]\nshould = ['VIS-01']", "required.should has 'VIS-01'"),  # a MUST is insisted on anyway
        ("[required]\nwine = 1", "required.wine must be true or false"),
        ("[minimum]\nwrites = 0", "minimum.writes must be a number of at least 1"),
        ("[minimum]\nwrites = true", "minimum.writes must be a number"),
        ("[accepted]\nclause = 'VIS-01'", r"accepted must be written as \[\[accepted\]\]"),
        ("accepted = [1]", r"accepted must be written as \[\[accepted\]\]"),
        (ACCEPTED.replace("until = 2026-11-27\n", ""), "lacks the key 'until'"),
        (ACCEPTED.replace("2026-11-27", "'2026-11-27'"), "accepted.until must be a date"),
        (ACCEPTED.replace("2026-11-27", "2026-11-27T00:00:00"), "accepted.until must be a date"),
        (ACCEPTED.replace("slow disk", ""), "accepted.reason must be a string that is not empty"),
        (ACCEPTED.replace("VIS-01", "VIS-99"), "accepted.clause has 'VIS-99'"),
        (ACCEPTED + "platform = 'linx'", "accepted.platform has 'linx'"),
        ("x" * 10, "cannot be read as TOML"),
        ("a = " + "[" * 5000, "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as caught:
        policy(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "audit.toml"))


def test_wine_is_windows_only_by_consent() -> None:
    assert Policy().platform("windows (wine)") == "windows (wine)"
    assert Policy(wine=True).platform("windows (wine)") == "windows"
    assert Policy(wine=True).platform("linux") == "linux"
