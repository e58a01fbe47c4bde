"""Command prefixes: each causes the real fault in the process that is started with it, and nowhere else."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.suite.helpers import launch_prefixes
from conformance.suite.helpers.launch_prefixes import (
    bind_mounted,
    file_size_limited,
    in_a_process_space_of_its_own,
    make_link,
    small_file_system,
    without_permission_override,
    without_special_bits_override,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these faults")
# Each attempt ends with the number of its error, or 0.
ATTEMPT = "import os, sys\ntry:\n    {}\nexcept OSError as error:\n    sys.exit(error.errno)\n"
WRITE = "with open(sys.argv[1], 'wb') as file: file.write(bytes(int(sys.argv[2])))"


@pytest.fixture(autouse=True)
def asked_afresh() -> Iterator[None]:
    """Clears what is known about namespaces before and after each test."""
    for known in (launch_prefixes._namespace, launch_prefixes.in_a_process_space_of_its_own):
        known.cache_clear()
    yield
    for known in (launch_prefixes._namespace, launch_prefixes.in_a_process_space_of_its_own):
        known.cache_clear()


def run(prefix: tuple[str, ...], action: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    # -I -S: nothing from the environment, such as a coverage hook, writes a file in there.
    words = [*prefix, sys.executable, "-I", "-S", "-c", action, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True)


def error_of(prefix: tuple[str, ...], action: str, *arguments: object) -> str:
    """Run one action in a child. Returns the name of its error, or ``ok``."""
    done = run(prefix, ATTEMPT.format(action), *arguments)
    assert done.stderr == ""
    return errno.errorcode[done.returncode] if done.returncode else "ok"


def made(make: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    try:
        return make()
    except Unmeasured as reason:
        pytest.skip(str(reason))


@posix_only
def test_a_bind_mounted_target_can_be_written_but_not_replaced(tmp_path: Path) -> None:
    target, temp = tmp_path / "a target", tmp_path / "temp"
    target.write_bytes(b"old")
    temp.write_bytes(b"new")
    prefix = made(lambda: bind_mounted(target))
    assert error_of(prefix, "os.replace(sys.argv[1], sys.argv[2])", temp, target) == "EBUSY"
    assert target.read_bytes() == b"old"
    assert error_of(prefix, WRITE, target, 5) == "ok"
    assert target.read_bytes() == bytes(5)


@posix_only
def test_a_bind_mount_ends_with_its_process(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    assert error_of(made(lambda: bind_mounted(target)), "os.stat(sys.argv[1])", target) == "ok"
    target.unlink()
    assert not target.exists()


@posix_only
def test_a_small_file_system_is_full_at_its_size_and_not_before(tmp_path: Path) -> None:
    prefix = made(lambda: small_file_system(tmp_path, 64))
    assert error_of(prefix, WRITE, tmp_path / "file", 32 * 1024) == "ok"
    assert error_of(prefix, WRITE, tmp_path / "file", 128 * 1024) == "ENOSPC"
    assert os.listdir(tmp_path) == []


@posix_only
def test_permission_bits_of_a_folder_apply(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o555)
    prefix = made(without_permission_override)
    assert error_of(prefix, WRITE, folder / "file", 1) == "EACCES"
    assert error_of(prefix, WRITE, tmp_path / "file", 1) == "ok"
    assert os.listdir(folder) == []


@posix_only
def test_permission_bits_of_a_file_apply(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o000)
    assert error_of(made(without_permission_override), "open(sys.argv[1])", tmp_path / "file") == "EACCES"


@posix_only
def test_no_file_grows_beyond_the_limit(tmp_path: Path) -> None:
    assert error_of(file_size_limited(8), WRITE, tmp_path / "within", 8 * 1024) == "ok"
    assert error_of(file_size_limited(8), WRITE, tmp_path / "beyond", 8 * 1024 + 1) == "EFBIG"
    assert (tmp_path / "beyond").stat().st_size <= 8 * 1024


@posix_only
def test_arguments_reach_the_command_as_they_are(tmp_path: Path) -> None:
    words = ["a b", "$HOME", "'", '"', "*", ""]
    shown = "import sys; print(sys.argv[1:])"
    assert run(file_size_limited(1024), shown, *words).stdout == f"{words}\n"
    hostile = tmp_path / "a b $HOME ' \" *"
    hostile.mkdir()
    assert run(made(lambda: small_file_system(hostile, 64)), shown, *words).stdout == f"{words}\n"


@posix_only
def test_the_exit_code_of_the_command_is_kept(tmp_path: Path) -> None:
    assert run(file_size_limited(1024), "raise SystemExit(7)").returncode == 7
    assert run(made(lambda: small_file_system(tmp_path, 64)), "raise SystemExit(7)").returncode == 7


# Where the system does not allow it


def fake_unshare(folder: Path, script: str) -> str:
    path = folder / "unshare"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_without_unshare_there_are_no_mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unmeasured, match="run on Linux with util-linux installed"):
        bind_mounted(tmp_path)
    with pytest.raises(Unmeasured, match="run on Linux with util-linux installed"):
        small_file_system(tmp_path, 64)


def test_only_linux_has_mount_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/unshare")
    with pytest.raises(Unmeasured, match="run on Linux"):
        bind_mounted(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has mount namespaces")
def test_where_namespaces_are_forbidden_the_reason_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusing = fake_unshare(tmp_path, "echo 'unshare failed: Operation not permitted' >&2; exit 1")
    monkeypatch.setattr(shutil, "which", lambda name: refusing)
    with pytest.raises(Unmeasured, match=r"not allowed here: unshare failed: Operation not permitted; run as root"):
        bind_mounted(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has mount namespaces")
@pytest.mark.parametrize(("user", "mapped"), [(0, False), (1000, True)])
def test_an_ordinary_user_is_root_in_a_new_namespace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int, mapped: bool
) -> None:
    allowing = fake_unshare(tmp_path, "exit 0")
    monkeypatch.setattr(shutil, "which", lambda name: allowing)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert ("--map-root-user" in bind_mounted(tmp_path)) is mapped


@posix_only
def test_an_ordinary_user_overrides_no_permission_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert without_permission_override() == ()


def test_a_link_is_made_where_links_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    try:
        make_link(tmp_path / "link", "folder")
    except Unmeasured as reason:
        pytest.skip(str(reason))
    assert (tmp_path / "link").readlink() == Path("folder")
    assert (tmp_path / "link").is_dir()


def refuse(link: Path, destination: str, target_is_directory: bool = False) -> None:
    raise OSError(errno.EPERM, "a required privilege is not held by the client")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(refuse, "privilege is not held"), (lambda *_, **__: None, "reported success, but there is no link")],
)
def test_where_no_link_can_be_made_nothing_is_measured(
    tmp_path: Path, make: Callable[..., None], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "symlink_to", make)
    with pytest.raises(Unmeasured, match=reason):
        make_link(tmp_path / "link", "nowhere")


@posix_only
def test_root_without_setpriv_cannot_give_up_its_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unmeasured, match="run as an ordinary user, or install util-linux's setpriv"):
        without_permission_override()


@pytest.mark.parametrize("make", [without_permission_override, lambda: file_size_limited(8)])
def test_windows_has_neither_permission_bits_nor_a_limit(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], tuple[str, ...]]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(Unmeasured, match="Windows has no"):
        make()


@posix_only
def test_processes_in_a_space_of_their_own_have_the_same_low_id() -> None:
    prefix = made(in_a_process_space_of_its_own)
    ids = [run(prefix, "import os; print(os.getpid())").stdout.strip() for _ in range(2)]
    assert ids[0] == ids[1] == "2"


@posix_only
def test_the_exit_code_comes_out_of_a_process_space() -> None:
    assert run(made(in_a_process_space_of_its_own), "raise SystemExit(7)").returncode == 7


@posix_only
def test_where_a_process_space_is_refused_it_is_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(Unmeasured, match="pid namespaces are not allowed"):
        in_a_process_space_of_its_own()
    in_a_process_space_of_its_own.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unmeasured, match="util-linux"):
        in_a_process_space_of_its_own()


@posix_only
def test_a_write_clears_the_set_user_id_bit_even_for_root(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o4711)
    assert error_of(made(without_special_bits_override), WRITE, path, 1) == "ok"
    assert path.stat().st_mode & 0o7777 == 0o711
