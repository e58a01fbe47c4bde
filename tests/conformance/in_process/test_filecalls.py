"""The numbered file calls: what is a call, in which order, and what happens when one of them fails.

The questions are asked of the fake layer, whose classes stay wrapped for ever: each in a process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PREPARATION = """
import contextlib, io, json, os, pathlib, shutil, sys, tempfile
from pyfakefs.fake_filesystem_unittest import Patcher
from conformance.in_process.fakefs import wrap_fake_calls
from conformance.in_process.filecalls import FileCalls

calls = FileCalls()
wrap_fake_calls(calls)
with Patcher(allow_root_user=False) as patcher:
    fs = patcher.fs
    fs.create_file("/old", contents="old")
    answer = None
"""

Ask = Callable[..., Any]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Runs statements on a fake file system with the calls wrapped, and returns what they have put into ``answer``."""

    def run(statements: str) -> Any:
        script = tmp_path / "script.py"
        body = "".join(f"    {line}\n" for line in statements.strip("\n").split("\n"))
        script.write_text(f"{PREPARATION}{body}print(json.dumps(answer))\n", encoding="utf-8")
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
        assert done.stderr == ""
        return json.loads(done.stdout)

    return run


def kinds_of(statements: str) -> str:
    body = "".join(f"    {line}\n" for line in statements.split("\n"))
    return f"with calls.recording() as recorded:\n{body}answer = [call.kind for call in recorded]"


@pytest.mark.parametrize(
    ("statements", "kinds"),
    [
        ("os.close(os.open('/new', os.O_WRONLY | os.O_CREAT))", ["open", "close"]),
        (
            "d = os.open('/new', os.O_WRONLY | os.O_CREAT)\nos.write(d, b'x')\nos.fsync(d)",
            ["open", "write", "fsync"],
        ),
        ("d = os.open('/old', os.O_RDONLY)\nos.fdatasync(d)", ["open", "fsync"]),
        ("os.replace('/old', '/new')", ["rename"]),
        ("os.rename('/old', '/new')", ["rename"]),
        ("os.unlink('/old')", ["unlink"]),
        ("os.remove('/old')", ["unlink"]),
        ("os.link('/old', '/new')", ["link"]),
        ("os.stat('/old')\nos.lstat('/old')", ["stat", "stat"]),
        ("os.chmod('/old', 0o600)", ["chmod"]),
        ("os.chown('/old', 1, 1)", ["chown"]),
        ("os.mkdir('/folder')", ["mkdir"]),
        ("os.listdir('/')\nlist(os.scandir('/'))", ["list", "list"]),
        ("os.truncate('/old', 1)", ["truncate"]),
        ("os.utime('/old', (1, 1))", ["utime"]),
        ("open('/new', 'w').close()", ["open", "close"]),
        ("with open('/new', 'w') as file:\n    file.write('x')", ["open", "write", "close"]),
        (
            "with io.open('/new', 'wb') as file:\n    file.write(b'x')\n    file.flush()",
            ["open", "write", "flush", "close"],
        ),
        ("pathlib.Path('/new').write_text('x')", ["open", "write", "close"]),
        ("pathlib.Path('/old').replace('/new')", ["rename"]),
        ("pathlib.Path('/old').rename('/new')", ["rename"]),
        ("pathlib.Path('/old').unlink()", ["unlink"]),
        ("shutil.move('/old', '/new')", ["rename"]),
        # A file object around a descriptor opens nothing.
        ("os.fdopen(os.open('/old', os.O_RDONLY)).close()", ["open", "close"]),
        ("open(os.open('/old', os.O_RDONLY), 'rb').close()", ["open", "close"]),
        ("os.getpid()\nos.path.join('/', 'x')", []),
    ],
)
def test_each_way_to_make_a_call_is_seen_once(ask: Ask, statements: str, kinds: list[str]) -> None:
    assert ask(kinds_of(statements)) == kinds


def test_only_the_calls_inside_the_block_are_numbered(ask: Ask) -> None:
    assert ask("""
os.stat('/old')
with calls.recording() as first:
    os.stat('/old')
os.stat('/old')
with calls.recording() as second:
    os.unlink('/old')
answer = [[call.kind for call in first], [call.kind for call in second]]
""") == [["stat"], ["unlink"]]


def test_a_block_that_raises_ends_the_recording(ask: Ask) -> None:
    assert ask("""
try:
    with calls.recording() as recorded:
        os.unlink('/none')
except FileNotFoundError:
    pass
os.stat('/old')
answer = [len(recorded), calls.armed, calls.listening]
""") == [1, False, False]


def test_a_call_has_the_paths_that_it_names(ask: Ask) -> None:
    assert ask("""
with calls.recording() as recorded:
    os.replace('/old', '/new')
    os.stat('/new')
    os.scandir(path=pathlib.Path('/'))
    os.close(os.open(b'/new', os.O_RDONLY))
    with contextlib.suppress(OSError):
        os.truncate('/new', 1)
answer = [list(call.paths) for call in recorded]
""") == [["/old", "/new"], ["/new"], ["/"], ["/new"], [], ["/new"]]


@pytest.mark.parametrize(
    ("statements", "writable"),
    [
        ("os.close(os.open('/new', os.O_WRONLY | os.O_CREAT))", True),
        ("os.close(os.open('/old', os.O_RDONLY))", False),
        ("os.close(os.open('/', os.O_RDONLY))", False),
        ("open('/new', 'w').close()", True),
        ("open('/old').close()", False),
    ],
)
def test_the_close_of_a_written_file_is_recognised(ask: Ask, statements: str, writable: bool) -> None:
    found = ask(f"""
with calls.recording() as recorded:
    {statements}
answer = [call.writable for call in recorded if call.kind == 'close']
""")
    assert found == [writable]


def test_closing_what_is_no_descriptor_gives_its_own_error(ask: Ask) -> None:
    assert ask("""
with calls.recording() as recorded:
    try:
        os.close(99)
    except OSError as error:
        answer = [error.errno, recorded[0].writable]
""") == [9, False]


@pytest.mark.parametrize(
    ("statement", "effect"),
    [
        ("os.unlink('/old')", "not os.path.exists('/old')"),
        ("os.replace('/old', '/new')", "os.path.exists('/new')"),
        ("os.mkdir('/folder')", "os.path.exists('/folder')"),
        ("open('/new', 'w')", "os.path.exists('/new')"),
        ("pathlib.Path('/old').write_text('longer')", "os.path.getsize('/old') > 3"),
    ],
)
def test_a_call_that_fails_has_no_effect(ask: Ask, statement: str, effect: str) -> None:
    found = ask(f"""
with calls.recording(before=lambda position, call: OSError(28, 'injected')):
    try:
        {statement}
        answer = 'no error'
    except OSError as error:
        answer = [error.errno]
answer.append({effect})
""")
    assert found == [28, False]


@pytest.mark.parametrize("closing", ["os.close(descriptor)", "file.close()"])
def test_a_close_that_fails_has_closed_nevertheless(ask: Ask, closing: str) -> None:
    assert ask(f"""
file = open('/new', 'w')
descriptor = file.fileno()
before = sum(entry is not None for entry in fs.open_files)
with calls.recording(before=lambda position, call: OSError(5, 'injected')):
    try:
        {closing}
    except OSError as error:
        answer = [error.errno]
answer.append(before - sum(entry is not None for entry in fs.open_files))
""") == [5, 1]


def test_only_the_chosen_call_fails(ask: Ask) -> None:
    assert ask("""
answer = []
with calls.recording(before=lambda position, call: KeyboardInterrupt() if position == 1 else None):
    for _ in range(3):
        try:
            os.stat('/old')
            answer.append('ok')
        except KeyboardInterrupt:
            answer.append('interrupt')
""") == ["ok", "interrupt", "ok"]


def test_calls_are_reported_after_they_were_made_with_their_errors(ask: Ask) -> None:
    assert ask("""
answer = []
with calls.recording(
    before=lambda position, call: OSError(5, 'injected') if position == 0 else None,
    after=lambda position, call, error: answer.append([position, call.kind, getattr(error, 'errno', None)]),
):
    for path in ('/old', '/none', '/old'):
        with contextlib.suppress(OSError):
            os.unlink(path)
""") == [[1, "unlink", 2], [2, "unlink", None]]


def test_calls_made_by_the_callbacks_are_not_numbered(ask: Ask) -> None:
    assert ask("""
with calls.recording(after=lambda *_: None if os.path.exists('/made') else os.mkdir('/made')) as recorded:
    os.unlink('/old')
answer = [call.kind for call in recorded]
""") == ["unlink"]


def test_a_full_disk_at_the_close_of_a_file_gives_the_descriptor_back(ask: Ask) -> None:
    assert ask("""
fs.set_disk_usage(10, '/')
before = sum(entry is not None for entry in fs.open_files)
try:
    with open('/new', 'w') as file:
        file.write('x' * 100)
except OSError as error:
    answer = [error.errno]
answer.append(sum(entry is not None for entry in fs.open_files) - before)
""") == [28, 0]


def test_calls_of_another_thread_are_numbered_while_one_is_under_way(ask: Ask) -> None:
    assert ask("""
import threading
def before(position, call):
    if position == 0:
        thread = threading.Thread(target=os.stat, args=('/old',))
        thread.start()
        thread.join()
with calls.recording(before) as recorded:
    os.unlink('/old')
answer = [call.kind for call in recorded]
""") == ["unlink", "stat"]
