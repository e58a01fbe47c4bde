"""The live view: what a line and the panel say, and when there is a line."""

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.console import Console

from stress.record.folder_record import Sample
from stress.record.histogram import Histogram
from stress.record.violations import VIOLATION_KINDS
from stress.reporting.live import View, due, panel, phase_line, plain_line, rates, share_done, showing, time_left


def sample(seconds: float = 0.0, writes: int = 0, reads: int = 0, temps: int = 0, changes: int = 0) -> Sample:
    return Sample(seconds, reads=reads, changes=changes, writes=writes, refused=0, wrong=0, temps=temps)


VIEW = View(
    folder="/mnt/disk",
    file_system="ext4",
    phase="load",
    now=sample(12.0, writes=3_182, reads=1_203_221, temps=1, changes=5_822),
    before=sample(10.0, writes=2_652, reads=1_007_221),
    distinct=2_911,
    acknowledged=3_180,
    counts={},
    staleness=Histogram.of([400_000] * 98 + [3_100_000] * 2),
    seconds_left=48.0,
    goal_share=None,
    kills=0,
)
EMPTY = replace(
    VIEW, phase="positive control", now=sample(), before=None, distinct=0, acknowledged=0, staleness=Histogram()
)


def at(seconds: float, **changes: str) -> View:
    return replace(VIEW, now=replace(VIEW.now, seconds=seconds), **changes)  # type: ignore[arg-type]  # only texts


def rendered(view: View, width: int = 80) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(panel(view))
    return stream.getvalue().splitlines()


def styled(view: View) -> str:
    stream = io.StringIO()
    Console(file=stream, width=80, force_terminal=True, color_system="standard", no_color=False).print(panel(view))
    return stream.getvalue()


def lines_of(views: Sequence[View], every: float = 5.0) -> list[str]:
    stream = io.StringIO()
    with showing(Console(file=stream, width=40), every=every) as show:
        for view in views:
            show(view)
    return stream.getvalue().splitlines()


# The line


def test_a_line_says_what_was_done_what_was_wrong_and_how_long_to_go() -> None:
    assert plain_line(VIEW) == (
        "ext4 12.0 s: 3,182 writes (265/s), 1,203,221 reads (98,000/s), 2,911 distinct; "
        "0 torn, 0 mixed, 0 missing, 0 stale, 0 future; temps 1; staleness p50 371 µs p99 3.0 ms; 48 s left"
    )


@pytest.mark.parametrize("kind", VIOLATION_KINDS)
def test_a_line_shows_each_kind_of_violation_that_was_seen(kind: str) -> None:
    assert f"1,234 {kind}" in plain_line(replace(VIEW, counts={kind: 1_234}))


def test_a_line_shows_the_kills_the_goal_and_a_phase_other_than_the_load_where_there_are_some() -> None:
    assert "kills" not in plain_line(VIEW)
    line = plain_line(replace(VIEW, kills=10_000, goal_share=0.2999, phase="closing", seconds_left=None))
    assert line.startswith("ext4 12.0 s (closing): ")
    assert line.endswith("; kills 10,000; 29.9 % of the goal")


def test_before_anything_happened_there_is_no_rate_and_no_staleness() -> None:
    line = plain_line(EMPTY)
    assert "0 writes, 0 reads" in line
    assert "p50 · p99 ·" in line


def test_a_violation_that_is_noticed_before_the_history_is_judged_is_shown_at_once() -> None:
    noticed = replace(VIEW, now=replace(VIEW.now, wrong=5), counts={"torn": 2})
    assert "2 torn, 0 mixed, 0 missing, 0 stale, 0 future, 3 not yet named;" in plain_line(noticed)
    assert any("writes  3 not yet named" in line for line in rendered(noticed))
    judged = replace(noticed, counts={"torn": 2, "stale": 3})
    assert "not yet named" not in plain_line(judged) + "".join(rendered(judged))


# Rates and shares


def test_rates_are_those_since_the_sample_before() -> None:
    assert rates(VIEW) == (265.0, 98_000.0)


def test_without_a_sample_before_rates_are_those_of_the_whole_load() -> None:
    assert rates(replace(VIEW, before=None)) == (3_182 / 12, 1_203_221 / 12)


def test_no_time_gives_no_rate() -> None:
    assert rates(replace(VIEW, before=VIEW.now)) is None


@pytest.mark.parametrize(
    ("goal_share", "seconds_left", "share"),
    [
        (0.3, 48.0, 0.3),
        (1.7, None, 1.0),
        (-0.1, None, 0.0),
        (None, 48.0, 0.2),
        (None, 0.0, 1.0),
        (None, -3.0, 1.0),
        (None, None, None),
    ],
)
def test_what_is_done_is_a_share_of_the_goal_or_else_of_the_time(
    goal_share: float | None, seconds_left: float | None, share: float | None
) -> None:
    assert share_done(replace(VIEW, goal_share=goal_share, seconds_left=seconds_left)) == share


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-1.0, "0 s left"),
        (48.4, "48 s left"),
        (59.7, "1 min 00 s left"),
        (725.0, "12 min 05 s left"),
        (11_220.0, "3 h 07 min left"),
    ],
)
def test_the_time_left_is_shown_in_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert time_left(replace(VIEW, seconds_left=seconds)) == text


def test_a_hundred_per_cent_is_shown_when_it_is_reached_and_not_before() -> None:
    assert "99.9 %" in plain_line(replace(VIEW, goal_share=0.99999))
    assert "100.0 %" in plain_line(replace(VIEW, goal_share=1.0))


# When there is a line


@pytest.mark.parametrize(
    ("printed", "view", "expected"),
    [
        (None, at(0.0), True),
        (at(1.0), at(5.9), False),
        (at(1.0), at(6.0), True),
        (at(1.0), at(1.0, phase="closing"), True),
        (at(60.0), at(0.0, folder="/mnt/other"), True),
    ],
)
def test_a_line_is_due_for_a_new_phase_and_after_the_given_time_of_the_run(
    printed: View | None, view: View, expected: bool
) -> None:
    assert due(printed, view, every=5.0) is expected


def test_without_a_terminal_each_phase_is_a_line_and_the_numbers_follow_now_and_then() -> None:
    views = [EMPTY, EMPTY, *(at(tick / 4) for tick in range(45)), at(11.5, phase="closing")]
    assert lines_of(views) == [
        "ext4 /mnt/disk: positive control",
        "ext4 /mnt/disk: load",
        plain_line(replace(at(5.0), before=at(0.0).now)),
        plain_line(replace(at(10.0), before=at(5.0).now)),
        "ext4 /mnt/disk: closing",
    ]


def test_each_folder_begins_with_a_line_that_names_it() -> None:
    lines = lines_of([at(1.0), at(1.0, folder="[red]odd[/]", file_system="xfs")])
    assert lines == ["ext4 /mnt/disk: load", "xfs [red]odd[/]: load"]
    assert phase_line(VIEW) == lines[0]


def test_the_rates_of_a_line_are_those_since_the_line_before() -> None:
    speeds = [0, 0, 100, 100, 500]
    views = [
        replace(at(float(second)), now=sample(float(second), writes=sum(speeds[: second + 1]))) for second in range(5)
    ]
    first, *lines = lines_of(views, every=2.0)
    assert [line.partition("writes ")[2].partition(",")[0] for line in lines] == ["(50/s)", "(300/s)"]
    assert "load" in first


# The panel


def test_the_panel_has_the_same_size_and_places_whatever_it_shows() -> None:
    large = replace(
        VIEW,
        folder="/a/very/long/folder/" * 5,
        now=sample(1e6, writes=10**9, reads=10**12, temps=9_999, changes=10**10),
        counts=dict.fromkeys(VIOLATION_KINDS, 1_234_567),
        goal_share=0.5,
        seconds_left=86_000.0,
        kills=10_000,
    )
    pictures = [rendered(view) for view in (VIEW, EMPTY, large, replace(VIEW, seconds_left=None))]
    assert {len(picture) for picture in pictures} == {len(pictures[0])}
    assert {len(line) for picture in pictures for line in picture} == {80}
    assert not any("…" in line for line in pictures[2][1:])


def test_the_panel_shows_totals_rates_violations_and_the_time_left() -> None:
    text = "\n".join(rendered(replace(VIEW, counts={"torn": 7}, kills=12)))
    title, *_ = text.splitlines()
    assert "ext4 /mnt/disk · load 12.0 s" in title
    words = " ".join(text.replace("│", " ").split())
    for expected in (
        "writes 3,182 265/s acknowledged 3,180",
        "reads 1,203,221 98,000/s distinct seen 2,911",
        "changes seen 5,822 staleness p50 371 µs",
        "temps now 1 staleness p99 3.0 ms",
        "kills 12",
        "violations in 1,203,221 reads and 3,182 writes",
        "7 torn 0 mixed 0 missing",
        "20.0 % 48 s left",
    ):
        assert expected in words
    assert all(f" {kind} " in words for kind in VIOLATION_KINDS)


def test_a_run_without_an_end_says_how_to_end_it() -> None:
    assert any("Ctrl-C" in line for line in rendered(replace(VIEW, seconds_left=None)))
    assert not any("Ctrl-C" in line for line in rendered(VIEW))


def test_no_violation_is_green_only_when_something_was_read_and_a_violation_is_red() -> None:
    green, red = "\x1b[32m", "\x1b[1;31m"
    assert styled(VIEW).count(green) == len(VIOLATION_KINDS) - len(["misread", "blocked"])
    assert green not in styled(EMPTY)
    assert red not in styled(VIEW)
    assert f"{red}torn" in styled(replace(VIEW, counts={"torn": 1}))


def test_without_readers_only_what_needs_none_is_green() -> None:
    written = styled(replace(EMPTY, now=sample(1.0, writes=5)))
    assert written.count("\x1b[32m") == 3


def test_the_folder_is_shown_as_it_is_written() -> None:
    assert "[red]odd[/]" in rendered(replace(VIEW, folder="[red]odd[/]"))[0]


def test_on_a_terminal_the_panel_is_shown_and_taken_away_again() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, _environ={"TERM": "xterm"})
    with showing(console) as show:
        show(VIEW)
        shown = stream.getvalue()
    assert "1,203,221" in shown
    erased_line, shown_cursor = "\x1b[2K", "\x1b[?25h"
    rest = stream.getvalue().removeprefix(shown)
    assert rest.count(erased_line) >= len(rendered(VIEW))
    assert shown_cursor in rest


def test_the_rates_of_the_panel_are_means_of_the_last_views_of_the_phase() -> None:
    stream = io.StringIO()
    with showing(Console(file=stream, width=80, force_terminal=True, _environ={"TERM": "xterm"})) as show:
        show(replace(EMPTY, now=sample(0.0)))
        samples = [sample(quarter / 4, writes=writes) for quarter, writes in enumerate([0, 0, 0, 300, 300])]
        for before, now in pairwise(samples):
            show(replace(VIEW, now=now, before=before))
    assert "600/s" in stream.getvalue()
    assert "1,200/s" not in stream.getvalue()
