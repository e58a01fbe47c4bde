"""What the tracer records of programs that write in many ways, with strace as an independent witness."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.strace.parser import parse
from conformance.syscalls.tracer.calls import TraceError

WRITE = """
import os, sys
def write(temp="a"):
    file = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(file, b"new")
    os.fsync(file)
    os.close(file)
    os.rename(temp, "status.json")
"""
LIBRARY = """
import ctypes
libc = ctypes.CDLL(None)
def called(result):
    assert result == 0
"""
WRITTEN = ["create a", "write a 3 bytes", "sync a", "close a", "rename a → status.json"]
OPEN = 'file = os.open("a", os.O_RDWR | os.O_CREAT)\n'
AGAIN = f"[sys.executable, '-I', '-S', '-c', {WRITE + 'write()'!r}]"

PROGRAMS = {
    "plain": ("write()\nfile = os.open('.', 0)\nos.fsync(file)", [*WRITTEN, "open .", "sync-folder ."]),
    "a worker thread": (
        "import threading\nthread = threading.Thread(target=write)\nthread.start()\nthread.join()",
        WRITTEN,
    ),
    "a forked child": (
        "child = os.fork()\nif child == 0:\n    write()\n    os._exit(0)\nos.waitpid(child, 0)",
        WRITTEN,
    ),
    "a grandchild": ("for _ in range(2):\n    if os.fork():\n        os.wait()\n        os._exit(0)\nwrite()", WRITTEN),
    "a subprocess": (f"import subprocess\nsubprocess.run({AGAIN}, check=True)", WRITTEN),
    "a spawned child": (f"os.waitpid(os.posix_spawn(sys.executable, {AGAIN}, os.environ), 0)", WRITTEN),
    "another program in its place": (f"os.execv(sys.executable, {AGAIN})", WRITTEN),
    "another program, executed by a thread": (
        "import threading\n"
        f"thread = threading.Thread(target=os.execv, args=(sys.executable, {AGAIN}))\nthread.start()\nthread.join()",
        WRITTEN,
    ),
    "relative to a descriptor": (
        "folder = os.open('.', 0)\nos.chdir('/')\nfile = os.open('a', os.O_WRONLY | os.O_CREAT, dir_fd=folder)\n"
        "os.rename('a', 'b', src_dir_fd=folder, dst_dir_fd=folder)",
        ["open .", "create a", "rename a → b"],
    ),
    "relative to the current folder": (
        "os.mkdir('sub')\nos.chdir('sub')\nos.mkdir('../b')\nos.rmdir('.././b/')",
        ["make-folder sub", "other sub", "make-folder b", "remove-folder b"],
    ),
    "a map": (
        f"{LIBRARY}{OPEN}os.ftruncate(file, 4096)\n"
        "libc.mmap.restype, size = ctypes.c_void_p, ctypes.c_size_t(4096)\n"
        "address = ctypes.c_void_p(libc.mmap(None, size, 3, 1, file, ctypes.c_long(0)))\n"
        "ctypes.memmove(address, b'new', 3)\n"
        "called(libc.msync(address, size, 4))\ncalled(libc.munmap(address, size))",
        ["create a", "truncate a 4096 bytes", "map a", "sync a", "unmap a"],
    ),
    "gathered": (
        f"{OPEN}os.writev(file, [b'ne', b'w'])\nos.pwritev(file, [b'x'], 7, os.RWF_DSYNC)\nos.pwrite(file, b'y', 9)",
        ["create a", "write a 3 bytes", "write a 1 bytes", "write a 1 bytes"],
    ),
    "copied": (
        f"old = os.open('status.json', 0)\n{OPEN}os.copy_file_range(old, file, 3)\nos.sendfile(file, old, 0, 2)",
        ["open status.json", "create a", "write a ← status.json 3 bytes", "write a ← status.json 2 bytes"],
    ),
    "spliced": (
        f"ends = os.pipe()\nos.write(ends[1], b'new')\n{OPEN}os.splice(ends[0], file, 3)",
        ["create a", "write a ← pipe:[] 3 bytes"],
    ),
    "exchanged": (
        f"{LIBRARY}{OPEN}called(libc.renameat2(-100, b'a', -100, b'status.json', 2))",
        ["create a", "exchange a → status.json"],
    ),
    "links": (
        "os.link('status.json', 'b')\nos.symlink('b', 'c')\nos.readlink('c')\nos.unlink('c')",
        ["link status.json → b", "symlink c", "readlink c", "unlink c"],
    ),
    "metadata": (
        "name = 'status.json'\nos.chmod(name, 0o600)\nos.utime(name)\nos.stat(name)\nos.truncate(name, 1)",
        ["chmod status.json", "utime status.json", "stat status.json", "truncate status.json 1 bytes"],
    ),
    "errors": (
        "for name in ('none', 'status.json/a'):\n    try:\n        os.unlink(name)\n    except OSError:\n        pass",
        ["unlink none", "unlink status.json/a"],
    ),
    "a file elsewhere": ("os.unlink('../elsewhere')", []),
}


def plain(words: list[str]) -> list[str]:
    """The words without inode numbers, which differ each time."""
    return [re.sub(r"#\d+|(?<=pipe:\[)\d+", lambda match: "#" if match[0][0] == "#" else "", word) for word in words]


@pytest.mark.parametrize(("code", "expected"), PROGRAMS.values(), ids=PROGRAMS)
def test_the_operations_of_a_program(
    trace_python: Callable[..., Any], folder: Path, code: str, expected: list[str]
) -> None:
    (folder.parent / "elsewhere").touch()
    traced = trace_python(WRITE + code)
    assert (traced.code, traced.output) == (0, "")
    assert plain(traced.words) == expected


def witnessed(command: list[str], folder: Path) -> tuple[Operation, ...]:
    """The operations of a command as strace reports them."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    log = folder.parent / "strace.log"
    done = subprocess.run([strace, "-f", "-y", "-o", log, *command], cwd=folder, capture_output=True, text=True)
    if "PTRACE" in done.stderr:
        pytest.skip(f"strace is not allowed here: {done.stderr}")
    assert (done.returncode, done.stderr) == (0, "")
    text = log.read_text(encoding="utf-8", errors="surrogateescape")
    return operations_of(parse(text, str(folder)), str(folder), ["status.json"])


@pytest.mark.parametrize(("code", "expected"), PROGRAMS.values(), ids=PROGRAMS)
def test_strace_sees_the_same_operations(folder: Path, code: str, expected: list[str]) -> None:
    (folder.parent / "elsewhere").touch()
    operations = witnessed([sys.executable, "-I", "-S", "-c", WRITE + code], folder)
    assert plain([str(each) for each in operations]) == expected


def test_strace_and_the_tracer_agree_on_numbers_too(trace_python: Callable[..., Any], folder: Path) -> None:
    code = WRITE + PROGRAMS["gathered"][0] + "\n" + PROGRAMS["errors"][0]

    def details(operations: tuple[Operation, ...]) -> list[tuple[object, ...]]:
        return [(each.call.name, each.flags, each.offset, each.call.result, each.descriptor) for each in operations]

    ours = details(trace_python(code).operations)
    (folder / "a").unlink()
    assert ours == details(witnessed([sys.executable, "-I", "-S", "-c", code], folder))


def test_an_unnamed_file_that_gets_a_name(trace_python: Callable[..., Any]) -> None:
    traced = trace_python("""
import os, sys
try:
    file = os.open(".", os.O_RDWR | os.O_TMPFILE, 0o600)
except OSError:
    sys.exit(3)
os.write(file, b"new")
os.link(f"/proc/self/fd/{file}", "a", follow_symlinks=True)
""")
    if traced.code == 3:
        pytest.skip("the file system has no O_TMPFILE")
    assert plain(traced.words) == ["create-unnamed .", "write (unnamed) 3 bytes", "link (unnamed) → a"]
    assert traced.operations[1].descriptor == traced.operations[0].descriptor


def test_a_folder_that_is_reached_through_a_symbolic_link(trace_python: Callable[..., Any], folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    traced = trace_python("import os\nos.mkdir('../alias/sub')\nos.symlink('x', '../alias/sub/link')")
    assert traced.words == ["make-folder sub", "symlink sub/link"]


def test_a_static_program(trace: Callable[..., Any], compiled: Callable[[str], str]) -> None:
    program = compiled("""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    int file = open("a", O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (write(file, "new", 3) != 3 || fsync(file) || close(file)) return 1;
    return rename("a", "status.json") ? 1 : 0;
}
""")
    assert (traced := trace([program])).code == 0
    assert traced.words == WRITTEN


def test_a_shell(trace: Callable[..., Any], folder: Path) -> None:
    traced = trace(["sh", "-c", "printf new >a && mv a status.json"])
    assert (folder / "status.json").read_text() == "new"
    changed = [each for each in traced.operations if each.kind in ("create", "write", "rename")]
    changes = [str(each) for each in changed if each.call.succeeded]
    assert changes == ["create a", "write a 3 bytes", "rename a → status.json"]


UNKNOWN = {
    "a call that the model does not know": 'syscall(SYS_name_to_handle_at, AT_FDCWD, "status.json", &handle, &id, 0)',
    "its descriptor": 'syscall(SYS_name_to_handle_at, open(".", 0), "status.json", &handle, &id, 0)',
    "operations that are hidden": "syscall(SYS_io_uring_enter, 99, 1, 0, 0, 0, 0)",
}


@pytest.mark.parametrize("call", UNKNOWN.values(), ids=UNKNOWN)
def test_what_the_tracer_cannot_see_is_an_error_of_the_kit(
    trace: Callable[..., Any], compiled: Callable[[str], str], folder: Path, call: str
) -> None:
    program = compiled(f"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {{
    struct {{ unsigned bytes; int type; unsigned char rest[128]; }} handle = {{128, 0, {{0}}}};
    int id;
    (void)handle; (void)id;
    {call.replace('"status.json"', f'"{folder}/status.json"', 1) if "AT_FDCWD" in call else call};
    return 0;
}}
""")
    traced = trace([program])
    with pytest.raises(TraceError, match="the model does not know this operation"):
        traced.operations  # noqa: B018  # the property does the work
