"""Functions of programs in machine code."""

import sys
from pathlib import Path

import pytest

from conformance.commands.judge.native import Symbols, after_a_call, symbols_of


@pytest.mark.parametrize(
    ("code", "is_one"),
    [
        ("00 00 00 e8 01 02 03 04", True),  # call rel32
        ("00 00 00 00 00 00 ff d0", True),  # call rax
        ("00 00 00 00 00 41 ff d4", True),  # call r12
        ("00 00 ff 15 01 02 03 04", True),  # call [rip+disp32]
        ("00 00 00 00 00 ff 50 18", True),  # call [rax+0x18]
        ("00 00 00 00 ff 54 24 08", True),  # call [rsp+8]
        ("00 00 00 00 00 00 00 00", False),
        ("00 00 00 00 00 00 ff e0", False),  # jmp rax
        ("90 90 90 90 90 90 90 c3", False),
    ],
)
def test_an_address_that_a_call_returns_to_on_x86_64(code: str, is_one: bool) -> None:
    assert after_a_call(bytes.fromhex(code), "x86_64") is is_one


@pytest.mark.parametrize(("word", "is_one"), [(0x94000001, True), (0xD63F0100, True), (0xD503201F, False)])
def test_an_address_that_a_call_returns_to_on_arm(word: int, is_one: bool) -> None:
    assert after_a_call(word.to_bytes(4, "little"), "aarch64") is is_one


def test_the_function_that_has_an_offset() -> None:
    symbols = Symbols((0x1000, 0x1100), (0x1080, 0x1200), ("save", "main"), ((0x200, 0x400, 0x1000),))
    assert [symbols.name_at(offset) for offset in (0x200, 0x27F, 0x280, 0x300, 0x700)] == [
        "save",
        "save",
        "",
        "main",
        "",
    ]


def test_what_is_no_elf_file_has_no_functions() -> None:
    for data in (b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01", b"\x7fELF\x02\x01"):
        with pytest.raises(ValueError, match="ELF"):
            symbols_of(data)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other formats")
def test_this_python_has_functions() -> None:
    program = Path(sys.executable).resolve().read_bytes()
    symbols = symbols_of(program)
    libraries = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libpython" in line]
    if libraries:
        symbols = symbols_of(Path(libraries[0]).read_bytes())
    assert any(name.startswith("Py") for name in symbols.names)
    assert list(symbols.starts) == sorted(symbols.starts)
