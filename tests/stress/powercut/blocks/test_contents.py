"""What the bytes of a disk are: asked of file systems that were just made, with a file whose bytes are known."""

from __future__ import annotations

import mmap
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stress.disk import system_path
from stress.powercut.blocks.contents import contents_of

MARK = b"the bytes of the file, " * 800
MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-d", "{source}", "{image}"),
    "xfs": ("mkfs.xfs", "-q", "-p", "{prototype}", "{image}"),
    "btrfs": ("mkfs.btrfs", "-q", "--rootdir", "{source}", "{image}"),
}
TOOLS = {"ext4": ("dumpe2fs", "debugfs"), "xfs": ("xfs_db",), "btrfs": ()}
PROTOTYPE = "/dev/null\n0 0\nd--755 0 0\nwrites d--755 0 0\nstatus.json ---644 0 0 {file}\n$\n$\n"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes an image of a file system with ``writes/status.json`` in it, which needs neither root nor a mount."""
    monkeypatch.setenv("PATH", system_path())

    def make(kind: str) -> Path:
        for tool in (MAKERS[kind][0], *TOOLS[kind]):
            if shutil.which(tool) is None:
                pytest.skip(f"needs {tool}")
        source, path, prototype = tmp_path / "source", tmp_path / "image", tmp_path / "prototype"
        (source / "writes").mkdir(parents=True)
        (source / "writes" / "status.json").write_bytes(MARK)
        prototype.write_text(PROTOTYPE.format(file=source / "writes" / "status.json"), encoding="ascii")
        with path.open("wb") as file:
            file.truncate(320 << 20)
        places = {"source": source, "image": path, "prototype": prototype}
        subprocess.run([word.format(**places) for word in MAKERS[kind]], check=True, stdout=subprocess.DEVNULL)
        return path

    return make


def place_of(text: bytes, image: Path) -> int:
    """The offset of these bytes in an image."""
    with image.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(text)


@pytest.mark.parametrize(
    ("kind", "superblock", "said"),
    [
        ("ext4", 1024, "/writes/status.json, inode "),
        ("xfs", 0, "/writes/status.json, inode "),
        ("btrfs", 65536, "data"),
    ],
)
def test_what_the_file_system_says_of_its_blocks(
    image: Callable[[str], Path], kind: str, superblock: int, said: str
) -> None:
    path = image(kind)
    at = place_of(MARK[:4000], path)
    told = contents_of(kind, path, [(at, 4096), (superblock, 512), (at, len(MARK))])
    assert told[0].startswith(said)
    assert "superblock" in told[1]
    assert told[2].startswith(said)


def test_journal_and_metadata_of_ext4(image: Callable[[str], Path]) -> None:
    path = image("ext4")
    blocks = subprocess.run(["debugfs", "-R", "blocks <8>", path], capture_output=True, text=True, check=True)
    size = 1024 if "Block size:               1024" in dumped(path) else 4096
    journal, table = int(blocks.stdout.split()[0]), dumped(path).split("Inode table at ")[1].split("-")[0]
    assert contents_of("ext4", path, [(journal * size, size), (int(table) * size, size)]) == [
        "the journal",
        "inode table",
    ]


def test_the_trees_of_btrfs(image: Callable[[str], Path]) -> None:
    path = image("btrfs")
    with path.open("rb") as file:
        file.seek(65536 + 0x20)
        identity = file.read(16)
        file.seek(0)
        trees = {
            at
            for at in range(0, path.stat().st_size, 16384)
            if at != 65536 and file.seek(at + 0x20) and file.read(16) == identity
        }
    told = contents_of("btrfs", path, [(at, 4096) for at in sorted(trees)])
    assert "the file tree" in told
    assert {text for text in told if not text.endswith(" tree")} <= {"superblock"}  # its copies


def test_a_range_of_several_kinds_names_each_once(image: Callable[[str], Path]) -> None:
    [told] = contents_of("ext4", image("ext4"), [(0, 8 << 20)])
    words = told.split(", ")
    assert len(words) == len(set(words))
    assert {"superblock", "group descriptors", "block bitmap"} <= set(words)


def test_where_nothing_can_tell_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(1 << 20))
    assert contents_of("vfat", path, [(0, 512), (512, 512)]) == ["", ""]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert contents_of("ext4", path, [(0, 512)]) == [""]
    assert contents_of("xfs", path, [(0, 512)]) == [""]


def dumped(path: Path) -> str:
    return subprocess.run(["dumpe2fs", path], capture_output=True, text=True, check=True).stdout
