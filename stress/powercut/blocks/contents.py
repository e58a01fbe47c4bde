"""What the bytes of a disk are: journal, inodes, the data of a file. The file systems' own tools say it, where there
are any; blocks of btrfs say it themselves.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

__all__ = ["Range", "contents_of"]

Range = tuple[int, int]
"""The first byte on the disk, and how many."""

_AT_ONCE = 100  # blocks that one command of debugfs is asked about
_DADDR = 512  # bytes, the unit of disk addresses of xfs_db
_BTRFS_SUPER, _BTRFS_NODE = 64 << 10, 16 << 10  # bytes: where the first superblock is, and the size of a tree's block
_BTRFS_TREES = {
    1: "root",
    2: "extent",
    3: "chunk",
    4: "device",
    5: "file",
    7: "checksum",
    9: "UUID",
    10: "free-space",
    2**64 - 6: "log",
    2**64 - 8: "relocation",
    2**64 - 9: "data relocation",
}


def contents_of(kind: str, image: Path, ranges: Sequence[Range]) -> list[str]:
    """What each of these ranges has, in words, on a disk with a file system of this type (``ext4`` …) that needs no
    recovery; an empty string where nothing here can tell.
    """
    known: dict[str, tuple[int, _Teller]] = {"xfs": (4096, _of_xfs), "btrfs": (_BTRFS_NODE, _of_btrfs)}
    size, tell = (_ext_block_size(image), _of_ext) if kind.startswith("ext") else known.get(kind, (0, _of_nothing))
    if not size:
        return ["" for _ in ranges]
    blocks = [range(begin // size, (begin + length - 1) // size + 1) for begin, length in ranges]
    told = tell(image, size, sorted({block for of_range in blocks for block in of_range}))
    return [_joined(told.get(block, "") for block in of_range) for of_range in blocks]


_Teller = Callable[[Path, int, Sequence[int]], Mapping[int, str]]


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts)))


def _of_nothing(image: Path, size: int, blocks: Sequence[int]) -> Mapping[int, str]:
    return {}


def _output(*command: object) -> str:
    """What a tool prints; nothing where it is not installed or fails."""
    try:
        done = subprocess.run(
            [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
    except OSError:
        return ""
    return done.stdout


def _ext_block_size(image: Path) -> int:
    found = re.search(r"^Block size:\s+(\d+)$", _output("dumpe2fs", "-h", image), re.MULTILINE)
    return int(found[1]) if found else 0


def _of_ext(image: Path, size: int, blocks: Sequence[int]) -> Mapping[int, str]:
    """debugfs(8) and dumpe2fs(8)"""
    layout = _ext_layout(_output("dumpe2fs", image))
    told = {0: "superblock"} | {block: what for block in blocks for places, what in layout if block in places}
    asked = [block for block in blocks if block not in told]
    inodes: dict[int, int] = {}
    for some in _in_parts(asked):
        output = _output("debugfs", "-R", f"icheck {some}", image)
        inodes |= {int(block): int(inode) for block, inode in re.findall(r"^(\d+)\t(\d+)$", output, re.MULTILINE)}
    names: dict[int, str] = {8: "the journal", 2: "/, inode 2"}
    for some in _in_parts(sorted(set(inodes.values()) - set(names))):
        output = _output("debugfs", "-R", f"ncheck {some}", image)
        found = re.findall(r"^(\d+)\t/+(.*)$", output, re.MULTILINE)
        names |= {int(inode): f"/{path}, inode {inode}" for inode, path in found}
    return told | {block: names.get(inode, f"inode {inode}, without a name") for block, inode in inodes.items()}


def _in_parts(numbers: Sequence[int]) -> list[str]:
    return [" ".join(map(str, numbers[at : at + _AT_ONCE])) for at in range(0, len(numbers), _AT_ONCE)]


def _ext_layout(text: str) -> list[tuple[range, str]]:
    """Which blocks dumpe2fs names as metadata, and what they are."""
    pattern = (
        r"(Primary superblock|Backup superblock|[Gg]roup descriptors|Reserved GDT blocks|Block bitmap|Inode bitmap|"
        r"Inode table) at (\d+)(?:-(\d+))?"
    )
    return [
        (range(int(first), int(last or first) + 1), what.removeprefix("Primary ").lower().replace("gdt", "GDT"))
        for what, first, last in re.findall(pattern, text)
    ]


def _of_xfs(image: Path, size: int, blocks: Sequence[int]) -> Mapping[int, str]:
    """xfs_db(8): "blockuse" prints a line for each address, after "blockget" has looked at the whole disk."""
    questions = [f"-cdaddr {block * size // _DADDR}\0-cblockuse -n" for block in blocks]
    words = [word for question in questions for word in question.split("\0")]
    lines = _output("xfs_db", "-r", "-cblockget -n", *words, image).splitlines()
    told = [found[1] for line in lines if (found := re.search(r"^block \d+ \(\d+/\d+\) type (.*)$", line))]
    return dict(zip(blocks, map(_xfs_words, told), strict=True)) if len(told) == len(blocks) else {}


def _xfs_words(text: str) -> str:
    if found := re.match(r"data inode (\d+) (.*)", text):
        return f"/{found[2]}, inode {found[1]}"
    known = {"log": "the journal", "sb": "superblock", "inode": "inodes", "free1": "free", "free2": "free"}
    return known.get(text, text)


def _of_btrfs(image: Path, size: int, blocks: Sequence[int]) -> Mapping[int, str]:
    """Each block of a tree begins with its checksum, the id of the file system, its address, and the tree's number."""
    told: dict[int, str] = {}
    with image.open("rb") as disk:
        disk.seek(_BTRFS_SUPER)
        identity = disk.read(0x30)[0x20:]
        for block in blocks:
            disk.seek(block * size)
            header = disk.read(0x65)
            if block * size == _BTRFS_SUPER or header[0x40:0x48] == b"_BHRfS_M":
                told[block] = "superblock"
            elif header[0x20:0x30] == identity:
                (tree,) = struct.unpack_from("<Q", header, 0x58)
                told[block] = f"the {_BTRFS_TREES.get(tree, tree)} tree"
            elif any(header):
                told[block] = "data"
    return told
