"""Access control lists: which users may read, what a write has widened, and what the kernel makes of a list."""

import os
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.oracle.access import STRANGER, Access, access_of, set_access_list, set_default_list, widened

NO_ID = 0xFFFFFFFF
OWNER, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs the access control lists of Linux")


def access(mode: int, extra: dict[tuple[int, int], int] | None = None, owner: tuple[int, int] = (1000, 100)) -> Access:
    entries = {(OWNER, NO_ID): mode >> 6 & 7, (GROUP_OBJ, NO_ID): mode >> 3 & 7, (OTHER, NO_ID): mode & 7}
    return Access(mode, owner, {**entries, **(extra or {})})


def test_a_secret_that_became_public_is_named() -> None:
    assert widened(access(0o600), access(0o644)) == ["group 100", "all other users"]
    assert widened(access(0o640), access(0o644)) == ["all other users"]
    assert widened(access(0o604), access(0o644)) == ["group 100"]


@pytest.mark.parametrize("after", [0o600, 0o640, 0o622, 0o000])
def test_fewer_or_the_same_readers_are_no_widening(after: int) -> None:
    assert widened(access(0o640), access(after)) == []


def test_a_list_that_was_lost_gives_its_mask_to_the_group() -> None:
    before = access(0o640, {(USER, 5): 4, (GROUP_OBJ, NO_ID): 0, (MASK, NO_ID): 4})
    assert widened(before, access(0o640)) == ["group 100"]
    assert widened(before, before) == []


def test_a_list_that_was_lost_no_longer_keeps_out_whom_it_named() -> None:
    before = access(0o644, {(USER, 5): 0, (GROUP, 7): 0, (MASK, NO_ID): 4})
    assert widened(before, access(0o644)) == ["group 7", "user 5"]


def test_the_mask_limits_what_a_named_user_may() -> None:
    masked = access(0o600, {(USER, 5): 6, (MASK, NO_ID): 0})
    assert not masked.may_read("user", 5)
    assert widened(masked, access(0o640, {(USER, 5): 6, (MASK, NO_ID): 4})) == ["group 100", "user 5"]


def test_another_group_is_a_widening_too() -> None:
    assert widened(access(0o640), access(0o640, owner=(1000, 0))) == ["group 0"]


def test_the_owner_who_is_named_may_read_anyway() -> None:
    assert widened(access(0o600), access(0o600, {(USER, 1000): 4, (MASK, NO_ID): 4})) == []


def test_it_is_shown_in_words() -> None:
    assert access(0o600).shown() == "0600, readable for the owner only"
    assert access(0o644).shown() == "0644, readable for group 100, all others"
    listed = access(0o640, {(USER, 5): 4, (GROUP_OBJ, NO_ID): 0, (MASK, NO_ID): 4})
    assert listed.shown() == "0640 with an access list, readable for user 5, not for group 100"
    assert access(0o640, {(USER, 5): 4, (MASK, NO_ID): 4}).shown().endswith("readable for group 100, user 5")


@linux_only
def test_a_list_is_read_back_as_it_was_set(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o600)
    try:
        set_access_list(path, user=4, group=0, others=0)
    except Unmeasured as reason:
        pytest.skip(str(reason))
    found = access_of(path)
    assert found.mode == 0o640, "the mode shows the mask"
    assert found.may_read("user", STRANGER)
    assert not found.may_read("group", os.stat(path).st_gid)


@linux_only
def test_a_default_list_decides_on_new_files(tmp_path: Path) -> None:
    try:
        set_default_list(tmp_path, user=6, group=4, others=0)
    except Unmeasured as reason:
        pytest.skip(str(reason))
    (tmp_path / "file").touch()
    assert access_of(tmp_path / "file").mode == 0o660


@pytest.mark.skipif(sys.platform == "linux", reason="Linux has access control lists")
def test_elsewhere_it_is_unmeasured(tmp_path: Path) -> None:
    with pytest.raises(Unmeasured, match="Linux"):
        set_default_list(tmp_path, user=6, group=4, others=0)


@linux_only
def test_a_file_system_without_lists_is_unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(Unmeasured, match="--dir"):
        set_access_list(tmp_path, user=4, group=0, others=0)
