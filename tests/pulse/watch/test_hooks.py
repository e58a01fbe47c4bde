"""Commands at a transition: once each, with the facts in the environment, and never in the way of the watch."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pulse.reader import Polled, ReadOutcome
from pulse.watch.hooks import LONGEST_VALUE, PATIENCE, Hooks, Known, environment, news, start
from tests.pulse.watch.polls import broken, missing, polled, row, stalled


class Process:
    """A command that ends when a test says so."""

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code


class Bench:
    """Hooks with a clock and with processes that a test controls."""

    def __init__(self, *commands: tuple[str, str]) -> None:
        self.now = 0.0
        self.started: list[tuple[str, Mapping[str, str]]] = []
        self.processes: list[Process] = []
        self.notes: list[str] = []
        self.refusal: OSError | None = None
        self.hooks = Hooks(commands, self.start, self.notes.append, lambda: self.now, self.wait)

    def start(self, command: str, variables: Mapping[str, str]) -> Process:
        if self.refusal:
            raise self.refusal
        self.started.append((command, variables))
        self.processes.append(Process())
        return self.processes[-1]

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def see(self, *polls: Polled) -> list[str]:
        """Polls of one file, two seconds apart; what was started for them."""
        before = len(self.started)
        for poll in polls:
            self.hooks.look([row("a", poll)])
            self.now += 2.0
        return [command for command, _ in self.started[before:]]


ALL = (("done", "tell done"), ("error", "tell error"), ("stalled", "tell stalled"))


class TestTransitions:
    @pytest.mark.parametrize(
        ("end", "command"),
        [(polled("done"), "tell done"), (polled("error"), "tell error"), (stalled(), "tell stalled")],
    )
    def test_each_runs_its_command_once(self, end: Polled, command: str) -> None:
        assert Bench(*ALL).see(polled(), polled(), end, end, end) == [command]

    def test_every_command_for_an_event_is_run(self) -> None:
        bench = Bench(("done", "one"), ("error", "two"), ("done", "three"))
        assert bench.see(polled(), polled("done")) == ["one", "three"]

    def test_it_is_run_again_for_the_next_time(self) -> None:
        bench = Bench(*ALL)
        bench.see(polled(), stalled())
        bench.processes[0].code = 0
        assert bench.see(polled(), stalled()) == ["tell stalled"]

    @pytest.mark.parametrize("so", [polled("done"), polled("error"), stalled()])
    def test_what_was_so_at_the_start_is_no_news(self, so: Polled) -> None:
        assert Bench(*ALL).see(so, so, broken("done"), so) == []

    def test_nor_is_a_run_that_ended_long_ago_and_can_now_be_read(self) -> None:
        unreadable = replace(missing(), outcome=ReadOutcome.UNREADABLE)
        assert Bench(*ALL).see(unreadable, polled("done", unchanged_seconds=3600.0)) == []
        assert Bench(*ALL).see(unreadable, polled("done", unchanged_seconds=1.0)) == ["tell done"]

    def test_a_run_whose_clock_is_wrong_ends_while_it_is_watched_if_its_file_was_missing(self) -> None:
        assert Bench(*ALL).see(missing(), polled("done", unchanged_seconds=3600.0)) == ["tell done"]

    def test_but_it_is_not_silent_only_because_its_times_are_old(self) -> None:
        assert Bench(*ALL).see(missing(), stalled(3600.0)) == []

    def test_a_second_end_between_two_polls_is_news(self) -> None:
        bench = Bench(*ALL)
        again = polled("error", timestamp=1764345700)
        assert bench.see(polled(), polled("error")) == ["tell error"]
        bench.processes[0].code = 0
        assert bench.see(again, again) == ["tell error"]

    def test_more_words_about_one_end_are_not(self) -> None:
        assert Bench(*ALL).see(polled(), polled("error"), polled("error", message="more")) == ["tell error"]

    def test_a_file_that_is_put_back_is_not(self) -> None:
        assert Bench(*ALL).see(polled(), polled("done"), missing(), polled("done")) == ["tell done"]

    def test_a_sign_of_life_with_a_new_timestamp_is_not(self) -> None:
        assert news(Known("running", 1), polled("running"), 10.0) is None

    def test_a_run_that_began_and_ended_between_two_polls_is(self) -> None:
        assert Bench(*ALL).see(missing(), polled("done", unchanged_seconds=1.0)) == ["tell done"]

    def test_a_gap_in_which_nothing_could_be_read_does_not_repeat_it(self) -> None:
        assert Bench(*ALL).see(polled(), stalled(), broken(), stalled()) == ["tell stalled"]

    def test_a_run_that_ended_within_such_a_gap_is_news(self) -> None:
        assert Bench(*ALL).see(polled(), broken(), polled("error")) == ["tell error"]

    def test_files_do_not_mix(self) -> None:
        bench = Bench(*ALL)
        bench.hooks.look([row("a", polled()), row("b", polled("done"))])
        bench.hooks.look([row("a", polled("done")), row("b", polled("done"))])
        assert [variables["PULSE_NAME"] for _, variables in bench.started] == ["a"]

    def test_news_without_commands_do_nothing(self) -> None:
        assert Bench().see(polled(), polled("done")) == []

    def test_idle_and_running_are_news_too_but_have_no_event(self) -> None:
        assert news(Known("idle"), polled("running"), 10.0) == "running"


class TestEnvironment:
    def test_has_the_facts(self) -> None:
        poll = polled("error", 1.5, 3.0, loss=0.25, message="CUDA out of memory")
        assert environment(row("a", poll), "error") == {
            "PULSE_PATH": os.path.abspath("runs/a.json"),
            "PULSE_NAME": "a",
            "PULSE_EVENT": "error",
            "PULSE_STATUS": "error",
            "PULSE_EPOCH": "1.5",
            "PULSE_TOTAL_EPOCHS": "3.0",
            "PULSE_LOSS": "0.25",
            "PULSE_MESSAGE": "CUDA out of memory",
            "PULSE_TIMESTAMP": "1764345613",
            "PULSE_PROGRESS": "50.0",
            "PULSE_UNCHANGED_SECONDS": "2",
        }

    def test_fits_every_system(self) -> None:
        variables = environment(row("a", polled("error", message="\0" + "x" * 100_000)), "error")
        assert variables["PULSE_MESSAGE"] == "\ufffd" + "x" * (LONGEST_VALUE - 1)

    def test_fits_every_locale(self) -> None:
        poll = polled("done", message="fertig ✓")
        assert environment(row("a", poll), "done", "latin-1")["PULSE_MESSAGE"] == "fertig ?"
        assert environment(row("a", poll), "done", "utf-8")["PULSE_MESSAGE"] == "fertig ✓"

    @pytest.mark.skipif(sys.platform == "win32", reason="there, every name is Unicode")
    def test_a_path_keeps_its_bytes_in_every_locale(self) -> None:
        path = os.fsdecode(b"caf\xe9")
        assert environment(row(path, polled("done")), "done", "ascii")["PULSE_NAME"] == path

    def test_a_file_without_a_status_has_no_facts(self) -> None:
        assert environment(row("a", missing()), "x")["PULSE_UNCHANGED_SECONDS"] == "0"


class TestTrouble:
    def test_a_command_that_fails_is_reported_once(self) -> None:
        bench = Bench(*ALL)
        bench.see(polled(), polled("error"))
        bench.processes[0].code = 7
        bench.see(polled("error"), polled("error"))
        assert bench.notes == ["--on error (a): exit code 7: tell error"]

    def test_one_that_succeeds_is_not(self) -> None:
        bench = Bench(*ALL)
        bench.see(polled(), polled("error"))
        bench.processes[0].code = 0
        bench.see(polled("error"))
        assert bench.notes == []

    def test_one_that_cannot_be_started_is(self) -> None:
        bench = Bench(*ALL)
        bench.refusal = OSError("no shell")
        assert bench.see(polled(), polled("error")) == []
        assert bench.notes == ["--on error (a): no shell: tell error"]

    def test_one_that_hangs_is_not_started_a_second_time(self) -> None:
        bench = Bench(*ALL)
        assert bench.see(polled(), stalled(), polled(), stalled()) == ["tell stalled"]
        assert bench.notes == ["--on stalled (a): not run again, because it still runs: tell stalled"]

    def test_at_the_end_it_gets_a_little_time_and_is_then_left_alone(self) -> None:
        bench = Bench(*ALL)
        bench.see(polled(), polled("done"))
        before = bench.now
        bench.hooks.finish()
        assert bench.now - before == pytest.approx(PATIENCE, abs=0.1)
        assert bench.notes == ["--on done (a): still running, and left alone: tell done"]

    def test_the_end_waits_no_longer_than_needed(self) -> None:
        bench = Bench(*ALL)
        bench.see(polled(), polled("done"))
        bench.processes[0].code = 0
        before = bench.now
        bench.hooks.finish()
        assert bench.now - before < 0.1
        assert bench.notes == []


class TestStart:
    """Real commands, which every test waits for: a child that is not reaped would stay a zombie."""

    def finished(self, command: str, variables: Mapping[str, str], quiet: bool = False) -> int:
        process = start(command, variables, quiet)
        assert isinstance(process, subprocess.Popen)
        return process.wait(60)

    def test_the_message_is_data_and_never_part_of_the_command_line(self, tmp_path: Path) -> None:
        code = tmp_path / "show.py"
        code.write_text("import os, sys; open(sys.argv[1], 'w').write(os.environ['PULSE_MESSAGE'])")
        told = tmp_path / "told"
        evil = '"; touch evil; $(touch evil) `touch evil` & echo'
        assert self.finished(f'"{sys.executable}" "{code}" "{told}"', {"PULSE_MESSAGE": evil}) == 0
        assert told.read_text() == evil
        assert sorted(os.listdir(tmp_path)) == ["show.py", "told"]

    def test_its_exit_code_is_known_to_the_watch(self) -> None:
        assert self.finished("exit 3", {}) == 3

    @pytest.mark.parametrize(("quiet", "expected"), [(False, "to both\n"), (True, "")])
    def test_what_it_prints_goes_to_stderr_or_nowhere(
        self, quiet: bool, expected: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.finished("echo to both", {}, quiet)
        captured = capfd.readouterr()
        assert (captured.out, captured.err.replace("\r", "")) == ("", expected)

    def test_without_stderr_it_goes_nowhere(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stderr", None)
        self.finished("echo lost", {})
        assert capfd.readouterr() == ("", "")
