"""The panel, on terminals of several sizes; rich draws it into memory."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from pulse.liveness import Evidence
from pulse.watch.panel import Panel, panel
from pulse.watch.words import ASCII, UNICODE, Glyphs, Row
from tests.pulse.watch.polls import broken, missing, polled, row, stalled

LONG = "OutOfMemoryError: CUDA out of memory. " * 12
EVERY = (
    row("llama", polled("running", 2.5, 4.0, message="step 150", rate=0.002, eta_seconds=750.0), (2.0, 1.0, 0.3)),
    row("qwen", polled("error", 1.0, 4.0, message=LONG, unchanged_seconds=4000.0), (3.0,)),
    row("mistral", stalled(epoch=1.2, total=3.0, message="\x1b[31mevil\x1b]0;title\x07 \u202e шаг 日本語"), (1.7, 1.8)),
    row("old", stalled(186000.0, Evidence.MODIFIED)),
    row("next", polled("idle", message="Waiting to start...")),
    row("phi", polled("done", 3.0, 3.0, message="Training completed")),
    row("half", broken("running", 2.0, 3.0)),
    row("missing", missing()),
    row("endless", polled("running", 12.25, rate=2.5)),
    row("a-run-with-a-name-that-is-longer-than-most-terminals-are-wide-" * 2, polled("running", 1.0, 2.0)),
    row("日本語の名前" * 10, polled("running", 1.0, 2.0)),
)


def drawn(*rows: Row, width: int = 80, height: int = 0, note: str = "", glyphs: Glyphs = UNICODE) -> list[str]:
    return [line.plain for line in panel(rows, note, glyphs, width, height)]


class TestPanel:
    def test_shows_all_that_is_known_of_a_run(self) -> None:
        assert drawn(EVERY[0]) == [
            "pulse watch · 1 running",
            "",
            "► llama  running",
            "  " + "━" * 31 + "─" * 19 + "   62.5 %  epoch 2.5/4",
            "  loss 0 █▄▁ · 7.2 epochs/h · ETA 12 min 30 s · last update 2 s ago",
            "  step 150",
        ]

    def test_the_worst_run_comes_first(self) -> None:
        titles = [line.split()[1] for line in drawn(*EVERY[:6]) if line and not line.startswith((" ", "pulse"))]
        assert titles == ["qwen", "mistral", "old", "llama", "next", "phi"]

    def test_a_silent_run_says_for_how_long(self) -> None:
        assert "▲ mistral  stalled: no change for 3 min 5 s" in drawn(EVERY[2])

    def test_a_file_that_cannot_be_read_shows_what_was_known_and_why(self) -> None:
        lines = drawn(EVERY[6])
        assert lines[2] == "? half  invalid for 14 s, was running"
        assert " 66.7 %  epoch 2/3" in lines[3]
        assert lines[-1].startswith("  not a JSON document")

    def test_the_end_of_a_run_without_a_total_is_unknown_and_there_is_no_bar(self) -> None:
        assert drawn(EVERY[8])[3] == "  epoch 12.25"

    def test_an_error_gets_three_lines(self) -> None:
        lines = [line for line in drawn(EVERY[1]) if "OutOfMemory" in line]
        assert len(lines) == 3
        assert lines[-1].endswith("…")

    def test_a_remark_is_in_the_last_line(self) -> None:
        assert drawn(EVERY[0], note="exit code\n1")[-2:] == ["", "exit code 1"]

    @pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
    @pytest.mark.parametrize("height", [0, 50, 9, 3, 2, 1])
    @pytest.mark.parametrize("width", [200, 80, 40, 20, 10, 5, 1])
    def test_fits_every_terminal(self, width: int, height: int, glyphs: Glyphs) -> None:
        lines = drawn(*EVERY, width=width, height=height, note="a remark that is longer than the line", glyphs=glyphs)
        if width >= 20:
            assert max(map(cell_len, lines)) <= width
        if height >= 9:
            assert len(lines) <= height
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202e]", "".join(lines))
        assert glyphs is UNICODE or "".join(lines).isascii()

    def test_runs_that_do_not_fit_get_one_line_each(self) -> None:
        assert drawn(*EVERY[:6], height=10, width=50) == [
            "pulse watch · 1 error, 2 stalled, 1 running, 1 id…",
            "",
            "✗  25.0 %  qwen  error",
            "▲  40.0 %  mistral  stalled: no change for 3 min…",
            "▲          old  stalled: no change for 2 d 3 h, b…",
            "►  62.5 %  llama  running",
            "○          next  idle",
            "✓ 100.0 %  phi  done",
        ]

    def test_the_best_are_left_out_where_even_that_is_too_much(self) -> None:
        assert drawn(*EVERY[:6], height=5)[2:] == [
            "✗  25.0 %  qwen  error",
            "▲  40.0 %  mistral  stalled: no change for 3 min 5 s",
            "  and 4 more: make the window taller",
        ]

    def test_a_narrow_terminal_gets_the_epochs_below_the_bar(self) -> None:
        assert drawn(EVERY[0], width=24)[3:5] == ["  ━━━━━━━━─────   62.5 %", "  epoch 2.5/4"]


class TestScreen:
    def console(self, colour: bool = True) -> Console:
        return Console(
            file=io.StringIO(),
            force_terminal=True,
            width=60,
            height=20,
            no_color=not colour,
            color_system="standard",
            legacy_windows=False,
            _environ={},
            markup=False,
            highlight=False,
        )

    def output(self, console: Console) -> str:
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    def test_takes_the_terminal_and_leaves_the_last_view_on_it(self) -> None:
        console, now = self.console(), [0.0]
        with Panel(UNICODE, lambda: now[0], console) as screen:
            assert screen.quiet
            screen.show([EVERY[0]])
            screen.note("a remark")
            now[0] = 3.0
        text = self.output(console)
        assert text.index("\x1b[?1049h") < text.index("62.5 %") < text.index("\x1b[?1049l")
        assert text.index("\x1b[?25l") < text.rindex("\x1b[?25h")
        after = text[text.rindex("\x1b[?1049l") :]
        assert "last update 5 s ago" in after  # three seconds older than when it was read
        assert "a remark" in after

    def test_leaves_the_terminal_for_a_while(self) -> None:
        console = self.console()
        with Panel(UNICODE, console=console) as screen:
            screen.show([EVERY[0]])
            before = len(self.output(console))
            screen.leave()
            left = self.output(console)[before:]
            screen.come_back()
            back = self.output(console)[before + len(left) :]
        assert "\x1b[?1049l" in left
        assert "\x1b[?25h" in left
        assert back.index("\x1b[?1049h") < back.index("62.5 %")
        assert self.output(console).rindex("\x1b[?25h") > self.output(console).rindex("\x1b[?25l")

    def test_without_colours_no_colour_is_sent(self) -> None:
        console = self.console(colour=False)
        with Panel(UNICODE, console=console) as screen:
            screen.show(EVERY)
        assert not re.search(r"\x1b\[[0-9;]*\b(3[0-8]|9[0-7])m", self.output(console))

    def test_with_colours_there_are(self) -> None:
        console = self.console()
        with Panel(UNICODE, console=console) as screen:
            screen.show(EVERY)
        assert re.search(r"\x1b\[1;31m", self.output(console))

    def test_the_terminal_is_given_back_after_an_error(self) -> None:
        console = self.console()
        with pytest.raises(KeyboardInterrupt), Panel(UNICODE, console=console):
            raise KeyboardInterrupt
        assert self.output(console).rindex("\x1b[?25h") > self.output(console).rindex("\x1b[?25l")

    def test_uses_stdout_unless_told_otherwise(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Panel(UNICODE) as screen:
            screen.show([EVERY[5]])
        assert "phi  done" in capsys.readouterr().out
