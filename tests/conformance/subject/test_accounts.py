"""Programs that run as another user, and what is handed over to that user."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import ManifestError
from conformance.subject.accounts import account_of, give, hand_over
from conformance.subject.children import spawn
from conformance.subject.launch import LaunchOptions

if sys.platform == "win32" or not sys.platform.startswith("linux"):
    pytest.skip("only Linux starts programs as another user", allow_module_level=True)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start programs as another user")
USER, UID = "nobody", 65534


@pytest.fixture(autouse=True)
def forgotten() -> None:
    account_of.cache_clear()


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """The folder of cases of a run: the user's, in a folder of the kit's."""
    tmp_path.chmod(0o711)
    folder = tmp_path / "cases"
    folder.mkdir()
    give(folder, USER)
    return folder


def owners(*paths: Path) -> list[int]:
    return [path.lstat().st_uid for path in paths]


def test_without_root_there_is_no_other_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ManifestError, match="only root may start programs as another user"):
        account_of(USER)


@pytest.mark.parametrize(("name", "why"), [("no-such-user", "no such user"), ("root", "that is root itself")])
def test_a_user_must_exist_and_be_an_ordinary_one(monkeypatch: pytest.MonkeyPatch, name: str, why: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ManifestError, match=why):
        account_of(name)


@as_root
def test_a_program_has_the_users_numbers_groups_and_home_and_no_way_back(tmp_path: Path) -> None:
    options = LaunchOptions(tmp_path, tmp_path, user=USER)
    shown = "cat /proc/self/status; echo HOME $HOME; echo USER $USER; kill -0 $PPID || echo kept out"
    words = (*account_of(USER).prefix(), "sh", "-c", shown)
    child = spawn(words, folder=Path("/"), children=tmp_path, environment=options.child_environment())
    printed = child.communicate(b"", 60).decode()
    found = {line.split()[0].rstrip(":"): line.split()[1:] for line in printed.splitlines() if line.split()}
    groups = [str(number) for number in sorted(set(os.getgrouplist(USER, UID)))]
    assert found["Uid"] == [str(UID)] * 4
    assert found["Gid"] == [str(UID)] * 4
    assert sorted(found["Groups"]) == sorted(groups)
    assert [int(found[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [0] * 4
    assert (found["HOME"], found["USER"]) == ([account_of(USER).home], [USER])
    assert printed.endswith("kept out\n")


@as_root
@pytest.mark.parametrize("ignored", [0, signal.SIGXFSZ])
def test_a_program_ignores_no_signal_but_the_one_that_it_is_to_ignore(tmp_path: Path, ignored: int) -> None:
    """Python ignores SIGPIPE and SIGXFSZ from its start on, and a program inherits that."""
    words = (*account_of(USER).prefix(ignored), "grep", "SigIgn", "/proc/self/status")
    child = spawn(
        words,
        folder=Path("/"),
        children=tmp_path,
        environment={"PATH": os.environ["PATH"]},
        ignore_signals=bool(ignored),
    )
    assert int(child.communicate(b"", 60).split()[1], 16) == (1 << ignored - 1 if ignored else 0)


@as_root
def test_a_program_that_the_user_cannot_execute_is_named(tmp_path: Path) -> None:
    program = tmp_path / "closed"
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o700)
    words = (*account_of(USER).prefix(), str(program))
    child = spawn(words, folder=tmp_path, children=tmp_path, environment=dict(os.environ))
    child.communicate(b"", 60)
    assert child.process.returncode == 1
    assert f"user {USER} cannot execute it: Permission denied" in child.stderr()


@as_root
def test_what_the_kit_makes_for_a_case_is_given_to_the_user(cases: Path) -> None:
    folder = cases / "1"
    (folder / "store").mkdir(parents=True)
    target = folder / "status.json"
    target.write_bytes(b"{}")
    target.chmod(0o4755)
    hand_over(cases, target, USER)
    assert owners(folder, folder / "store", target) == [UID] * 3
    assert stat.S_IMODE(target.stat().st_mode) == 0o4755


@as_root
def test_what_is_not_the_kits_own_or_reached_by_a_link_is_not(cases: Path, tmp_path: Path) -> None:
    """An implementation that links to a file of root's must not be given it."""
    outside, other = tmp_path / "outside", tmp_path / "other"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    other.write_bytes(b"other's")
    folder = cases / "1"
    folder.mkdir()
    (folder / "folder").symlink_to(outside)
    (folder / "file").symlink_to(outside / "secret")
    (folder / "second-name").hardlink_to(other)
    (cases / "2").symlink_to(outside)
    for path in (folder / "status.json", folder / "folder" / "secret", cases / "2" / "secret"):
        hand_over(cases, path, USER)
    assert owners(folder, outside, outside / "secret", other) == [UID, 0, 0, 0]


@as_root
def test_nothing_outside_of_the_cases_is_given_and_nothing_without_a_user(cases: Path, tmp_path: Path) -> None:
    own, folder = tmp_path / "own", cases / "1"
    own.write_bytes(b"")
    folder.mkdir()
    hand_over(cases, own, USER)
    hand_over(cases, Path("relative"), USER)
    hand_over(cases, folder, None)
    give(folder, None)
    assert owners(own, folder) == [0, 0]


@as_root
def test_a_folder_that_never_ends_ends_the_hand_over(cases: Path) -> None:
    deep = cases.joinpath("1", *["d"] * 60)
    deep.mkdir(parents=True)
    hand_over(cases, cases / "1" / "status.json", USER)
    assert owners(cases / "1", deep) == [UID, 0]
