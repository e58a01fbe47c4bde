"""An implementation under the tracer: requests with and without a plan, and every way it may end."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.contract.errors import ImplementationError
from conformance.contract.manifest import load_manifest
from conformance.runner.run import Run, RunPlan, prepare, tear_down
from conformance.subject.client import Implementation
from conformance.subject.protocol import Answer
from conformance.syscalls.operations import operations_of
from conformance.syscalls.tracer import session as tracing
from conformance.syscalls.tracer.calls import TraceError
from conformance.syscalls.tracer.messages import Anchor, Plan, Rule
from conformance.syscalls.tracer.session import Boundary, Outcome, Traced, start_traced

if sys.platform != "linux":
    pytest.skip("the tracer needs Linux", allow_module_level=True)

ADAPTERS = Path(__file__).parents[1] / "adapters"
Ask = Callable[[Implementation], Answer]


def telling(folder: Path, code: str) -> Ask:
    """A request to run code, in which ``folder`` and its ``path`` are defined."""
    return lambda implementation: implementation.request("replace", path=str(folder / "status.json"), text=code)


def do(
    traced: Traced,
    folder: Path,
    code: str,
    *rules: Rule,
    at_boundary: Callable[[Boundary], None] | None = None,
) -> Outcome:
    return traced.request(Plan(str(folder), rules), telling(folder, code), at_boundary)


def words(outcome: Outcome, folder: Path) -> list[str]:
    return [str(each) for each in operations_of(outcome.report.calls, str(folder), ["status.json"])]


# Requests


def test_a_request_with_a_plan_is_recorded(obedient: Traced, folder: Path) -> None:
    outcome = do(obedient, folder, "os.mkdir(folder + '/sub')\nos.rmdir(folder + '/sub')")
    assert outcome.answer == Answer(True, None, "", outcome.answer.fields if outcome.answer else {})
    assert (outcome.end, outcome.report.ended) == (None, None)
    assert words(outcome, folder) == ["make-folder sub", "remove-folder sub"]


def test_a_request_without_a_plan_is_not(obedient: Traced, folder: Path) -> None:
    assert telling(folder, "os.mkdir(folder + '/sub')")(obedient.implementation).ok
    assert words(do(obedient, folder, "os.rmdir(folder + '/sub')"), folder) == ["remove-folder sub"]


def test_an_error_is_the_answer(obedient: Traced, folder: Path) -> None:
    outcome = do(obedient, folder, "os.mkdir(folder + '/sub')", Rule("fail", value=errno.ENOSPC))
    assert outcome.answer is not None
    assert (outcome.answer.error, os.listdir(folder)) == ("io", ["status.json"])
    assert "No space left on device" in outcome.answer.message


def test_a_boundary_is_shown_by_its_number_phase_and_name(obedient: Traced, folder: Path) -> None:
    seen: list[tuple[Boundary, bool]] = []
    hold = Rule("hold", "before"), Rule("hold", "after")
    do(
        obedient,
        folder,
        "os.mkdir(folder + '/sub')",
        *hold,
        at_boundary=lambda boundary: seen.append((boundary, (folder / "sub").exists())),
    )
    thread = seen[0][0].thread
    before, after = (Boundary(0, phase, "mkdir", str(folder / "sub"), thread=thread) for phase in ("before", "after"))
    assert (thread > 0, seen) == (True, [(before, False), (after, True)])


def test_a_boundary_without_an_observer(obedient: Traced, folder: Path) -> None:
    assert do(obedient, folder, "os.mkdir(folder + '/sub')", Rule("hold")).answer is not None


def test_what_is_raised_at_a_boundary_is_raised_to_the_caller(obedient: Traced, folder: Path) -> None:
    seen: list[Boundary] = []

    def look(boundary: Boundary) -> None:
        seen.append(boundary)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        do(obedient, folder, "os.mkdir(folder + '/sub')\nos.rmdir(folder + '/sub')", Rule("hold"), at_boundary=look)
    assert len(seen) == 1
    assert words(do(obedient, folder, "os.stat(path)"), folder) == ["stat status.json"]


def test_three_hundred_plans_while_threads_are_busy(obedient: Traced, folder: Path) -> None:
    """Each thread is interrupted twice per plan, and each of its own stops may come at the same moment."""
    start = (
        "finish = threading.Event()\n"
        "def work():\n    while not finish.is_set():\n        os.getppid()\n        finish.wait(0.0001)\n"
        "threads = [threading.Thread(target=work) for _ in range(3)]\nfor each in threads:\n    each.start()"
    )
    assert telling(folder, start)(obedient.implementation).ok
    expected = ["stat status.json"]
    found = [words(do(obedient, folder, "os.stat(path)"), folder) for _ in range(300)]
    assert telling(folder, "finish.set()\nfor each in threads:\n    each.join()")(obedient.implementation).ok
    assert [each for each in found if each != expected] == []


def test_children_that_outlive_the_request(obedient: Traced, folder: Path) -> None:
    """A helper process that keeps running is also traced at the next request."""
    start = (
        "import subprocess\n"
        "code = 'import os, sys\\nfor line in sys.stdin:\\n    os.mkdir(line.strip())\\n    print(flush=True)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], stdin=-1, stdout=-1)"
    )
    assert telling(folder, start)(obedient.implementation).ok
    ask = "child.stdin.write((folder + '/sub\\n').encode())\nchild.stdin.flush()\nchild.stdout.readline()"
    outcome = do(obedient, folder, ask)
    assert telling(folder, "child.communicate()")(obedient.implementation).ok
    assert words(outcome, folder) == ["make-folder sub"]
    assert obedient.implementation.pid not in {call.process for call in outcome.report.calls}


def test_open_files_are_those_of_all_processes_in_the_folder(obedient: Traced, folder: Path) -> None:
    start = (
        "import subprocess\nfile, other = os.open(path, 0), os.open(folder, 0)\n"
        "child = subprocess.Popen(['cat'], stdin=-1, pass_fds=[file])"
    )
    assert telling(folder, start)(obedient.implementation).ok
    found = sorted(obedient.open_files(str(folder)))
    assert telling(folder, "child.communicate()\nos.close(file)\nos.close(other)")(obedient.implementation).ok
    assert found == [str(folder), str(folder / "status.json"), str(folder / "status.json")]
    assert obedient.open_files(str(folder)) == ()


# Ends

OBEDIENT = (ADAPTERS / "obedient.py").read_text(encoding="utf-8")


@pytest.fixture
def mortal(python_run: Callable[..., Run], start: Callable[[Run], Traced]) -> Traced:
    """Another obedient implementation, for a test that it does not survive."""
    return start(python_run(OBEDIENT, answer_seconds=60.0))


@pytest.mark.parametrize(
    ("code", "rules", "status", "said"),
    [
        ("os.stat(path)", (Rule("kill"),), -signal.SIGKILL, "-9 (SIGKILL)"),
        ("os.stat(path)\nos._exit(0)", (), 0, "0"),
        ("os.stat(path)\nos._exit(7)", (), 7, "7"),
        ("os.stat(path)\nos.kill(os.getpid(), 15)", (), -signal.SIGTERM, "-15 (SIGTERM)"),
    ],
)
def test_an_end_is_no_answer_but_has_a_report(
    mortal: Traced, folder: Path, code: str, rules: tuple[Rule, ...], status: int, said: str
) -> None:
    outcome = do(mortal, folder, code, *rules)
    assert outcome.answer is None
    assert isinstance(outcome.end, ImplementationError)
    assert f"ended with exit code {said} instead of answering" in str(outcome.end)
    assert os.waitstatus_to_exitcode(outcome.report.ended or 0) == status
    assert words(outcome, folder) == ["stat status.json"]
    assert not mortal.usable
    assert mortal.open_files(str(folder)) == ()


def test_an_implementation_that_hangs_is_killed(
    python_run: Callable[..., Run], start: Callable[[Run], Traced], folder: Path, gone: Any, eventually: Any
) -> None:
    traced = start(python_run(OBEDIENT, answer_seconds=0.5))
    assert traced.implementation.pid is not None
    pids = [process.pid for process in psutil.Process(traced.implementation.pid).children(recursive=True)]
    with pytest.raises(ImplementationError, match=r"gave no answer within .* s and was killed"):
        do(traced, folder, "threading.Event().wait()")
    assert len(pids) == 1
    eventually(lambda: all(gone(pid) for pid in pids), "it ends with its tracer")


def test_an_implementation_that_closes_its_output(
    run_of: Callable[..., Run], make_manifest: Callable[..., Path], start: Callable[[Run], Traced], folder: Path
) -> None:
    code = (
        "import json, os, sys\nfor line in sys.stdin:\n"
        "    if 'start' not in line:\n        os.close(1)\n        continue\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'ok': True, 'protocol': 1}), flush=True)"
    )
    traced = start(run_of(make_manifest(["{python}", "-c", code], profile="replace"), answer_seconds=2.0))
    with pytest.raises(ImplementationError, match="closed its standard output"):
        do(traced, folder, "")


def test_a_tracer_that_dies_is_an_error_of_the_kit(mortal: Traced, folder: Path) -> None:
    def kill(implementation: Implementation) -> Answer:
        assert implementation.pid is not None
        psutil.Process(implementation.pid).kill()
        return Answer(True, None, "", {})

    with pytest.raises(TraceError, match="the tracer ended without a report"):
        mortal.request(Plan(str(folder)), kill)
    with pytest.raises(TraceError, match="the tracer ended while the kit waited for 'armed'"):
        do(mortal, folder, "")


def test_a_tracer_that_breaks_is_an_error_of_the_kit(mortal: Traced, folder: Path) -> None:
    """It ends, and the program with it: that is never the program's end."""
    no_number: Any = "ENOSPC"
    with pytest.raises(TraceError, match="the tracer broke: TypeError"):
        do(mortal, folder, "os.mkdir(folder + '/sub')", Rule("fail", value=no_number))
    assert not mortal.usable


def test_a_rule_follows_its_operation(obedient: Traced, folder: Path) -> None:
    """A rule for operation 1, the second mkdir, hits the second mkdir of a write that looks first."""
    plan = Plan(str(folder), (Rule("fail", first=1, last=1, value=errno.ENOSPC),), anchor=Anchor("mkdir", 1, 1))
    code = "os.stat(folder)\nos.mkdir(folder + '/a')\nos.stat(folder)\nos.mkdir(folder + '/b')"
    outcome = obedient.request(plan, telling(folder, code))
    assert [(each.number, each.name) for each in outcome.report.fired] == [(3, "mkdir")]
    assert [each.call.error for each in operations_of(outcome.report.calls, str(folder))] == [0, 0, 0, errno.ENOSPC]


def test_a_tracer_that_is_stopped_is_not_waited_for(
    python_run: Callable[..., Run], start: Callable[[Run], Traced], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_longest_silence", lambda run: 0.5)
    traced = start(python_run(OBEDIENT))
    assert traced.implementation.pid is not None
    psutil.Process(traced.implementation.pid).suspend()
    with pytest.raises(TraceError, match="the tracer was stopped, or hangs, while the kit waited for 'armed'"):
        do(traced, folder, "")
    assert not traced.usable


def test_a_report_that_cannot_be_read(mortal: Traced, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> None:
        raise TraceError("the tracer's report cannot be read")

    monkeypatch.setattr(tracing, "read_report", fail)
    with pytest.raises(TraceError, match="cannot be read"):
        do(mortal, folder, "")


def test_nothing_is_left_after_a_kill(mortal: Traced, gone: Callable[[int], bool], eventually: Any) -> None:
    assert mortal.implementation.pid is not None
    pids = [process.pid for process in psutil.Process(mortal.implementation.pid).children(recursive=True)]
    mortal.kill()
    eventually(lambda: all(gone(pid) for pid in pids), "every process ends")


def test_an_implementation_that_does_not_start(python_run: Callable[..., Run]) -> None:
    with pytest.raises(ImplementationError, match="ended with exit code 1 instead of answering"):
        start_traced(python_run("raise SystemExit(1)"))


def test_a_run_that_the_kit_prepared(make_manifest: Callable[..., Path], start: Callable[[Run], Traced]) -> None:
    path = make_manifest(mode="python", entry_point="correct_writer:Implementation")
    source = ADAPTERS.parents[1] / "adapters" / "correct_writer.py"
    (path.parent / "correct_writer.py").write_bytes(source.read_bytes())
    run = prepare(load_manifest(path, frozenset(), source="x"), RunPlan(seed=1))
    traced = start(run)
    try:
        folder = run.folder / "cases"
        target = str(folder / "status.json")
        outcome = traced.request(
            Plan(str(folder)), lambda implementation: implementation.request("write", path=target, status={})
        )
        found = operations_of(outcome.report.calls, str(folder))
    finally:
        traced.kill()
        tear_down(run.folder)
    assert [each.kind for each in found] == ["create", "write", "sync", "close", "rename"]


# Mode oneshot

SHELL = """#!/bin/sh
case "$(cat)" in
hang) exec sleep 1000 ;;
die) kill -9 $$ ;;
130) exit 130 ;;
*) mkdir "$2.sub" 2>/dev/null || exit 1 ;;
esac
"""


@pytest.fixture
def script(make_manifest: Callable[..., Path]) -> Path:
    """The manifest of a shell script: one process per request."""
    manifest = make_manifest(["sh", "write.sh"], mode="oneshot", profile="replace")
    (manifest.parent / "write.sh").write_text(SHELL, encoding="ascii")
    return manifest


@pytest.fixture
def oneshot(script: Path, run_of: Callable[..., Run], start: Callable[[Run], Traced]) -> Traced:
    """It, with all the time that it may need."""
    return start(run_of(script, answer_seconds=60.0))


def test_a_oneshot_is_traced_from_its_first_instruction(oneshot: Traced, folder: Path) -> None:
    outcome = do(oneshot, folder, "")
    assert outcome.answer == Answer(True, None, "", {})
    assert outcome.report.ended == 0
    assert "make-folder status.json.sub" in words(outcome, folder)
    assert oneshot.usable


def test_a_oneshot_that_refuses(oneshot: Traced, folder: Path) -> None:
    outcome = do(oneshot, folder, "", Rule("fail", calls=("mkdir",), value=errno.EIO))
    assert outcome.answer is not None
    assert outcome.answer.error == "refused"
    assert not (folder / "status.json.sub").exists()


@pytest.mark.parametrize(("code", "status"), [("die", -signal.SIGKILL), ("130", 130)])
def test_a_oneshot_that_dies(oneshot: Traced, folder: Path, code: str, status: int) -> None:
    outcome = do(oneshot, folder, code)
    assert outcome.answer is None
    assert str(outcome.end) == f"ended with exit code {status}; 0 and 1 are answers"


def test_a_oneshot_that_is_killed_at_a_boundary(oneshot: Traced, folder: Path) -> None:
    outcome = do(oneshot, folder, "", Rule("kill", "after", calls=("mkdir",)))
    assert (outcome.answer, (folder / "status.json.sub").exists()) == (None, True)
    assert [each.action for each in outcome.report.fired] == ["kill"]


def test_a_oneshot_that_hangs_is_killed(
    script: Path, run_of: Callable[..., Run], start: Callable[[Run], Traced], folder: Path
) -> None:
    with pytest.raises(ImplementationError, match=r"did not end within .* s and was killed"):
        do(start(run_of(script, answer_seconds=0.5)), folder, "hang")


def test_a_direct_request_to_a_oneshot_is_not_traced(oneshot: Traced, folder: Path) -> None:
    assert telling(folder, "")(oneshot.implementation).ok
    assert oneshot.open_files(str(folder)) == ()
    oneshot.kill()


def test_another_thread_may_wait_for_the_answer(obedient: Traced, folder: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert words(pool.submit(do, obedient, folder, "os.stat(path)").result(), folder) == ["stat status.json"]
