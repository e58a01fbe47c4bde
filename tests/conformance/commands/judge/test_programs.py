"""Programs, run as they are: each with one defect, and correct ones, of which nothing may be said."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.commands.judge.answers import Answer
from conformance.commands.judge.execution import Command, Traced
from conformance.commands.judge.folder import Stage
from conformance.commands.judge.formats import validator
from conformance.commands.judge.inquiry import Inquiry, Judged, Wish
from conformance.commands.judge.undisturbed import CannotJudge, trace
from conformance.contract.errors import Unmeasured

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the syscall engine needs Linux")

SECONDS = 120.0  # no run of these programs comes near it unless something is broken
AFTER_OPENING = "*:open:kill-after"
FULL = "*:write:ENOSPC"
CORRECT = (
    'p=$(readlink -f f); cp -p "$p" "$p.t" && echo new > "$p.t" && sync "$p.t" && mv "$p.t" "$p" && sync "${p%/*}"'
    ' || { rm -f "$p.t"; exit 1; }'
)
STORE = """
import os
file = os.open("t", os.O_WRONLY | os.O_CREAT)
try:
    taken = os.write(file, b"new")
    CHECK
    os.fsync(file)
except BaseException:
    os.unlink("t")
    raise
os.close(file)
os.rename("t", "f")
"""


def store(check: str) -> str:
    """A program that has the count of its only write checked so."""
    return f"exec {shlex.join([sys.executable, '-c', STORE.replace('CHECK', check)])}"


@dataclass(frozen=True)
class Seen:
    """What an inquiry found: its files, and the answers by file and question."""

    inquiry: Inquiry
    files: Mapping[str, Judged]
    answers: Mapping[str, Mapping[str, Answer]]

    def verdicts(self, name: str = "f") -> dict[str, str]:
        return {question: answer.verdict for question, answer in self.answers[name].items()}


class Judge:
    """Runs ``sh -c TEXT`` in a folder with the file ``f``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, text: str, *, point: str = "no point", wish: Wish | None = None) -> Seen:
        given = wish or Wish(budget=SECONDS, point=point)
        try:
            with Stage(self.folder) as stage:
                inquiry = Inquiry(stage, Command(("sh", "-c", text), seconds=SECONDS), given)
                files = inquiry.first()
                rest = inquiry.rest() if any(each.answers for each in files) else {}
        except Unmeasured as error:
            pytest.skip(str(error))
        answers: dict[str, dict[str, Answer]] = {
            each.name: {answer.question: answer for answer in (*each.answers, *rest.get(each.name, ()))}
            for each in files
        }
        return Seen(
            inquiry,
            {each.name.removeprefix("work/"): each for each in files},
            {name.removeprefix("work/"): of_one for name, of_one in answers.items()},
        )


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    folder = tmp_path / "prepared"
    folder.mkdir()
    (folder / "f").write_text("old\n", encoding="ascii")
    yield Judge(folder)
    assert (folder / "f").read_text(encoding="ascii") == "old\n"
    assert sorted(os.listdir(folder)) == ["f"]


@pytest.mark.parametrize(
    ("program", "point", "expected"),
    [
        pytest.param(
            "echo new > f",
            AFTER_OPENING,
            {"reader": "yes", "power": "yes", "kill": "yes", "attributes": "no"},
            id="written in place",
        ),
        pytest.param("echo new > f", FULL, {"disk": "yes", "temps": "no"}, id="emptied by a full disk"),
        pytest.param(
            "echo new > t; mv t f",
            FULL,
            {"reader": "no", "power": "yes", "attributes": "yes", "disk": "yes"},
            id="an error is passed over",
        ),
        pytest.param(
            "echo new > t && sync t && mv t f",
            FULL,
            {"reader": "no", "power": "no", "disk": "no", "temps": "yes"},
            id="the temp stays after an error",
        ),
        pytest.param(
            "echo new > t && sync t && rm f && mv t f",
            "*:unlink:kill-after",
            {"reader": "yes", "power": "yes", "kill": "yes"},
            id="removed before the replace",
        ),
        pytest.param(
            CORRECT,
            FULL,
            dict.fromkeys(("reader", "power", "attributes", "disk", "temps"), "no"),
            id="correct, with a full disk",
        ),
        pytest.param(store("pass"), "*:disk-full", {"disk": "yes", "temps": "no"}, id="a short write goes unnoticed"),
        pytest.param(
            store("assert taken == 3"), "*:disk-full", {"disk": "no", "temps": "no"}, id="a short write is noticed"
        ),
        pytest.param(CORRECT, "*:rename:kill-*", {"kill": "no"}, id="correct, killed"),
    ],
)
def test_what_is_said_of_a_program(judge: Judge, program: str, point: str, expected: dict[str, str]) -> None:
    verdicts = judge(program, point=point).verdicts()
    assert {question: verdicts[question] for question in expected} == expected


LOCKED = "set -C; echo new > lock && sync lock && mv lock f"
RESUMES = (
    "read n < f; case $n in 3) exit;; [0-9]) ;; *) n=0;; esac; while [ $n -lt 3 ]; do n=$((n+1)); echo $n > f; done"
)
STARTS_AGAIN = "for n in 1 2 3; do echo $n > f; done"
KILLED = "*:kill-after"


def test_a_lock_that_a_kill_leaves_stops_the_next_run(judge: Judge) -> None:
    answer = judge(LOCKED, point="*:create:kill-after").answers["f"]["resume"]
    assert (answer.verdict, answer.operation) == ("yes", "create lock")
    assert "the next run ends with exit code" in answer.text
    again = Wish(point="*:create:kill-after", resume=("sh", "-c", f"rm -f lock; {LOCKED}"))
    assert judge(LOCKED, wish=again).verdicts()["resume"] == "no"


ORPHAN_PUBLISHED = "[ ! -e t ] || mv t f; echo new > t && sync t && mv t f"


def test_what_only_the_run_after_a_kill_breaks_is_found_by_disturbing_that_run(judge: Judge) -> None:
    first, second = "*:create:kill-after", "*:rename:kill-after"
    assert judge(ORPHAN_PUBLISHED, point=first).verdicts()["kill"] == "no"
    answer = judge(ORPHAN_PUBLISHED, wish=Wish(point=f"{first}/{second}", depth=2)).answers["f"]["kill"]
    assert (answer.verdict, answer.operation, answer.source.partition(",")[0]) == ("yes", "rename t → f", "mv t f")
    assert "in the run after a kill (after create t), it is empty" in answer.text
    again = judge(ORPHAN_PUBLISHED, wish=Wish(point=answer.point, depth=2)).answers["f"]["kill"]
    assert (again.verdict, again.point) == ("yes", answer.point)


def test_a_next_run_that_does_the_same_is_not_disturbed(judge: Judge) -> None:
    seen = judge(CORRECT, wish=Wish(point="*:sync-folder:kill-after", depth=2))
    assert (seen.inquiry.courses, seen.inquiry.deeper_points) == ([], 0)
    assert seen.answers["f"]["kill"].text == "at 1 of 1 points; no next run differs from an undisturbed one"


@pytest.mark.parametrize(
    ("program", "said"),
    [(RESUMES, "it goes on: killed after 2 of 3 writes"), (STARTS_AGAIN, "it makes all 3 writes again")],
)
def test_whether_a_killed_job_goes_on_is_said(judge: Judge, program: str, said: str) -> None:
    answer = judge(program, point="*:write:kill-after").answers["f"]["resume"]
    assert answer.verdict == "no"
    assert said in answer.text


def test_a_run_after_a_kill_must_bring_the_result(judge: Judge) -> None:
    program = "echo x >> log; cp log copy; mv copy f"
    for result, verdict in {"log": "yes", "true": "no"}.items():
        wish = Wish(("work/f",), point="*:rename:kill-after", result=result)
        answer = judge(program, wish=wish).answers["f"]["resume"]
        assert answer.verdict == verdict, answer
    with pytest.raises(CannotJudge, match="--result none"):
        judge(program, wish=Wish(("work/f",), point="*:rename:kill-after", result="none"))


PYTHON = """
import os
def save(text):
    with open("t", "w") as file:
        file.write(text)
    os.replace("t", "f")
save("new")
"""


def test_an_answer_names_the_line_or_the_process_that_made_the_operation(judge: Judge) -> None:
    shell = judge("echo new > t; mv t f").answers["f"]["power"]
    assert (shell.operation, shell.source.partition(",")[0]) == ("rename t → f", "mv t f")
    (judge.folder / "f").with_name("s.py").write_text(PYTHON, encoding="ascii")
    try:
        python = judge(f"exec {sys.executable} s.py").answers["f"]["power"]
    finally:
        (judge.folder / "s.py").unlink()
    assert (python.operation, python.source) == ("rename t → f", "s.py:6 in save")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_an_answer_names_the_line_of_node(judge: Judge) -> None:
    program = 'const fs = require("fs");\nfunction save() { fs.writeFileSync("f", "new"); }\nsave();\n'
    (judge.folder / "s.js").write_text(program, encoding="ascii")
    try:
        answer = judge("exec node s.js").answers["f"]["reader"]
    finally:
        (judge.folder / "s.js").unlink()
    assert (answer.operation, answer.source) == ("open f", "s.js:2 in save")


def test_each_answer_names_the_operation_and_the_point(judge: Judge) -> None:
    answers = judge("echo new > f", point=AFTER_OPENING).answers["f"]
    assert answers["reader"].operation == "open f"
    assert answers["kill"].operation == "open f"
    assert answers["kill"].point.endswith(":open:kill-after")
    assert (answers["kill"].tried, answers["disk"].verdict) == (1, "not measured")


def test_a_new_file_is_judged_when_it_is_made_again(judge: Judge) -> None:
    seen = judge("echo new > g; cat g > f2; rm f2")
    assert list(seen.files) == ["g"]
    assert seen.verdicts("g")["reader"] == "yes"
    assert "judged when the command ran again" in seen.inquiry.notes[0]


def test_a_file_that_is_only_made_once_is_judged_as_a_first_write(judge: Judge) -> None:
    seen = judge("test ! -e g && echo new > g", wish=Wish(("work/g",), point="no point"))
    assert seen.files["g"].words == "written in place (it did not exist before)"
    assert seen.answers["g"]["attributes"].text == "it did not exist before"


def test_what_is_not_judged_and_why(judge: Judge) -> None:
    log = judge("echo more >> f").files["f"]
    assert (log.answers, log.words) == ((), "appended to")
    assert judge("true").files == {}
    missing = judge("echo new > f", wish=Wish(("work/other",), point="no point"))
    assert "did not write it" in missing.files["other"].why_not


def test_bytes_that_differ_from_run_to_run_need_a_validator(judge: Judge) -> None:
    random = "cat /proc/sys/kernel/random/uuid > f"
    assert "differ from run to run" in judge(random).files["f"].why_not
    quoted = 'printf \'{"id": "%s"}\' "$(cat /proc/sys/kernel/random/uuid)" > f'
    seen = judge(quoted)
    assert seen.files["f"].whole == "old bytes, or valid json"
    assert seen.verdicts()["reader"] == "yes"


def test_a_validator_that_does_not_take_the_outcome_judges_nothing(judge: Judge) -> None:
    refused = judge("echo new > f", wish=Wish(kind="json", valid=validator("json"), point="no point"))
    assert "does not take" in refused.files["f"].why_not


ENDLESS = "did not end .* for a service: timeout 5 COMMAND, or pulse observe FILE"


def traced(judge: Judge, program: str, given: bytes = b"") -> Traced:
    with Stage(judge.folder) as stage:
        try:
            return trace(stage, Command(("sh", "-c", program), given, SECONDS))
        except Unmeasured as error:
            pytest.skip(str(error))


def test_a_process_that_outlives_the_command_is_stopped_and_known(
    judge: Judge, gone: Callable[[int], bool], eventually: Callable[[Callable[[], object], str], None]
) -> None:
    ended = traced(judge, "sleep 60000 & echo $!").ended
    assert ended.report.outlived
    eventually(lambda: gone(int(ended.printed)), "the process has ended")
    assert not traced(judge, "true").ended.report.outlived


def test_what_it_writes_elsewhere_is_known(judge: Judge, tmp_path: Path) -> None:
    seen = traced(judge, f"echo new > f; echo x > {tmp_path}/outside; : > /dev/null")
    assert seen.ended.report.outside == (f"{tmp_path.resolve()}/outside",)


def test_it_reads_what_it_is_given(judge: Judge) -> None:
    assert traced(judge, "cat", b"given").ended.printed == "given"
    assert traced(judge, "read x || echo nothing").ended.printed == "nothing\n"


@pytest.mark.parametrize(
    ("program", "why"),
    [("echo new > f; kill -9 $$", "ended by signal 9"), ("exec /", "cannot be run"), ("sleep 600", ENDLESS)],
)
def test_a_command_that_cannot_be_judged(judge: Judge, program: str, why: str) -> None:
    with Stage(judge.folder) as stage:
        seconds = 1.0 if "sleep" in program else SECONDS
        inquiry = Inquiry(stage, Command(("sh", "-c", program), seconds=seconds), Wish())
        try:
            with pytest.raises(CannotJudge, match=why):
                inquiry.first()
        except Unmeasured as error:
            pytest.skip(str(error))
