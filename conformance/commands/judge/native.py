"""The function of a program in machine code that is in the middle of a system call: what its stack and ELF file say."""

from __future__ import annotations

import bisect
import os
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.syscalls.tracer.ptrace import architecture

__all__ = ["Symbols", "after_a_call", "function_of", "symbols_of"]

_STACK_BYTES = 1 << 15  # of the innermost frames
_BIGGEST_FILE = 256 << 20
# Their functions make the call for the program; it is the caller that is looked for.
_C_LIBRARY = re.compile(r"/(?:libc[.-]|ld-linux|ld-2|ld-musl|libpthread|\[vdso)")
# Of Go's own packages; a function of the program's has a dot in its path, or is in package main.
_GO_LIBRARY = re.compile(r"^(?:runtime|syscall|internal|os|io|bufio|fmt|sync|time|encoding|path|ioutil)[./]")
_LOAD, _FUNCTION = 1, 2
_SYMBOL = struct.Struct("<IBBHQQ")


@dataclass(frozen=True)
class _Mapped:
    start: int
    end: int
    offset: int
    path: str


@dataclass(frozen=True)
class Symbols:
    """The functions of an ELF file: addresses, ends and names, sorted; and what its segments map to which address."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    names: tuple[str, ...]
    segments: tuple[tuple[int, int, int], ...]  # offset, size, address

    def name_at(self, offset: int) -> str:
        """The function that has the byte at this offset of the file; empty when none has."""
        for start, size, address in self.segments:
            if start <= offset < start + size:
                place = offset - start + address
                index = bisect.bisect_right(self.starts, place) - 1
                if index >= 0 and place < self.ends[index]:
                    return self.names[index]
        return ""


def symbols_of(data: bytes) -> Symbols:
    """The functions that a 64-bit little-endian ELF file names (elf(5)). Raises ValueError for any other file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit little-endian ELF file")
    try:
        segment_at, section_at = struct.unpack_from("<QQ", data, 32)
        _, segment_size, segments, section_size, sections, _ = struct.unpack_from("<HHHHHH", data, 52)
        loaded = []
        for number in range(segments):
            kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, segment_at + number * segment_size)
            if kind == _LOAD:
                loaded.append((offset, size, address))
        found: dict[int, tuple[int, str]] = {}
        for number in range(sections):
            kind, _, _, offset, size, link = struct.unpack_from("<IQQQQI", data, section_at + number * section_size + 4)
            if kind in (2, 11):  # .symtab, .dynsym
                texts = struct.unpack_from("<QQ", data, section_at + link * section_size + 24)
                found |= _functions(data[offset : offset + size], data[texts[0] : texts[0] + texts[1]])
    except struct.error as error:
        raise ValueError(f"a damaged ELF file: {error}") from error
    order = sorted(found)
    return Symbols(
        tuple(order),
        tuple(found[start][0] for start in order),
        tuple(found[start][1] for start in order),
        tuple(loaded),
    )


def _functions(table: bytes, texts: bytes) -> dict[int, tuple[int, str]]:
    found: dict[int, tuple[int, str]] = {}
    for name, kind, _, section, address, size in _SYMBOL.iter_unpack(table[: len(table) // 24 * 24]):
        if kind & 0xF == _FUNCTION and section and size:
            found[address] = address + size, texts[name : texts.index(b"\0", name)].decode("utf-8", "replace")
    return found


def after_a_call(code: bytes, machine: str) -> bool:
    """Whether an address is one that a call returns to: ``code`` are the bytes before it."""
    if machine == "x86_64":
        return code[-5:-4] == b"\xe8" or any(_is_indirect(code[-size:]) for size in (2, 3, 4, 6, 7))
    word = int.from_bytes(code[-4:], "little")  # bl, blr
    return word >> 26 == 0x25 or word & 0xFFFFFC1F == 0xD63F0000


def _is_indirect(code: bytes) -> bool:
    """Whether these bytes are one ``call r/m64``, with at most one prefix (REX.B, or notrack)."""
    code = code[1:] if code[:1] in (b"\x41", b"\x3e") else code
    if len(code) < 2 or code[0] != 0xFF or code[1] >> 3 & 7 != 2:
        return False
    mode, register = code[1] >> 6, code[1] & 7
    size = 2 + (register == 4 and mode != 3) + {0: 4 if register == 5 else 0, 1: 1, 2: 4, 3: 0}[mode]
    return len(code) == size


def function_of(thread: int) -> str:
    """The innermost function, not of the C library, in which a stopped thread makes a call; empty if it is not known.

    A file without symbols is named with the offset, for addr2line(1). Raises OSError, ValueError when the thread
    cannot be looked at.
    """
    words = Path(f"/proc/{thread}/syscall").read_text(encoding="ascii").split()
    pointer, counter = int(words[-2], 16), int(words[-1], 16)
    code = _executable(Path(f"/proc/{thread}/maps").read_text(encoding="utf-8", errors="replace"))
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        stack = _read(memory.fileno(), pointer, _STACK_BYTES)
        candidates = [counter, *struct.unpack(f"<{len(stack) // 8}Q", stack[: len(stack) // 8 * 8])]
        places = []
        for number, address in enumerate(candidates):
            mapped = next((each for each in code if each.start < address < each.end), None)
            if mapped is None or _C_LIBRARY.search(mapped.path):
                continue
            if not number or after_a_call(_read(memory.fileno(), address - 8, 8), architecture()):
                places.append((mapped.path, address - mapped.start + mapped.offset - 1))
    return _named(places)


def _named(places: Sequence[tuple[str, int]]) -> str:
    symbols: dict[str, Symbols | None] = {}
    first = ""
    for path, offset in places:
        if path not in symbols:
            symbols[path] = _symbols_of_file(path)
        known = symbols[path]
        name = known.name_at(offset) if known else ""
        first = first or (f"{name} in {os.path.basename(path)}" if name else f"{os.path.basename(path)}+0x{offset:x}")
        if not _GO_LIBRARY.match(name):
            return f"{name} in {os.path.basename(path)}" if name else first
    return first


def _symbols_of_file(path: str) -> Symbols | None:
    try:
        if os.stat(path).st_size > _BIGGEST_FILE:
            return None
        return symbols_of(Path(path).read_bytes())
    except (OSError, ValueError):
        return None


def _executable(maps: str) -> list[_Mapped]:
    found = []
    for line in maps.splitlines():
        place, rights, offset, _, _, *path = line.split(maxsplit=5)
        if "x" in rights and path and path[0].startswith("/"):
            start, _, end = place.partition("-")
            found.append(_Mapped(int(start, 16), int(end, 16), int(offset, 16), path[0]))
    return found


def _read(memory: int, address: int, size: int) -> bytes:
    """As much as there is of it."""
    found = b""
    while len(found) < size:
        step = min(4096 - (address + len(found)) % 4096, size - len(found))
        try:
            piece = os.pread(memory, step, address + len(found)) if hasattr(os, "pread") else b""
        except OSError:
            break
        if not piece:
            break
        found += piece
    return found
