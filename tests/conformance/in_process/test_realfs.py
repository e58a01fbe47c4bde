"""Implementations on the real file system: kills at every file call, and what only a real system can show.

Each report is made by a process of its own, as in a run of the suite.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.contract.errors import Unmeasured
from conformance.in_process.enumeration import InProcessReport
from conformance.oracle.faults import concerns, judge, judge_kill
from conformance.suite.helpers.launch_prefixes import without_permission_override

CORRECT = (Path(__file__).parents[1] / "adapters" / "correct_writer.py").read_text(encoding="utf-8")

Judge = Callable[..., InProcessReport]


@pytest.fixture
def report_on(tmp_path: Path) -> Judge:
    """Runs an implementation, given as source, on the real file system, and returns the report."""

    def make(source: str, profile: str = "pulse", prefix: tuple[str, ...] = ()) -> InProcessReport:
        (tmp_path / "tiny.py").write_text(source, encoding="utf-8")
        work = tmp_path / "work"
        work.mkdir()
        words = ["-m", "conformance.in_process.realfs", str(tmp_path), "tiny:Implementation", profile, str(work)]
        done = subprocess.run([*prefix, sys.executable, *words], capture_output=True, text=True, check=True)
        return InProcessReport.from_json(done.stdout)

    return make


def broken_by(report: InProcessReport, clause: str) -> dict[tuple[str, str], str]:
    """(phase, call) of each kill that breaks the clause → how it breaks it."""
    return {(kill.phase, kill.call): text for kill in report.kills if (text := judge_kill(clause, kill))}


def with_change(old: str, new: str) -> str:
    assert CORRECT.count(old) == 1
    return CORRECT.replace(old, new)


# Kills


@pytest.mark.parametrize("profile", ["pulse", "replace"])
def test_a_correct_implementation_survives_a_kill_around_every_call(report_on: Judge, profile: str) -> None:
    report = report_on(CORRECT, profile)
    assert [(kill.phase, kill.position, kill.call) for kill in report.kills] == [
        (phase, position, call) for position, call in enumerate(report.calls) for phase in ("before", "after")
    ]
    assert all(kill.fired and kill.next_write == "ok" for kill in report.kills)
    # The target changes with the rename, neither before nor after it.
    assert [kill.target for kill in report.kills] == ["old"] * 9 + ["new"]


WITH_A_THREAD = (
    CORRECT
    + """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
)


def test_an_implementation_with_threads_is_killed_in_new_processes(report_on: Judge) -> None:
    report = report_on(WITH_A_THREAD)
    assert len(report.kills) == 10
    assert all(kill.fired and kill.next_write == "ok" for kill in report.kills)
    assert [kill.target for kill in report.kills] == ["old"] * 9 + ["new"]


def test_a_new_process_numbers_the_calls_as_this_one_did(report_on: Judge) -> None:
    # What looks at every folder above the target makes calls outside the target's own folder.
    report = report_on(WITH_A_THREAD.replace("os.replace(temp, path)", "os.replace(temp, os.path.realpath(path))"))
    assert len(report.kills) > 10
    assert all(kill.fired and kill.next_write == "ok" for kill in report.kills)


IN_PLACE = """
import json

class Implementation:
    def write(self, path, status):
        with open(path, "w") as file:
            file.write(json.dumps(status))
"""


def test_a_kill_in_a_write_in_place_shows_what_a_reader_would_find(report_on: Judge) -> None:
    report = report_on(IN_PLACE)
    assert report.calls == ("open", "write", "close")
    assert broken_by(report, "KIL-01") == {
        ("after", "open"): "left the target torn: bytes that are not one whole document",
        ("before", "write"): "left the target torn: bytes that are not one whole document",
    }
    assert broken_by(report, "KIL-02") == {}


def test_a_target_that_is_removed_first_is_missing_after_a_kill(report_on: Judge) -> None:
    source = with_change(
        "            os.replace(temp, path)\n",
        "            with contextlib.suppress(FileNotFoundError):\n                os.unlink(path)\n"
        "            os.rename(temp, path)\n",
    )
    assert broken_by(report_on(source), "KIL-01") == {
        ("after", "unlink"): "lost the target: there is no file any more",
        ("before", "rename"): "lost the target: there is no file any more",
    }


def test_a_next_write_blocked_by_an_orphan_is_found_and_three_are_enough(report_on: Judge) -> None:
    source = with_change('f"{path}.{os.getpid()}.{self.count}.tmp"', 'f"{path}.tmp"')
    report = report_on(source)
    assert broken_by(report, "KIL-01") == {}
    found = broken_by(report, "KIL-02")
    assert list(found) == [("after", "open"), ("before", "write"), ("after", "write")]
    assert all(text.startswith("the next write was answered io [Errno 17]") for text in found.values())
    assert len(report.kills) == 4


def test_a_kill_that_does_not_happen_where_it_should_is_reported(report_on: Judge) -> None:
    # The copy of the process that is to be killed ends by itself.
    source = (
        CORRECT
        + """
parent = os.getpid()
original = Implementation.replace

def replace(self, path, text):
    if os.getpid() == parent:
        original(self, path, text)
    else:
        os._exit(0)

Implementation.replace = replace
"""
    )
    report = report_on(source)
    assert report.kills
    assert not any(kill.fired for kill in report.kills)


# Read-only folders and full disks


def test_a_read_only_folder_stops_a_correct_implementation(report_on: Judge) -> None:
    try:
        prefix = without_permission_override()
    except Unmeasured as reason:
        pytest.skip(str(reason))
    found = report_on(CORRECT, prefix=prefix).read_only
    assert found is not None
    assert (found.answer, found.answered_error, found.target, found.left, found.next_write) == (
        "io",
        errno.EACCES,
        "old",
        (),
        "ok",
    )


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root overrides permission bits")
def test_a_folder_that_is_read_only_for_others_proves_nothing(report_on: Judge) -> None:
    assert report_on(CORRECT).read_only is None


def test_the_implementation_is_imported_after_the_calls_are_wrapped(report_on: Judge) -> None:
    source = with_change("import os\n", "import os\nfrom os import replace as move, write as put\n").replace(
        "os.replace(", "move("
    )
    assert report_on(source.replace("os.write(", "put(")).calls == ("open", "write", "fsync", "close", "rename")


IN_A_CHILD = """
import json
import subprocess
import sys

SCRIPT = "import os, sys; t = sys.argv[1] + '.tmp'; open(t, 'w').write(sys.argv[2]); os.replace(t, sys.argv[1])"

class Implementation:
    def write(self, path, status):
        subprocess.run([sys.executable, "-c", SCRIPT, path, json.dumps(status)], check=True)
"""


def test_a_write_that_is_not_seen_to_need_room_proves_nothing_about_a_full_disk(report_on: Judge) -> None:
    report = report_on(IN_A_CHILD)
    assert (report.problem, report.calls, report.disk_full) == ("", (), None)


def test_a_short_write_is_a_sign_of_a_full_disk(report_on: Judge) -> None:
    once = with_change(
        "                while rest:\n                    rest = rest[os.write(descriptor, rest) :]\n",
        "                os.write(descriptor, rest)\n",
    )
    found = report_on(once).disk_full
    assert found is not None
    assert (found.answer, found.target) == ("ok", "torn")


# Where Python raises no KeyboardInterrupt

UNINTERRUPTIBLE = {
    "the collector closes the file": """
import json
import os

class Implementation:
    def write(self, path, status):
        temp = path + ".tmp"
        try:
            open(temp, "w", buffering=1 << 20).write(json.dumps(status))
            os.replace(temp, path)
        except BaseException:
            if os.path.exists(temp):
                os.unlink(temp)
            raise
""",
    "a thread writes": """
import json
import os
from concurrent.futures import ThreadPoolExecutor

class Implementation:
    def write(self, path, status):
        temp = path + ".tmp"
        def fill():
            with open(temp, "w") as file:
                file.write(json.dumps(status))
        with ThreadPoolExecutor() as pool:
            pool.submit(fill).result()
        os.replace(temp, path)
""",
}


@pytest.mark.parametrize("source", UNINTERRUPTIBLE.values(), ids=UNINTERRUPTIBLE)
def test_no_interrupt_is_injected_where_python_raises_none(report_on: Judge, source: str) -> None:
    report = report_on(source)
    interrupted = [injection.call for injection in report.injections if injection.what == "interrupt"]
    assert "write" in report.calls
    assert "rename" in interrupted
    assert not {"write", "close"} & set(interrupted)


def test_an_error_that_the_collector_swallows_is_found(report_on: Judge) -> None:
    report = report_on(UNINTERRUPTIBLE["the collector closes the file"])
    assert [judge("FLT-05", injection) for injection in report.injections if concerns("FLT-05", injection)]
    assert all(judge("FLT-05", injection) for injection in report.injections if concerns("FLT-05", injection))


# What cannot be judged, and the reason given


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def Implementation(:", "cannot be imported: SyntaxError: "),
        ("", "cannot be imported: AttributeError: "),
        (
            with_change("        Implementation.count += 1\n", "        raise OSError(5, 'always')\n"),
            "does not run in process: OSError: [Errno 5] always",
        ),
        (
            "class Implementation:\n    def write(self, path, status):\n        pass\n",
            "answers ok, but the target does not change",
        ),
    ],
)
def test_what_does_not_run_without_a_fault_cannot_be_judged(report_on: Judge, source: str, problem: str) -> None:
    report = report_on(source)
    assert report.problem.startswith(problem)
    assert (report.system, report.calls, report.injections, report.kills) == ("real", (), (), ())
