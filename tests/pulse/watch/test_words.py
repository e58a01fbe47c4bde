"""What the watch says of a run."""

import unicodedata

import pytest

from pulse.liveness import Evidence
from pulse.reader import Polled
from pulse.watch.words import (
    ASCII,
    LONGEST_TEXT,
    LOSSES_KEPT,
    UNICODE,
    aged,
    duration,
    exit_code,
    facts,
    headline,
    line,
    message,
    not_looked_at,
    position,
    ranked,
    safe,
    sparkline,
    summary,
    updated,
)
from tests.pulse.watch.polls import UNUSABLE, broken, missing, polled, row, stalled


class TestHeadline:
    @pytest.mark.parametrize(
        ("poll", "words"),
        [
            (polled("idle"), "idle"),
            (polled("running"), "running"),
            (polled("done"), "done"),
            (polled("error"), "error"),
            (stalled(), "stalled: no change for 3 min 5 s"),
            (stalled(evidence=Evidence.TIMESTAMP), "stalled: no change for 3 min 5 s, by its timestamp"),
            (stalled(evidence=Evidence.MODIFIED), "stalled: no change for 3 min 5 s, by the file's time"),
            (missing(), "missing for 12 s"),
            (broken("done"), "invalid for 14 s, was done"),
        ],
    )
    def test_names_the_state_and_the_number_that_it_rests_on(self, poll: Polled, words: str) -> None:
        assert headline(poll) == words


class TestOrder:
    ROWS = (
        row("done", polled("done")),
        row("first", polled("running")),
        row("failed", polled("error")),
        row("idle", polled("idle")),
        row("gone", missing()),
        row("silent", stalled()),
        row("second", polled("running", 1.0)),
    )

    def test_the_worst_comes_first_and_equals_stay_in_the_order_of_the_command_line(self) -> None:
        names = [entry.name for entry in ranked(self.ROWS)]
        assert names == ["gone", "failed", "silent", "first", "second", "idle", "done"]

    def test_the_summary_counts_them(self) -> None:
        assert summary(self.ROWS) == "1 unreadable, 1 error, 1 stalled, 2 running, 1 idle, 1 done"

    @pytest.mark.parametrize(
        ("polls", "code"),
        [
            ([], 0),
            ([polled("running"), polled("idle"), polled("done")], 0),
            ([polled("running"), stalled()], 3),
            ([polled("error"), stalled(), polled("done")], 4),
            ([missing(), polled("error"), stalled()], 5),
            ([broken("done")], 5),
        ],
    )
    def test_the_exit_code_is_that_of_the_worst(self, polls: list[Polled], code: int) -> None:
        assert exit_code(row(str(number), poll) for number, poll in enumerate(polls)) == code


class TestRows:
    def test_losses_are_collected_when_the_document_changes(self) -> None:
        entry = updated(None, "a.json", "a", polled("running", 1.0, loss=3.0))
        entry = updated(entry, "a.json", "a", polled("running", 1.0, loss=3.0))
        entry = updated(entry, "a.json", "a", broken("running", 1.0, loss=3.0))
        entry = updated(entry, "a.json", "a", polled("running", 2.0, loss=2.0))
        assert entry.losses == (3.0, 2.0)

    def test_a_file_that_appears_and_vanishes(self) -> None:
        entry = updated(None, "a.json", "a", missing())
        entry = updated(entry, "a.json", "a", polled("running", 1.0, loss=3.0))
        assert entry.losses == (3.0,)
        assert updated(entry, "a.json", "a", missing()).polled == missing()

    @pytest.mark.parametrize(
        "poll",
        [
            polled("idle", 2.0, loss=0.5),
            polled("running", 0.0, loss=0.0),
            polled("running", 1.0, loss=0.0, message="loss is nan"),
            polled("done", 3.0, loss=0.0),
        ],
    )
    def test_a_loss_of_0_stands_for_none(self, poll: Polled) -> None:
        entry = updated(None, "a.json", "a", poll)
        assert entry.losses == ()
        assert not any("loss" in fact for fact in facts(entry, UNICODE))

    def test_after_another_loss_it_is_one(self) -> None:
        entry = updated(None, "a.json", "a", polled("running", 0.0, loss=0.5))
        assert updated(entry, "a.json", "a", polled("running", 1.0, loss=0.0)).losses == (0.5, 0.0)

    def test_a_run_that_goes_back_starts_a_new_curve(self) -> None:
        entry = updated(None, "a.json", "a", polled("running", 5.0, loss=3.0))
        assert updated(entry, "a.json", "a", polled("running", 2.0, loss=2.0)).losses == (2.0,)

    def test_the_curve_has_a_limit(self) -> None:
        entry = updated(None, "a.json", "a", polled("running", 1.0, loss=0.0))
        for number in range(2 * LOSSES_KEPT):
            entry = updated(entry, "a.json", "a", polled("running", 2.0 + number, loss=float(number)))
        assert len(entry.losses) == LOSSES_KEPT
        assert entry.losses[-1] == 2 * LOSSES_KEPT - 1

    def test_ages_go_on_between_two_polls(self) -> None:
        later = aged(polled("running", eta_seconds=5.0, unreadable_seconds=1.0), 3.0)
        assert (later.unchanged_seconds, later.unreadable_seconds, later.eta_seconds) == (5.0, 4.0, 2.0)
        assert aged(later, 30.0).eta_seconds == 0.0
        assert aged(missing(), 3.0).unchanged_seconds is None
        assert aged(polled(), 3.0).unreadable_seconds is None


class TestAFileThatIsNotLookedAt:
    def test_is_unreadable_since_the_last_look_whatever_it_held(self) -> None:
        poll = not_looked_at(polled("running", 1.0, 4.0, rate=1.0, eta_seconds=3.0), 9.0)
        assert headline(poll) == "unreadable for 9 s, was running"
        assert message(poll) == "not looked at for 9 s: its disk does not answer"
        assert (poll.unchanged_seconds, poll.progress, poll.rate, poll.eta_seconds) == (11.0, 25.0, None, None)
        assert not poll.fresh

    def test_that_was_unreadable_before_is_so_since_then(self) -> None:
        assert not_looked_at(broken(), 9.0).unreadable_seconds == 23.0

    def test_and_never_was_has_no_status(self) -> None:
        poll = not_looked_at(None, 3.0)
        assert headline(poll) == "unreadable for 3 s"
        assert (poll.status, poll.unchanged_seconds, poll.evidence, poll.progress) == (None, None, None, 0.0)


class TestFacts:
    def test_everything_that_is_known(self) -> None:
        poll = polled("running", 1.0, 3.0, loss=0.34251, rate=0.002, eta_seconds=750.0)
        known = facts(row("a", poll, (2.0, 1.0, 0.3)), UNICODE)
        assert known == ["loss 0.3425 █▄▁", "7.2 epochs/h", "ETA 12 min 30 s", "last update 2 s ago"]

    def test_minus_zero_is_zero(self) -> None:
        poll = polled("running", -0.0, 3.0, loss=-0.0)
        assert [*position(poll), facts(row("a", poll, (0.5, -0.0)), ASCII)[0]] == ["  0.0 %", "epoch 0/3", "loss 0 #_"]

    def test_what_is_unknown_is_left_out(self) -> None:
        assert facts(row("a", polled("idle")), UNICODE) == ["last update 2 s ago"]
        assert facts(row("a", polled("running", 1.0, loss=0.5), (0.5,)), UNICODE)[0] == "loss 0.5"
        assert facts(row("a", missing()), UNICODE) == []

    @pytest.mark.parametrize(
        ("rate", "text"),
        [
            (2.5, "2.5 epochs/s"),
            (0.5, "30 epochs/min"),
            (1 / 60, "1 epoch/min"),
            (0.002, "7.2 epochs/h"),
            (1e-4, "8.64 epochs/day"),
            (1e-7, "0.00864 epochs/day"),
        ],
    )
    def test_the_rate_has_the_unit_that_suits_it(self, rate: float, text: str) -> None:
        assert facts(row("a", polled("running", rate=rate)), UNICODE)[0] == text

    @pytest.mark.parametrize(
        ("epoch", "total", "texts"),
        [
            (2.5, 4.0, [" 62.5 %", "epoch 2.5/4"]),
            (2.0, 3.0, [" 66.7 %", "epoch 2/3"]),
            (2.9999, 3.0, [" 99.9 %", "epoch 2.99/3"]),  # 100 % is what is complete
            (3.0, 3.0, ["100.0 %", "epoch 3/3"]),
            (0.0, 3.0, ["  0.0 %", "epoch 0/3"]),
            (12.25, 0.0, ["epoch 12.25"]),
            (0.0, 0.0, []),
            (1e300, 0.0, ["epoch 1e+300"]),
        ],
    )
    def test_position(self, epoch: float, total: float, texts: list[str]) -> None:
        assert position(polled("running", epoch, total)) == texts

    def test_without_a_status_there_is_no_position(self) -> None:
        assert position(missing()) == []

    def test_the_message_is_the_reason_while_a_file_is_unreadable(self) -> None:
        assert message(polled("running", message="step 1")) == "step 1"
        assert message(broken("running", message="step 1")) == UNUSABLE
        assert message(polled(None)) == ""

    def test_a_line_has_it_all(self) -> None:
        poll = polled("running", 2.5, 4.0, loss=0.342, message="step 150/800")
        text = line(row("a", poll, (0.342,)), ASCII, 4)
        assert text == "> a     running  62.5 %  epoch 2.5/4  loss 0.342  last update 2 s ago  step 150/800"


class TestDuration:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (-5.0, "0 s"),
            (0.9, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (185.0, "3 min 5 s"),
            (3600.0, "1 h"),
            (7805.0, "2 h 10 min"),
            (86400.0 * 3 + 3600 * 4 + 59, "3 d 4 h"),
        ],
    )
    def test_two_units_at_most(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text


class TestSafe:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("epoch 2/3", "epoch 2/3"),
            ("шаг 日本", "шаг 日本"),
            ("two\nlines\tand\r\nmore ", "two lines and more"),
            ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
            ("\x9b31m", r"\x9b31m"),
            ("a\u202eb\u2066c\u200fd", r"a\u202eb\u2066c\u200fd"),
            ("a\u200bb\ufeffc\U000e0041", r"a\u200bb\ufeffc\U000e0041"),
            ("a\udce9", r"a\udce9"),
            ("\0", r"\x00"),
            ("[red]no markup[/red]", "[red]no markup[/red]"),
        ],
    )
    def test_what_could_harm_a_terminal_becomes_visible(self, text: str, shown: str) -> None:
        assert safe(text, UNICODE) == shown

    def test_of_all_characters_none_is_left_that_controls_anything(self) -> None:
        planes = (0, 1, 2, 3, 14)  # the others have no characters, or private ones
        for start in (plane * 0x10000 + block * 256 for plane in planes for block in range(256)):
            text = safe("".join(map(chr, range(start, start + 256))), UNICODE).replace(" ", "")
            assert {unicodedata.category(character)[0] for character in text} <= set("LMNPS")

    def test_ascii_is_ascii(self) -> None:
        assert safe("шаг\x1b", ASCII) == r"\u0448\u0430\u0433\x1b"

    def test_a_megabyte_is_cut_before_it_costs_anything(self) -> None:
        assert safe("x" * 1_000_000, UNICODE) == "x" * LONGEST_TEXT + "…"


class TestSparkline:
    @pytest.mark.parametrize(
        ("values", "curve"),
        [
            ([], ""),
            ([1.0], ""),
            ([1.0, 1.0], "▁▁"),
            ([0.0, 7.0, 3.5], "▁█▅"),
            ([-1.7e308, 1.7e308, 0.0], "▁█▅"),
            ([0.0, 5e-324], "▁█"),
        ],
    )
    def test_runs_from_the_lowest_to_the_highest(self, values: list[float], curve: str) -> None:
        assert sparkline(values, UNICODE) == curve

    def test_has_ascii(self) -> None:
        assert sparkline([0.0, 7.0], ASCII) == "_#"
