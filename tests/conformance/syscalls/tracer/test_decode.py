"""Registers and memory → named arguments. The tests decode calls of this process, which needs no tracing."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.syscalls.tracer.calls import HARMLESS, Argument, Descriptor
from conformance.syscalls.tracer.decode import BLIND, decode, process_of

if sys.platform != "linux":
    pytest.skip("needs the /proc of Linux", allow_module_level=True)

OURSELVES = os.getpid()
AT_FDCWD = (1 << 64) - 100
NOTHING = (1 << 64) - 1


class Memory:
    """Strings and numbers at addresses."""

    def __init__(self) -> None:
        self.kept: list[object] = []

    def text(self, text: str) -> int:
        self.kept.append(buffer := ctypes.create_string_buffer(os.fsencode(text)))
        return ctypes.addressof(buffer)

    def word(self, value: int) -> int:
        self.kept.append(number := ctypes.c_uint64(value))
        return ctypes.addressof(number)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def file(folder: Path) -> Iterator[int]:
    """A descriptor of the document in the folder."""
    number = os.open(folder / "status.json", os.O_RDWR)
    yield number
    os.close(number)


@pytest.fixture
def directory(folder: Path) -> Iterator[int]:
    """A descriptor of the folder."""
    number = os.open(folder, os.O_RDONLY)
    yield number
    os.close(number)


def decoded(name: str, *registers: int, within: Path | None = None) -> dict[str, Argument] | None:
    def lies_within(path: str) -> bool:
        return within is not None and path.startswith(str(within))

    return decode(OURSELVES, OURSELVES, name, (*registers, *[0] * (6 - len(registers))), lies_within)


def path_of(name: str, *registers: int) -> Argument | None:
    return (decoded(name, *registers) or {}).get("path")


# Descriptors and numbers


def test_a_descriptor_has_the_path_of_its_file(file: int, folder: Path) -> None:
    path = str(folder / "status.json")
    assert decoded("write", file, 0x7F00, 5) == {"descriptor": Descriptor(file, path), "count": 5}
    os.unlink(path)
    assert decoded("fsync", file) == {"descriptor": Descriptor(file, f"{path} (deleted)")}


def test_a_number_that_is_not_open_has_no_path() -> None:
    assert decoded("close", 999_999) == {"descriptor": Descriptor(999_999, "")}
    assert decoded("close", NOTHING) == {"descriptor": Descriptor(-1, "")}


def test_a_descriptor_is_the_lower_half_of_its_register(file: int, folder: Path) -> None:
    """The kernel takes an int; whatever a program leaves in the upper half has no meaning."""
    expected = {"descriptor": Descriptor(file, str(folder / "status.json"))}
    assert decoded("fsync", 0xDEAD << 32 | file) == expected


def test_a_pipe_is_no_file() -> None:
    ends = os.pipe()
    try:
        found = decoded("write", ends[1], 0, 1)
    finally:
        for end in ends:
            os.close(end)
    assert found is not None
    assert str(found["descriptor"]).startswith(f"Descriptor(number={ends[1]}, path='pipe:[")


def test_both_descriptors_of_a_copy(file: int, directory: int, folder: Path) -> None:
    assert decoded("copy_file_range", directory, 0, file, 0, 9, 0) == {
        "other_descriptor": Descriptor(directory, str(folder)),
        "descriptor": Descriptor(file, str(folder / "status.json")),
        "count": 9,
        "flags": 0,
    }


@pytest.mark.parametrize(("register", "offset"), [(7, 7), ((1 << 64) - 5, -5), (1 << 40, 1 << 40)])
def test_an_offset_has_a_sign(file: int, register: int, offset: int) -> None:
    assert (decoded("lseek", file, register, 0) or {})["offset"] == offset


def test_an_anonymous_mapping_concerns_no_file(file: int) -> None:
    assert decoded("mmap", 0, 4096, 3, 0x22, NOTHING, 0) is None
    assert decoded("mmap", 0, 4096, 3, 0x22, 0xFFFFFFFF, 0) is None
    assert (decoded("mmap", 0, 4096, 3, 1, file, 0) or {})["length"] == 4096


def test_the_flags_of_openat2_are_in_memory(memory: Memory) -> None:
    found = decoded("openat2", AT_FDCWD, memory.text("/a"), memory.word(0o102), 24)
    assert found == {"path": "/a", "flags": 0o102, "size": 24}


# Paths


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/run//x/./y/../a", "/run/x/a"),
        ("/ä\n", "/ä\n"),
        ("/\udcff", "/\udcff"),
        ("/" + "x" * 200, "/" + "x" * 200),
    ],
)
def test_a_path_becomes_plain(memory: Memory, text: str, path: str) -> None:
    assert path_of("unlink", memory.text(text)) == path


def test_a_relative_path_starts_at_the_current_folder(memory: Memory) -> None:
    current = os.getcwd()
    assert path_of("unlink", memory.text("a")) == f"{current}/a"
    assert path_of("unlinkat", AT_FDCWD, memory.text("a"), 0) == f"{current}/a"
    assert path_of("unlinkat", 0xFFFFFF9C, memory.text("./b/../a"), 0) == f"{current}/a"


def test_a_relative_path_starts_at_a_descriptor(memory: Memory, directory: int, folder: Path) -> None:
    assert path_of("unlinkat", directory, memory.text("a"), 0) == str(folder / "a")
    assert path_of("unlinkat", directory, memory.text("../a"), 0) == str(folder.parent / "a")
    assert path_of("unlinkat", directory, memory.text("/a"), 0) == "/a"


def test_each_path_of_a_rename_has_its_own_folder(memory: Memory, directory: int, folder: Path) -> None:
    found = decoded("renameat2", directory, memory.text("a"), AT_FDCWD, memory.text("/b"), 2)
    assert found == {"path": str(folder / "a"), "other_path": "/b", "flags": 2}


def test_an_empty_path_is_the_descriptor_itself(memory: Memory, file: int, folder: Path) -> None:
    path = str(folder / "status.json")
    assert path_of("newfstatat", file, memory.text(""), 0, 0x1000) == path
    assert path_of("utimensat", file, 0, 0, 0) == path
    assert path_of("newfstatat", AT_FDCWD, memory.text(""), 0, 0x1000) == ""


@pytest.mark.parametrize("link", ["/proc/self/fd/{}", "/proc/thread-self/fd/{}", "/proc/{}/fd/{}"])
def test_a_path_of_proc_is_the_file_of_that_descriptor(memory: Memory, file: int, folder: Path, link: str) -> None:
    numbers = (OURSELVES, file)[-link.count("{}") :]
    found = decoded("linkat", AT_FDCWD, memory.text(link.format(*numbers)), AT_FDCWD, memory.text("/b"), 0x400)
    assert (found or {})["path"] == str(folder / "status.json")


def test_a_number_in_the_folder_of_descriptors_is_the_file_of_that_descriptor(
    memory: Memory, file: int, folder: Path
) -> None:
    """linkat(2) with the descriptor of /proc/self/fd and a number: how the path is spelt depends on the process."""
    descriptors = os.open("/proc/self/fd", os.O_RDONLY)
    try:
        assert path_of("linkat", descriptors, memory.text(str(file)), AT_FDCWD, 0) == str(folder / "status.json")
    finally:
        os.close(descriptors)


@pytest.mark.parametrize(
    "link", ["/proc/self/fd/{}/status.json", "/proc/{}/fd/{}/status.json", "/dev/fd/{}/status.json"]
)
def test_a_path_below_a_descriptor_is_one_below_its_folder(
    memory: Memory, directory: int, folder: Path, link: str
) -> None:
    numbers = (OURSELVES, directory)[-link.count("{}") :]
    assert path_of("unlink", memory.text(link.format(*numbers))) == str(folder / "status.json")


def test_a_folder_is_resolved_and_the_last_name_is_not(memory: Memory, folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    (folder / "link").symlink_to("/etc/passwd")
    assert path_of("unlink", memory.text(f"{folder.parent}/alias/link")) == str(folder / "link")


def test_a_path_at_no_address_is_empty(memory: Memory) -> None:
    assert path_of("unlink", 8) == ""


# Calls that are not in the tables


@pytest.mark.parametrize("name", ["futex", "brk", "clone3", "socket"])
def test_a_harmless_call_is_ignored(file: int, name: str, folder: Path) -> None:
    assert name in HARMLESS
    assert decoded(name, file, within=folder) is None


def test_an_unknown_call_concerns_the_folder_by_a_descriptor_or_a_path(memory: Memory, file: int, folder: Path) -> None:
    path = str(folder / "status.json")
    assert decoded("name_to_handle_at", file, within=folder) == {"unknown": path}
    assert decoded("call-999", 0, 0, memory.text(path), within=folder) == {"unknown": path}
    assert decoded("call-999", file, memory.text(path), within=folder / "sub") is None
    assert decoded("call-999", NOTHING, 1 << 40, within=folder) is None


@pytest.mark.parametrize("name", BLIND)
def test_what_hides_its_operations_always_concerns_the_folder(name: str) -> None:
    assert decoded(name) == {"unknown": "operations that it hides"}


# Processes


def test_the_process_of_a_thread() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(process_of(threading.get_native_id())))
    thread.start()
    thread.join()
    assert found == [OURSELVES]


def test_a_thread_that_is_gone_has_no_process() -> None:
    with pytest.raises(FileNotFoundError):
        process_of(1 << 30)


def test_a_process_that_is_gone_has_no_paths(memory: Memory) -> None:
    gone = 1 << 30
    found = decode(OURSELVES, gone, "fsync", (3, 0, 0, 0, 0, 0), lambda path: False)
    assert found == {"descriptor": Descriptor(3, "")}


def test_the_folder_of_an_unnamed_file_may_be_a_link(memory: Memory, folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    found = {}
    for flags in (os.O_TMPFILE | os.O_WRONLY, os.O_DIRECTORY):
        arguments = decode(OURSELVES, OURSELVES, "open", (memory.text(str(link)), flags, 0o600), lambda path: True)
        assert arguments is not None
        found[flags] = arguments["path"]
    assert list(found.values()) == [str(folder), str(link)]  # of others the last name may be what is meant
