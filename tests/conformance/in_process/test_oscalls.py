"""The real file calls that are numbered: each way to make one is seen once, and only in the folder.

The functions stay wrapped for ever, so each question is asked in a process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# An implementation is imported after the calls are wrapped, and what the kit needs before that.
PREPARATION = """
import contextlib, io, json, os, pathlib, shutil, sys, tempfile, threading
from conformance.in_process.oscalls import OsCalls

folder = sys.argv[1]
calls = OsCalls(folder=folder)
calls.install()
from os import replace
outside = os.path.dirname(folder)
old, new = os.path.join(folder, "old"), os.path.join(folder, "new")
with open(old, "w") as file:
    file.write("old")
answer = None
"""

Ask = Callable[..., Any]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such function")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this function")


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Runs statements with the calls wrapped, and returns what they have put into ``answer``."""

    def run(statements: str) -> Any:
        script, folder = tmp_path / "script.py", tmp_path.resolve() / "folder"
        folder.mkdir()
        script.write_text(f"{PREPARATION}\n{statements}\nprint(json.dumps(answer))\n", encoding="utf-8")
        done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True)
        assert done.stderr == ""
        return json.loads(done.stdout)

    return run


def kinds_of(statements: str) -> str:
    body = "".join(f"    {line}\n" for line in statements.split("\n"))
    return f"with calls.recording() as recorded:\n{body}answer = [call.kind for call in recorded]"


MAKE = "d = os.open(new, os.O_RDWR | os.O_CREAT)\n"


@pytest.mark.parametrize(
    ("statements", "kinds"),
    [
        ("os.close(os.open(new, os.O_WRONLY | os.O_CREAT))", ["open", "close"]),
        (f"{MAKE}os.write(d, b'x')\nos.fsync(d)", ["open", "write", "fsync"]),
        pytest.param(
            f"{MAKE}os.pwrite(d, b'x', 0)\nos.writev(d, [b'x'])", ["open", "write", "write"], marks=posix_only
        ),
        pytest.param(f"{MAKE}os.fdatasync(d)", ["open", "fsync"], marks=linux_only),
        pytest.param(f"{MAKE}os.posix_fallocate(d, 0, 9)", ["open", "allocate"], marks=linux_only),
        pytest.param(
            f"{MAKE}s = os.open(old, os.O_RDONLY)\nos.sendfile(d, s, 0, 3)\nos.copy_file_range(s, d, 3)",
            ["open", "open", "write", "copy"],
            marks=linux_only,
        ),
        (f"{MAKE}os.ftruncate(d, 4)\nos.truncate(new, 1)", ["open", "truncate", "truncate"]),
        (f"{MAKE}os.fstat(d)", ["open", "stat"]),
        pytest.param(
            f"{MAKE}os.fchmod(d, 0o600)\nos.fchown(d, -1, -1)\nos.chown(new, -1, -1)",
            ["open", "chmod", "chown", "chown"],
            marks=posix_only,
        ),
        (f"{MAKE}e = os.dup(d)\nos.write(e, b'x')\nos.close(e)", ["open", "write", "close"]),
        (
            f"{MAKE}import mmap\nos.ftruncate(d, 9)\nm = mmap.mmap(d, 9)\nm[:1] = b'x'\nm.flush()\nm.close()",
            ["open", "truncate", "map", "fsync"],
        ),
        pytest.param(
            f"{MAKE}import fcntl\nfcntl.flock(d, fcntl.LOCK_EX)\nfcntl.lockf(d, fcntl.LOCK_EX)",
            ["open", "lock", "lock"],
            marks=posix_only,
        ),
        ("os.replace(old, new)", ["rename"]),
        ("os.rename(src=old, dst=new)", ["rename"]),
        ("replace(old, new)", ["rename"]),
        ("os.unlink(old)", ["unlink"]),
        ("os.remove(old)", ["unlink"]),
        ("os.link(old, new)", ["link"]),
        ("os.stat(old)\nos.lstat(old)\nos.path.exists(new)", ["stat", "stat", "stat"]),
        ("os.chmod(old, 0o600)", ["chmod"]),
        ("os.mkdir(new)\nos.rmdir(new)", ["mkdir", "unlink"]),
        ("os.makedirs(new)", ["stat", "mkdir"]),
        ("os.listdir(folder)\nlist(os.scandir(folder))", ["list", "list"]),
        ("os.utime(old, (1, 1))", ["utime"]),
        # Files with buffers
        ("open(new, 'w').close()", ["open", "close"]),
        ("with open(new, 'w') as file:\n    file.write('x')", ["open", "write", "close"]),
        ("with open(new, 'x') as file:\n    json.dump([1, 2], file)", ["open", "write", "close"]),
        (
            "with io.open(new, 'wb') as file:\n    file.write(b'x')\n    file.flush()\n    file.write(b'y')",
            ["open", "write", "write", "close"],
        ),
        ("with open(new, 'wb', buffering=0) as file:\n    file.write(b'x')", ["open", "write", "close"]),
        ("with open(old, 'r+b') as file:\n    file.truncate()", ["open", "truncate", "close"]),
        ("with io.FileIO(new, 'w') as file:\n    file.write(b'x')", ["open", "write", "close"]),
        ("with open(old) as file:\n    assert file.read() == 'old'", ["open", "close"]),
        ("os.fdopen(os.open(old, os.O_RDONLY)).close()", ["open", "close"]),
        ("open(os.open(old, os.O_RDONLY), 'rb').close()", ["open", "close"]),
        ("d = os.open(old, os.O_RDONLY)\nopen(d, closefd=False).close()\nos.close(d)", ["open", "close"]),
        # Other modules of the standard library
        ("pathlib.Path(new).write_text('x')", ["open", "write", "close"]),
        ("pathlib.Path(old).replace(new)", ["rename"]),
        ("pathlib.Path(old).unlink()", ["unlink"]),
        (
            "with tempfile.NamedTemporaryFile('w', dir=folder, delete=False) as file:\n    file.write('x')\n"
            "os.replace(file.name, new)",
            ["open", "write", "close", "rename"],
        ),
        (
            "d, name = tempfile.mkstemp(dir=folder)\nwith os.fdopen(d, 'w') as file:\n    file.write('x')",
            ["open", "write", "close"],
        ),
        # What is elsewhere, and what changes nothing
        ("open(os.path.join(outside, 'x'), 'w').close()", []),
        ("os.stat(outside)\nos.stat(folder + 'er') if os.path.exists(folder + 'er') else None", []),
        ("os.getpid()\nos.path.join(folder, 'x')", []),
        ("a, b = os.pipe()\nos.write(b, old.encode())\nos.close(a)\nos.close(b)", []),
        # From and to elsewhere
        ("open(os.path.join(outside, 'x'), 'w').close()\nos.replace(os.path.join(outside, 'x'), new)", ["rename"]),
        (
            "os.chdir(folder)\nos.stat('old')\nos.chdir(outside)\nos.stat(os.path.join('folder', 'old'))",
            ["stat", "stat"],
        ),
        pytest.param(
            "d = os.open(folder, os.O_RDONLY)\ne = os.open('new', os.O_WRONLY | os.O_CREAT, dir_fd=d)\n"
            "os.replace('new', 'old', src_dir_fd=d, dst_dir_fd=d)\nos.fsync(d)",
            ["open", "open", "rename", "fsync"],
            marks=posix_only,
        ),
        # A number that was closed may belong to another file
        (f"{MAKE}os.close(d)\nassert os.open(os.devnull, os.O_WRONLY) == d\nos.write(d, b'x')", ["open", "close"]),
    ],
)
def test_each_way_to_make_a_call_is_seen_once(ask: Ask, statements: str, kinds: list[str]) -> None:
    assert ask(kinds_of(statements)) == kinds


def test_a_copy_in_place_of_a_move_across_devices_is_seen(ask: Ask) -> None:
    kinds = ask("""
def before(position, call):
    return OSError(18, "another device") if call.kind == "rename" else None
with calls.recording(before) as recorded:
    shutil.move(old, new)
answer = [call.kind for call in recorded]
""")
    assert kinds[kinds.index("rename") + 1 :].count("open") == 2
    assert {"write", "copy"} & set(kinds)
    assert kinds[-1] == "unlink"


@posix_only
def test_a_path_relative_to_a_descriptor_is_reported_in_full(ask: Ask) -> None:
    [path, *two] = ask("""
d = os.open(folder, os.O_RDONLY)
with calls.recording() as recorded:
    os.stat("old", dir_fd=d)
    os.replace(pathlib.Path(old), os.fsencode(new))
answer = [name for call in recorded for name in call.paths]
""")
    assert Path(path).name == "old"
    assert Path(path).is_absolute()
    assert [Path(name).name for name in two] == ["old", "new"]


@pytest.mark.parametrize(
    ("statements", "writable"),
    [
        ("os.close(os.open(new, os.O_WRONLY | os.O_CREAT))", True),
        ("os.close(os.open(old, os.O_RDONLY))", False),
        ("open(new, 'w').close()", True),
        ("open(old).close()", False),
        ("open(old, 'r+').close()", True),
        ("d = os.dup(os.open(new, os.O_WRONLY | os.O_CREAT))\n    os.close(d)", True),
    ],
)
def test_the_close_of_a_written_file_is_recognised(ask: Ask, statements: str, writable: bool) -> None:
    assert ask(f"""
with calls.recording() as recorded:
    {statements}
answer = [call.writable for call in recorded if call.kind == "close"]
""") == [writable]


@pytest.mark.parametrize(
    ("statement", "effect"),
    [
        ("os.unlink(old)", "not os.path.exists(old)"),
        ("os.replace(old, new)", "os.path.exists(new)"),
        ("os.mkdir(new)", "os.path.exists(new)"),
        ("open(new, 'w')", "os.path.exists(new)"),
        ("pathlib.Path(old).write_text('longer')", "os.path.getsize(old) > 3"),
        ("os.truncate(old, 9)", "os.path.getsize(old) > 3"),
    ],
)
def test_a_call_that_fails_has_no_effect(ask: Ask, statement: str, effect: str) -> None:
    assert ask(f"""
with calls.recording(before=lambda position, call: OSError(28, "injected")):
    try:
        {statement}
        answer = "no error"
    except OSError as error:
        answer = [error.errno]
answer.append({effect})
""") == [28, False]


def test_a_file_whose_last_write_fails_is_closed_nevertheless(ask: Ask) -> None:
    assert ask("""
file = open(new, "w")
file.write("x")
with calls.recording(before=lambda position, call: OSError(28, "full") if call.kind == "write" else None) as recorded:
    try:
        file.close()
    except OSError as error:
        answer = [error.errno]
answer += [[call.kind for call in recorded], file.closed, len(calls.descriptors)]
""") == [28, ["write", "write", "close"], True, 0]  # C's text layer flushes, then its binary layer once more


@pytest.mark.parametrize("closing", ["os.close(file.fileno())", "file.close()"])
def test_a_close_that_fails_has_closed_nevertheless(ask: Ask, closing: str) -> None:
    assert ask(f"""
file = open(new, "wb", buffering=0)
d = file.fileno()
with calls.recording(before=lambda position, call: OSError(5, "injected")):
    try:
        {closing}
    except OSError as error:
        answer = [error.errno]
try:
    os.fstat(d)
except OSError as error:
    answer.append(error.errno)
answer.append(len(calls.descriptors))
os.open(old, os.O_RDONLY)  # the collector closes the number of the file again
""") == [5, 9, 0]


def test_a_call_made_for_the_collector_or_in_a_thread_cannot_be_interrupted(ask: Ask) -> None:
    assert ask("""
with calls.recording() as recorded:
    open(new, "w", buffering=1 << 16).write("x")
    thread = threading.Thread(target=os.stat, args=(old,))
    thread.start()
    thread.join()
    os.stat(old)
answer = [[call.kind, call.interruptible] for call in recorded]
""") == [["open", True], ["write", False], ["close", False], ["stat", False], ["stat", True]]


def test_a_full_disk_takes_what_there_is_room_for_and_then_nothing(ask: Ask) -> None:
    assert ask("""
d = os.open(new, os.O_WRONLY | os.O_CREAT)
calls.room = 3
answer = [os.write(d, b"ab"), os.write(d, b"cd")]
try:
    os.write(d, b"e")
except OSError as error:
    answer.append(error.errno)
with open(os.path.join(outside, "x"), "wb") as file:
    answer.append(file.write(b"elsewhere there is room"))
calls.room = None
answer.append(os.write(d, b"efg"))
with open(new) as file:
    answer.append(file.read())
""") == [2, 1, 28, 23, 3, "abcefg"]


@pytest.mark.parametrize(
    "statement",
    [
        "with open(new, 'wb') as file:\n        file.write(b'x' * 9)",
        "pathlib.Path(new).write_text('x' * 9)",
        pytest.param("os.writev(os.open(new, os.O_WRONLY | os.O_CREAT), [b'x' * 9])", marks=posix_only),
        pytest.param("os.posix_fallocate(os.open(new, os.O_WRONLY | os.O_CREAT), 0, 9)", marks=linux_only),
    ],
)
def test_a_full_disk_is_met_in_every_way_to_fill_it(ask: Ask, statement: str) -> None:
    assert ask(f"""
calls.room = 4
try:
    {statement}
except OSError as error:
    answer = [error.errno, calls.room]
""") == [28, 0]


def test_open_still_refuses_what_it_refused(ask: Ask) -> None:
    assert ask("""
answer = []
for arguments in ((new, "q"), (new, "rw"), (folder, "w"), (new, "r")):
    try:
        open(*arguments)
    except (OSError, ValueError) as error:
        answer.append(type(error).__name__)
with open(old) as file:
    try:
        file.write("x")
    except ValueError as error:
        answer.append(str(error))
try:
    io.FileIO(old).write(b"x")
except io.UnsupportedOperation as error:
    answer.append(str(error))
""") in (
        ["ValueError", "ValueError", refused, "FileNotFoundError", "not writable", "File not open for writing"]
        for refused in ("IsADirectoryError", "PermissionError")
    )


@posix_only
def test_a_wrapper_supports_what_its_function_supports(ask: Ask) -> None:
    assert ask("""
answer = [
    os.unlink in os.supports_dir_fd,
    os.stat in os.supports_follow_symlinks,
    os.scandir in os.supports_fd,
]
""") == [True, True, True]
