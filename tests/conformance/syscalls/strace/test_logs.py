"""Recorded logs (``logs/record.py`` makes them) → the operations of the write; and the command that judges a log."""

from collections import defaultdict
from pathlib import Path

import pytest

from conformance.syscalls.operations import Operation, operations_of
from conformance.syscalls.strace.parser import main, parse

LOGS = Path(__file__).parent / "logs"
HONEST = [
    "other .",
    "create status.json.tmp",
    "write status.json.tmp 24 bytes",
    "sync status.json.tmp",
    "close status.json.tmp",
    "rename status.json.tmp → status.json",
    "open .",
    "sync-folder .",
    "close .",
]


def recorded(name: str) -> tuple[Operation, ...]:
    calls = parse((LOGS / f"{name}.log").read_text(encoding="utf-8", errors="surrogateescape"))
    return operations_of(calls, "/data/run", ["status.json"])


def words(name: str) -> list[str]:
    return [str(operation) for operation in recorded(name)]


@pytest.mark.parametrize("name", ["python", "python-raw", "python-verbose"])
def test_python_however_strace_prints_it(name: str) -> None:
    assert words(name) == HONEST


def test_names_numbers_and_comments_mean_the_same_flags() -> None:
    flags = [[operation.flags for operation in recorded(f"python{form}")] for form in ("", "-raw", "-verbose")]
    assert flags[0] == flags[1] == flags[2]


def test_python_with_an_injected_error() -> None:
    operations = recorded("python-injected")
    assert [str(operation) for operation in operations] == [*HONEST[:5], "unlink status.json.tmp"]
    assert [operation.kind for operation in operations if operation.call.injected] == ["sync"]


def test_python_killed_in_its_rename() -> None:
    operations = recorded("python-killed")
    assert [str(operation) for operation in operations] == HONEST[:6]
    assert [operation.kind for operation in operations if operation.call.result is None] == ["rename"]
    assert operations[-1].call.ended is None


def test_node_whose_calls_are_made_by_a_pool_of_threads() -> None:
    operations = recorded("node")
    assert [str(each) for each in operations if "1234" in each.name] == [
        "create status.json.1234",
        "write status.json.1234 12 bytes",
        "sync status.json.1234",
        "close status.json.1234",
        "rename status.json.1234 → status.json",
    ]
    assert len({operation.call.process for operation in operations}) == 1
    assert len({operation.call.thread for operation in operations}) > 1


def test_a_shell_whose_write_sync_and_rename_are_three_processes() -> None:
    operations = recorded("shell")
    assert [str(each) for each in operations if each.kind in ("create", "write", "sync", "rename")] == [
        "create status.json.tmp",
        "write status.json.tmp 12 bytes",
        "sync status.json.tmp",
        "rename status.json.tmp → status.json",
        "rename status.json.tmp → status.json",
    ]
    *_, tried, done = (operation.call for operation in operations if operation.kind == "rename")
    assert (tried.name, tried.succeeded, done.name, done.succeeded) == ("renameat2", False, "renameat", True)
    assert len({operation.call.process for operation in operations}) == 3


def test_a_static_program_with_every_unusual_way_to_write() -> None:
    operations = recorded("static")
    unnamed = next(each.name for each in operations if each.kind == "link")
    assert unnamed.startswith("#")
    assert unnamed.endswith(" (deleted)")
    kinds = [(each.kind, each.name, each.other_name, each.length) for each in operations]
    assert kinds == [
        ("other", ".", "", 0),
        ("open", ".", "", 0),
        ("create-unnamed", ".", "", 0),
        ("write", unnamed, "", 8),
        ("sync", unnamed, "", 0),
        ("link", unnamed, "linked.tmp", 0),
        ("rename", "linked.tmp", 'linked "quoted" <\t>.json', 0),
        ("create", "mapped.tmp", "", 0),
        ("truncate", "mapped.tmp", "", 8192),
        ("allocate", "mapped.tmp", "", 16384),
        ("map", "mapped.tmp", "", 8192),
        ("sync", "mapped.tmp", "", 0),
        ("unmap", "mapped.tmp", "", 0),
        ("close", "mapped.tmp", "", 0),
        ("rename", "mapped.tmp", "status.json", 0),
        ("create", "copy.tmp", "", 0),
        ("write", "copy.tmp", unnamed, 8),
        ("write", "copy.tmp", "", 8),
        ("utime", "copy.tmp", "", 0),
        ("stat", "copy.tmp", "", 0),
        ("exchange", "copy.tmp", "status.json", 0),
        ("unlink", "copy.tmp", "", 0),
        ("make-folder", "folder", "", 0),
        ("remove-folder", "folder", "", 0),
        ("sync-folder", ".", "", 0),
    ]


@pytest.mark.parametrize("name", ["threads", "threads-stderr"])
def test_threads_at_the_same_time(name: str) -> None:
    operations = recorded(name)
    assert operations[-1].kind == "sync-all"
    of_file = defaultdict(list)
    for operation in operations:
        if operation.name.startswith("worker"):
            of_file[operation.name].append(operation)
    assert sorted(of_file) == [f"worker{number}.tmp" for number in range(4)]
    for each in of_file.values():
        assert [operation.kind for operation in each] == ["create", "write", "sync", "close", "rename"]
        assert len({operation.call.thread for operation in each}) == 1
        ends = [operation.call.ended or 0 for operation in each]
        begins = [operation.call.begun for operation in each]
        assert all(end < begin for end, begin in zip(ends, begins[1:], strict=False))
    assert len({operation.call.process for operation in operations}) == 1


@pytest.mark.parametrize("name", ["threads", "threads-stderr", "node"])
def test_joined_lines_keep_what_happened_in_between(name: str) -> None:
    calls = parse((LOGS / f"{name}.log").read_text(encoding="utf-8"))
    moments = sorted(moment for call in calls for moment in (call.begun, call.ended) if moment is not None)
    assert len(set(moments)) == len(moments)
    assert any(call.ended is not None and call.ended > call.begun + 1 for call in calls)


def run(name: str, *more: str) -> int:
    return main([str(LOGS / f"{name}.log"), "--target", "/data/run/status.json", *more])


@pytest.mark.parametrize("name", ["python", "python-raw", "node", "shell"])
def test_the_command_passes_an_honest_write(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--existing", "status.json") == 0
    assert "rename status.json" in capsys.readouterr().out


def test_the_command_reports_a_write_that_may_not_survive(capsys: pytest.CaptureFixture[str]) -> None:
    run("node", "--existing", "status.json")
    assert "PWR-02: power cut after operation" in capsys.readouterr().out
    run("python", "--existing", "status.json")
    assert "PWR-" not in capsys.readouterr().out


def test_the_command_finds_the_missing_sync(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (LOGS / "python.log").read_text(encoding="utf-8").splitlines(keepends=True)
    log = tmp_path / "log"
    log.write_text("".join(line for line in lines if "fsync(3</data/run/status.json.tmp>)" not in line))
    assert main([str(log), "--target", "/data/run/status.json", "--existing", "status.json"]) == 1
    assert "PWR-01: power cut" in capsys.readouterr().out


def test_the_command_accepts_the_current_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    log.write_text("""\
1 creat("a", 0600) = 3</run/a>
1 write(3</run/a>, "x", 1) = 1
1 fsync(3</run/a>) = 0
1 rename("a", "b") = 0
""")
    assert main([str(log), "--target", "/run/b"]) == 2
    assert "current folder is not known" in capsys.readouterr().err
    assert main([str(log), "--target", "/run/b", "--folder", "/run"]) == 0
    assert "rename a → b" in capsys.readouterr().out


def test_the_command_refuses_a_log_without_the_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(LOGS / "python.log"), "--target", "/elsewhere/status.json"]) == 2
    assert "nothing in the log writes status.json" in capsys.readouterr().err
    assert run("python-injected", "--existing", "status.json") == 2
    assert "nothing in the log writes status.json" in capsys.readouterr().err


def test_the_command_refuses_a_log_with_several_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("static", "--existing", "status.json") == 2
    assert "writes status.json 2 times" in capsys.readouterr().err


def test_the_command_refuses_what_is_not_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    assert main([str(log), "--target", "/data/run/status.json"]) == 2
    log.write_text("hello\n")
    assert main([str(log), "--target", "/data/run/status.json"]) == 2
    assert "line 1 of the strace log" in capsys.readouterr().err
