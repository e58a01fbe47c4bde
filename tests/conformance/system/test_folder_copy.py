"""A folder is copied as it is, and within limits."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from conformance.system.folder_copy import DEEPEST, copy_folder

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="on Windows few users may make symbolic links")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "inner" / "empty").mkdir(parents=True)
    (folder / "program").write_bytes(b"run\r\n")
    (folder / "inner" / "data").write_bytes(b"1")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_everything_is_copied_with_modes_and_times(source: Path, target: Path) -> None:
    (source / "program").chmod(stat.S_IRUSR | stat.S_IXUSR)
    os.utime(source / "program", (1, 1))
    os.utime(source / "inner", (2, 2))
    copy_folder(source, target)
    assert names(target) == ["inner", "inner/data", "inner/empty", "program"]
    assert (target / "program").read_bytes() == b"run\r\n"
    assert (target / "program").stat().st_mode == (source / "program").stat().st_mode
    assert ((target / "program").stat().st_mtime, (target / "inner").stat().st_mtime) == (1, 2)


def test_what_matches_a_pattern_is_left_out(source: Path, target: Path) -> None:
    copy_folder(source, target, ignore=("inn*",))
    assert names(target) == ["program"]


def test_reports_of_the_kit_are_left_out(source: Path, target: Path) -> None:
    (source / "inner" / "results.jsonl").write_text('{"type": "header", "format": 2, "kit": "1"}\n')
    (source / "inner" / "junit.xml").touch()
    copy_folder(source, target)
    assert names(target) == ["inner", "inner/data", "inner/empty", "program"]


def test_a_folder_with_nothing_but_reports_is_left_out(source: Path, target: Path) -> None:
    for folder in ("pulse-results", "audit/conformance", "audit/stress"):
        (source / folder).mkdir(parents=True)
        (source / folder / "results.jsonl").write_text('{"type": "header", "format": 2, "kit": "1"}\n')
    copy_folder(source, target)
    assert names(target) == ["inner", "inner/data", "inner/empty", "program"]


@needs_links
def test_what_a_link_leads_to_is_copied(source: Path, target: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "library").write_bytes(b"2")
    (source / "folder").symlink_to(tmp_path / "elsewhere")
    (source / "file").symlink_to("program")
    (source / "nowhere").symlink_to("gone")
    copy_folder(source, target)
    assert (target / "folder" / "library").read_bytes() == b"2"
    assert not (target / "folder").is_symlink()
    assert (target / "file").read_bytes() == b"run\r\n"
    assert not os.path.lexists(target / "nowhere")


@needs_links
@pytest.mark.parametrize("absolute", [False, True])
def test_links_to_the_folder_itself_are_not_followed(source: Path, target: Path, *, absolute: bool) -> None:
    for number in range(20):
        (source / f"self-{number}").symlink_to(source if absolute else ".")
        (source / "inner" / f"up-{number}").symlink_to(source if absolute else "..")
    copy_folder(source, target)
    assert (target / "self-0").readlink() == Path()
    assert (target / "inner" / "up-19").readlink() == Path("..")
    assert len(os.listdir(target)) == 22
    assert (target / "self-3" / "inner" / "up-5" / "program").read_bytes() == b"run\r\n"


@needs_links
def test_folders_that_link_to_each_other_twice_each_end_at_the_limit(source: Path, target: Path) -> None:
    """Followed, the links of 40 folders lead to 2**40 files."""
    for number in range(40):
        (source / f"d{number}").mkdir()
        for name in ("a", "b"):
            (source / f"d{number}" / name).symlink_to(f"../d{number + 1}")
    with pytest.raises(OSError, match="more than 500 files and folders; put what the program needs into a folder"):
        copy_folder(source, target, most_entries=500)


@needs_links
def test_a_chain_of_more_links_than_a_path_may_have_is_copied(source: Path, target: Path) -> None:
    for number in range(60):
        (source / f"d{number}").mkdir()
        (source / f"d{number}" / "next").symlink_to(f"../d{number + 1}")
    (source / "d60").mkdir()
    (source / "d60" / "program").write_bytes(b"run")
    copy_folder(source / "d0", target)
    assert target.joinpath(*["next"] * 60, "program").read_bytes() == b"run"


def test_more_bytes_than_the_limit_are_not_copied(source: Path, target: Path) -> None:
    with (source / "large").open("wb") as file:
        file.truncate(3 << 20)
    with pytest.raises(OSError, match="more than 2 MiB"):
        copy_folder(source, target, most_bytes=2 << 20)
    assert not (target / "large").exists()


def test_folders_deeper_than_the_limit_are_not_copied(source: Path, target: Path) -> None:
    deep = source.joinpath(*["d"] * (DEEPEST + 1))
    if sys.platform == "win32" and len(str(deep)) > 200:
        pytest.skip("the name is too long for Windows")
    deep.mkdir(parents=True)
    with pytest.raises(OSError, match="folders more than 100 deep"):
        copy_folder(source, target)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["FIFO", "device"])
def test_what_is_no_file_is_refused_and_not_waited_for(source: Path, target: Path, kind: str) -> None:
    if kind == "FIFO" and sys.platform != "win32":
        os.mkfifo(source / "odd")
    else:
        (source / "odd").symlink_to("/dev/zero")
    with pytest.raises(OSError, match=f"a {kind} cannot be copied"):
        copy_folder(source, target)


@needs_links
@pytest.mark.parametrize("outside", [True, False])
def test_what_a_link_leads_to_outside_is_copied_only_where_that_is_wanted(
    source: Path, target: Path, tmp_path: Path, outside: bool
) -> None:
    """A user who may not read it must not be given a copy of it."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"key")
    for name, to in {"key": "../secret/key", "secret": "../secret", "own": "inner/data", "own-folder": "inner"}.items():
        (source / name).symlink_to(to)
    copy_folder(source, target, outside=outside)
    links = {name for name in ("key", "secret", "own", "own-folder") if (target / name).is_symlink()}
    assert links == (set() if outside else {"key", "secret"})
    assert os.path.samefile(target / "secret", secret) == (not outside)
