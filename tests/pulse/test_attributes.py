"""What the target keeps besides its bytes: access lists, attributes and special bits; a write never widens access."""

import errno
import os
import stat
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("access lists and extended attributes of Linux", allow_module_level=True)

from pulse import read_status, write_idle_status, write_training_status

ACCESS, DEFAULT, LABEL = "system.posix_acl_access", "system.posix_acl_default", "security.selinux"
STRANGER = 65534
IS_ROOT = os.geteuid() == 0


def access_list(*, owner: int = 6, user: int = 4, group: int = 0, mask: int = 4, other: int = 0) -> bytes:
    """An access list with one entry for ``STRANGER``, as the kernel stores it (linux/posix_acl_xattr.h)."""
    anyone = 0xFFFFFFFF
    entries = [(1, owner, anyone), (2, user, STRANGER), (4, group, anyone), (0x10, mask, anyone), (0x20, other, anyone)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def attach(path: str | Path, name: str, value: bytes) -> None:
    """Set an attribute, or skip the test where the file system has none."""
    try:
        os.setxattr(path, name, value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip(f"this file system has no {name}")


def mode_of(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, name: str = "", number: int = errno.EPERM) -> None:
    """Let ``os.<call>`` fail when ``name`` is among its arguments, or always."""
    real = getattr(os, call)

    def stand_in(*arguments: Any) -> Any:
        if not name or name in arguments:
            raise OSError(number, "injected")
        return real(*arguments)

    monkeypatch.setattr(os, call, stand_in)


def in_another_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the temp belong to another group, and let the system refuse to change that."""
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        fields = list(real(descriptor))
        fields[stat.ST_GID] += 1
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", fstat)
    refuse(monkeypatch, "chown")


@pytest.fixture
def listed(target: str) -> str:
    """A target that its owner and ``STRANGER`` may read, and its group may not, although its mode is 0640."""
    write_idle_status(target, "old")
    os.chmod(target, 0o600)
    attach(target, ACCESS, access_list())
    assert mode_of(target) == 0o640
    return target


class TestAccessList:
    def test_it_is_kept(self, listed: str) -> None:
        write_idle_status(listed, "new")
        assert os.getxattr(listed, ACCESS) == access_list()
        assert mode_of(listed) == 0o640

    def test_the_temp_is_its_owners_alone_until_it_has_the_list(
        self, listed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: dict[str, list[int]] = {}
        for call in ("write", "fsync"):
            real: Callable[..., Any] = getattr(os, call)

            def look(*arguments: Any, call: str = call, real: Callable[..., Any] = real) -> Any:
                seen[call] = [mode_of(path) for path in Path(listed).parent.glob("*.tmp")]
                return real(*arguments)

            monkeypatch.setattr(os, call, look)
        write_training_status(listed, "idle", durable=False)
        assert seen == {"write": [0o600], "fsync": [0o640]}

    def test_one_that_cannot_be_kept_leaves_the_owner_alone(self, listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
        refuse(monkeypatch, "setxattr", ACCESS)
        write_idle_status(listed, "new")
        assert (os.listxattr(listed), mode_of(listed)) == ([], 0o600)

    def test_it_means_nothing_for_another_group(self, listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
        in_another_group(monkeypatch)
        write_idle_status(listed, "new")
        assert (os.listxattr(listed), mode_of(listed)) == ([], 0o600)

    def test_one_that_cannot_be_found_out_fails_the_write(self, listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for call in ("getxattr", "listxattr"):
            with monkeypatch.context() as patch:
                refuse(patch, call, number=errno.EIO)
                with pytest.raises(OSError, match="injected"):
                    write_idle_status(listed, "new")
        reading = read_status(listed)
        assert reading.status is not None
        assert reading.status["message"] == "old"
        assert os.getxattr(listed, ACCESS) == access_list()

    def test_one_that_goes_meanwhile_does_not(self, listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
        refuse(monkeypatch, "getxattr", number=errno.ENODATA)
        write_idle_status(listed, "new")

    def test_a_file_system_without_attributes_is_no_error(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        refuse(monkeypatch, "listxattr", number=errno.ENOTSUP)
        write_idle_status(target)
        os.chmod(target, 0o664)
        write_idle_status(target)
        assert mode_of(target) == 0o664


class TestFolderWithADefaultList:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        attach(tmp_path, DEFAULT, access_list(user=6, group=6, mask=6))
        return tmp_path

    def test_a_new_target_gets_what_a_plain_create_gets(self, folder: Path) -> None:
        (folder / "plain").touch()
        write_idle_status(folder / "new")
        assert mode_of(folder / "new") == mode_of(folder / "plain") == 0o660
        assert os.getxattr(folder / "new", ACCESS) == os.getxattr(folder / "plain", ACCESS)

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660])
    def test_a_target_without_a_list_stays_without(self, folder: Path, mode: int) -> None:
        target = folder / "target"
        target.touch()
        os.removexattr(target, ACCESS)
        os.chmod(target, mode)
        write_idle_status(target)
        assert (os.listxattr(target), mode_of(target)) == ([], mode)

    @pytest.mark.parametrize("call", ["removexattr", "listxattr"])
    def test_an_inherited_list_that_stays_opens_nothing(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        target = folder / "target"
        target.touch()
        os.removexattr(target, ACCESS)
        os.chmod(target, 0o640)
        real: Callable[..., Any] = getattr(os, call)

        def refuse_for_the_temp(file: Any, *arguments: Any) -> Any:
            if isinstance(file, int):
                raise PermissionError(errno.EPERM, "injected")
            return real(file, *arguments)

        monkeypatch.setattr(os, call, refuse_for_the_temp)
        write_idle_status(target)
        assert mode_of(target) == 0o600


class TestOtherAttributes:
    @pytest.mark.parametrize("mode", [0o644, 0o444])
    def test_those_of_users_are_kept(self, target: str, mode: int) -> None:
        write_idle_status(target)
        attach(target, "user.experiment", b"42")
        os.chmod(target, mode)
        write_idle_status(target)
        assert os.getxattr(target, "user.experiment") == b"42"
        assert mode_of(target) == mode

    @pytest.mark.parametrize("call", ["getxattr", "setxattr"])
    def test_one_that_may_not_be_copied_is_left_out(
        self, target: str, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        write_idle_status(target)
        attach(target, "user.experiment", b"42")
        refuse(monkeypatch, call)
        write_idle_status(target)
        assert os.listxattr(target) == []
        assert mode_of(target) == 0o666 & ~_umask()

    @pytest.mark.parametrize(("mine", "asked"), [(b"theirs", []), (b"default", [b"theirs"])])
    def test_a_label_is_set_only_where_it_differs(
        self, target: str, monkeypatch: pytest.MonkeyPatch, mine: bytes, asked: list[bytes]
    ) -> None:
        write_idle_status(target)
        labels: list[bytes] = []
        monkeypatch.setattr(os, "listxattr", lambda file: [LABEL, "security.ima", "trusted.overlay.origin"])
        monkeypatch.setattr(os, "getxattr", lambda file, name: mine if isinstance(file, int) else b"theirs")
        monkeypatch.setattr(os, "setxattr", lambda file, name, value: labels.append(value))
        write_idle_status(target)
        assert labels == asked


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class TestMode:
    @pytest.fixture
    def as_stranger(self) -> Iterator[Path]:
        """A folder that belongs to ``STRANGER``, as whom the test runs if it was started by root."""
        with tempfile.TemporaryDirectory() as folder:
            if not IS_ROOT:
                yield Path(folder)
                return
            os.chown(folder, STRANGER, STRANGER)
            groups = os.getgroups()
            os.setgroups([])
            os.setegid(STRANGER)
            os.seteuid(STRANGER)
            try:
                yield Path(folder)
            finally:
                os.seteuid(0)
                os.setegid(0)
                os.setgroups(groups)

    @pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6710, 0o1644])
    def test_special_bits_are_kept_by_a_user_too(self, as_stranger: Path, mode: int) -> None:
        target = as_stranger / "status.json"
        write_idle_status(target)
        os.chmod(target, mode)
        write_idle_status(target)
        assert mode_of(target) == mode

    @pytest.mark.parametrize(("mode", "kept"), [(0o640, 0o600), (0o664, 0o644), (0o604, 0o604), (0o2775, 0o755)])
    def test_another_group_may_do_what_all_others_may(
        self, target: str, monkeypatch: pytest.MonkeyPatch, mode: int, kept: int
    ) -> None:
        write_idle_status(target)
        os.chmod(target, mode)
        in_another_group(monkeypatch)
        write_idle_status(target)
        assert mode_of(target) == kept

    @pytest.mark.skipif(not IS_ROOT, reason="only root can make a file of another user")
    def test_a_program_that_runs_as_its_owner_does_not_run_as_the_writer(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_idle_status(target)
        os.chown(target, STRANGER, 0)
        os.chmod(target, 0o4755)
        refuse(monkeypatch, "chown")
        write_idle_status(target)
        assert mode_of(target) == 0o755
