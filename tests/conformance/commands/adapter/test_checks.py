"""Adapters with one fault each: it is found, it is named, and there is something to do about it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.commands.adapter import checks, conversation
from conformance.commands.adapter.checks import Step, checked
from conformance.contract.manifest import Manifest
from conformance.subject.launch import LaunchOptions

FAULTY = Path(__file__).with_name("faulty.py")
PATIENCE = 60.0

Check = Callable[..., list[Step]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Checks the adapter with a fault; ``answer_seconds`` is for faults that show in that no answer comes."""

    monkeypatch.setattr(conversation, "LATE_SECONDS", PATIENCE)

    def run(
        fault: str, *, answer_seconds: float = PATIENCE, start_seconds: float = PATIENCE, **manifest: object
    ) -> list[Step]:
        of_command = Manifest(
            name="faulty",
            language="python",
            profile="replace",
            roles=("writer",),
            mode="serve",
            folder=tmp_path,
            source="",
            command=(sys.executable, str(FAULTY), fault),
        )
        for name in ("children", "scratch", "written"):
            (tmp_path / name).mkdir(exist_ok=True)
        options = LaunchOptions(
            tmp_path / "children",
            tmp_path / "scratch",
            start_seconds=start_seconds,
            answer_seconds=answer_seconds,
        )
        wanted = dataclasses.replace(of_command, **manifest)  # type: ignore[arg-type]  # some of its fields
        return checked(wanted, options, tmp_path / "written")

    return run


def wrong(steps: list[Step]) -> list[str]:
    return [step.seen for step in steps if step.verdict == "wrong"]


def test_an_adapter_without_a_fault_passes_each_step(check: Check) -> None:
    steps = check("none")
    assert [step.title for step in steps] == [
        "starts, and answers",
        "answers, and prints nothing else",
        "writes what it is given",
        "takes a long line",
        "answers two requests sent at once",
        "answers a write that fails, and goes on",
        "answers a request that it does not know",
        "ends after stop",
        "ends when its input ends",
    ]
    assert not wrong(steps)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (
            "die-at-start",
            "it ended with exit code 1 instead of answering start; on standard error: cannot find the lib",
        ),
        ("prose", "no answer to start within 0.2 s, nor when its input had ended; it printed 'Welcome!"),
        ("silent", "no answer to start within 0.2 s, nor when its input had ended"),
        ("no-flush", "the answer to start came only when its input had ended"),
        ("no-line-feed", "the answer to start has no line feed at its end"),
        ("second", "it ended with exit code 0 instead of answering replace"),
        ("die-at-write", "it ended with exit code 1 instead of answering replace; on standard error: no such thing"),
        ("die-at-error", "it ended with exit code 1 instead of answering replace; on standard error: "),
    ],
)
def test_where_no_answer_comes_the_rest_is_not_tried(check: Check, fault: str, seen: str) -> None:
    waits = fault in ("prose", "silent", "no-flush", "no-line-feed")  # for an answer that never comes
    steps = check(fault, start_seconds=0.2 if waits else PATIENCE)
    (found,) = [step for step in steps if step.verdict == "wrong"]
    assert found.seen.startswith(seen), found
    assert found.todo
    assert {step.verdict for step in steps[steps.index(found) + 1 :]} == {"not tried"}


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("chatty", "on standard output, before an answer: 'ready"),
        ("wrong-id", '"id" is 1, and the request had 0'),
        ("answer-bom", "an answer starts with a byte-order mark"),
        ("latin-1", "characters outside of ASCII were lost or changed"),
        ("long-line", "a plain write was refused: io: token too long"),
        ("hide-errors", "a write into a folder that does not exist was answered with ok"),
        ("unknown-error", '"error" is "EIO"'),
        ("anything-goes", "an operation that it does not know was not refused"),
        ("protocol", '"protocol" is 2'),
        ("exit-code", "it ended with exit code 3 after the answer to stop"),
        ("nothing-written", "it answered ok, and there is no file"),
    ],
)
def test_a_fault_is_named_with_what_to_do(check: Check, fault: str, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks._Serve, "end_of_input", lambda check: [])  # a second process, which shows none of them
    found = [step for step in check(fault) if step.verdict == "wrong"]
    assert any(step.seen.startswith(seen) for step in found), found
    assert all(step.todo for step in found)


def test_crlf_is_a_note_that_fails_nothing(check: Check) -> None:
    steps = check("crlf")
    assert not wrong(steps)
    assert {step.seen for step in steps if step.verdict == "note"} == {"answers end with CR LF"}


class Talk:
    """A conversation that never ends."""

    def end(self, seconds: float) -> int | None:
        return None


def test_a_process_that_stays_is_named(tmp_path: Path) -> None:
    manifest = Manifest("m", "c", "replace", ("writer",), "serve", tmp_path, "", command=("m",))
    serve = checks._Serve(manifest, LaunchOptions(tmp_path, tmp_path), tmp_path)
    (finding,) = serve._of_end(Talk(), "after the answer to stop")  # type: ignore[arg-type]  # all that is asked of it
    assert finding.seen == "it still ran 10 s after the answer to stop"


def test_a_command_that_does_not_exist_is_named(check: Check) -> None:
    steps = check("", command=("no-such-command",))
    assert "cannot be started: no-such-command" in steps[0].seen
    assert steps[0].todo.startswith("correct `command`")
    assert steps[-1].verdict == "not tried"


def test_a_slow_start_is_a_note(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SLOW_SECONDS", -1.0)
    first = check("none")[0]
    assert (first.verdict, first.seen.startswith("the first answer took")) == ("note", True)


@pytest.fixture
def oneshot(check: Check, tmp_path: Path) -> Callable[[str], list[Step]]:
    """Checks a program of mode ``oneshot``, which is this Python text; OPERATION, PATH and TEXT are its input."""

    def run(text: str) -> list[Step]:
        program = tmp_path / "program.py"
        first = "import sys\nOPERATION, PATH, TEXT = *sys.argv[1:], sys.stdin.buffer.read()\n"
        program.write_text(first + text, encoding="utf-8")
        return check("", mode="oneshot", command=(sys.executable, str(program)))

    return run


def test_a_command_for_each_write_is_checked_too(oneshot: Callable[[str], list[Step]]) -> None:
    right = "try: open(PATH, 'wb').write(TEXT)\nexcept OSError: sys.exit(1)\n"
    assert [step.verdict for step in oneshot(right)] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("open(PATH, 'wb').write(TEXT + b'\\n')", "a line feed was added at the end"),
        ("sys.exit('will not')", "a plain write was refused: exit code 1; on standard error: will not"),
        ("sys.exit(2)", "ended with exit code 2; 0 and 1 are answers"),
    ],
)
def test_what_a_command_does_wrong_is_named(oneshot: Callable[[str], list[Step]], text: str, seen: str) -> None:
    assert any(each.startswith(seen) for each in wrong(oneshot(text)))


def test_a_command_that_hides_an_error_is_named(oneshot: Callable[[str], list[Step]]) -> None:
    text = "import os\nif os.path.isdir(os.path.dirname(PATH)): open(PATH, 'wb').write(TEXT)"
    assert wrong(oneshot(text)) == ["a write into a folder that does not exist ended with exit code 0"]


def test_a_reader_is_asked_to_read(check: Check) -> None:
    titles = [step.title for step in check("none", roles=("reader",), profile="pulse")]
    assert "reads" in titles
    assert "writes what it is given" not in titles
