"""The page of a run: self-contained, safe against what it shows, and claiming no more than was seen."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from conformance.contract.clauses import load_clauses
from conformance.reporting.results import Header, Result
from conformance.reporting.verdict import decide
from stress.record.folder_record import Control, Finding, FolderRecord, Overlap, Sample, Shown, Totals
from stress.record.histogram import Histogram
from stress.record.scenario import Goal, Scenario
from stress.record.violations import VIOLATION_KINDS, ViolationKind
from stress.reporting import plots
from stress.reporting.html import describe_bound, describe_control, describe_scenario, out_of, render, write_report
from tests.stress.samples import a_record

HEADER = Header(
    kit="1.0",
    implementation={
        "name": "demo writer",
        "version": "3.2",
        "language": "go",
        "profile": "pulse",
        "roles": ["writer", "reader"],
        "mode": "serve",
    },
    platform={"system": "linux", "release": "6.1", "machine": "x86_64"},
    file_system="ext4",
    python="3.13.0",
    seed=7,
    selection={},
)
CLEAN = a_record(
    folder="/mnt/disk",
    scenario=Scenario(seconds=60.0, seed=7),
    seconds=60.02,
    totals=Totals(
        reads=3_000_000,
        changes=14_000,
        distinct=2_911,
        writes=3_182,
        acknowledged=3_180,
        rounds=30,
        most_temps=2,
        looks=239,
    ),
    overlap=Overlap(writers=912, readers=1_302),
    control=Control(37, 412, 0.021),
    samples=tuple(
        Sample(tick / 4, reads=tick * 100, changes=tick, writes=tick, refused=0, wrong=0, temps=1) for tick in range(9)
    ),
    write_latency=Histogram.of([3_000_000, 5_000_000]),
    read_latency=Histogram.of([9_000, 10_000]),
    staleness=Histogram.of([400_000]),
    sizes={256: 1_600, 4096: 1_582},
)
STALE = Finding(
    "stale",
    12.345,
    "reader 1 read w1 s41 after w1 s42",
    {"second read": "w1 s41 at 12.345 s", "events": ["first event", "second event"], "empty evidence": ""},
    (
        Shown("writer 1", "write", (1, 42), 12.341, 12.342, guilty=True),
        Shown("reader 1", "read", (1, 41), 12.344, 12.345, guilty=True),
    ),
)
TORN = Finding("torn", 20.5, "<script>alert(1)</script> & half a document")
BROKEN = replace(
    CLEAN,
    folder="/mnt/fuse",
    file_system="fuse.sshfs",
    scenario=Scenario(writers=3, seconds=None, goal=Goal(10**9, "reads"), chaos=("kill",), seed=99),
    complete=False,
    counts={"stale": 112, "torn": 1},
    findings=(TORN, STALE),
    doubts=("too few overlaps",),
    control=Control(0, 3_000, None),
    totals=replace(
        CLEAN.totals, kills=40, restarts=39, orphans_before=17, orphans_after=2, left=5, pauses=1, faults=3, faulted=2
    ),
    errors={"ENOSPC": 3},
    actions=("0.25 s: kill writer 1",),
)
PASSED = [Result("CON-01", "ext4:2x2", "pass")]
FAILED = Result(
    "CON-03",
    "fuse.sshfs:3x2",
    "fail",
    "a stale read",
    {"examples": ["w1 s41 after w1 s42"]},
    repro="pulse stress --dir /mnt/fuse --seed 99",
)


@pytest.fixture(scope="module", autouse=True)
def _drawn_once() -> Iterator[None]:
    """The same figures make the same plot: most pages here show the same, and drawing takes longer than the rest."""
    drawn: dict[str, str | None] = {}

    def kept(draw: Callable[..., str | None]) -> Callable[..., str | None]:
        def once(*figures: object) -> str | None:
            key = f"{draw.__name__}{figures!r}"
            if key not in drawn:
                drawn[key] = draw(*figures)
            return drawn[key]

        return once

    with pytest.MonkeyPatch.context() as patch:
        for name in ("throughput", "latency", "staleness", "errors", "sizes", "timeline"):
            patch.setattr(plots, name, kept(getattr(plots, name)))
        yield


def page(records: Sequence[FolderRecord], results: Sequence[Result] = PASSED, *, finished: bool = True) -> str:
    verdict = decide(results, load_clauses(), (), "linux", strict=False, complete=False) if finished else None
    return render(HEADER, results, verdict, records)


class Text(HTMLParser):
    """Gathers what a reader of the page sees, and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.silent = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.silent = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self.silent = False

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words += data.split()

    def __str__(self) -> str:
        return " ".join(self.words)


def text_of(records: Sequence[FolderRecord], results: Sequence[Result] = PASSED, *, finished: bool = True) -> str:
    return str(Text(page(records, results, finished=finished)))


# The page as a whole


def test_the_page_lies_beside_the_results_and_needs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_bytes(b"")
    write_report(tmp_path, HEADER, PASSED, None, [replace(CLEAN, folder="/mnt/\ud800"), BROKEN])
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" in html, "the hash of results.jsonl"
    assert html == html.encode("ascii", "xmlcharrefreplace").decode("ascii") or "\ud800" not in html
    assert re.findall(r'(?:href|src)="(?!#|https://github.com/[\w./-]+/issues/\d+")[^"]*"', html) == []
    assert "@import" not in html
    assert Text(html).tags.count("script") == 1, "the filter"
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    for part in (
        "## The load",
        "### ext4 in /mnt/\\\\ud800, 60.0 s",
        "| torn | ",
        "| positive control | ",
    ):
        assert part in markdown


def test_the_verdict_comes_first_and_then_why() -> None:
    text = text_of([CLEAN, BROKEN], [*PASSED, FAILED])
    order = ["not conformant", "a stale read", "The load", "Results"]
    contents = text.index("Environment and inputs")
    places = [text.index(words, 0 if number < 2 else contents) for number, words in enumerate(order)]
    assert places == sorted(places)
    assert "CON-03 the history of writes and reads is linearizable" in text
    assert "repeat pulse stress --dir /mnt/fuse --seed 99" in text
    assert "examples w1 s41 after w1 s42" in text


def test_a_reason_that_no_case_gives_is_shown() -> None:
    unsure = Result("CON-01", "ext4:2x2", "unmeasured", "too few overlaps of writers", inconclusive=True)
    text = text_of([CLEAN], [unsure])
    assert "inconclusive, measured 0 of 1 clauses CON-01 [ext4:2x2]: inconclusive: too few overlaps of writers" in text


def test_a_run_without_a_verdict_is_called_incomplete() -> None:
    text = text_of([], [], finished=False)
    assert "the run did not finish: incomplete" in text
    assert "conformant" not in text


@pytest.mark.parametrize("records", [[CLEAN], [CLEAN, BROKEN]])
def test_nothing_is_said_to_be_proved(records: list[FolderRecord]) -> None:
    text = text_of(records).lower()
    assert "prove" not in text
    assert "proof" not in text
    assert "cannot show that a violation never happens" in text


def test_what_an_implementation_wrote_is_text_and_not_markup() -> None:
    parsed = Text(page([BROKEN]))
    assert "<script>alert(1)</script> & half a document" in str(parsed)
    assert parsed.tags.count("script") == 1, "the filter"
    assert page([BROKEN]).count("<script") == 1


# A folder


def test_each_violation_is_shown_with_how_many_there_could_have_been() -> None:
    text = text_of([CLEAN])
    for kind in VIOLATION_KINDS:
        assert f"{kind} 0 {out_of(kind, CLEAN)}" in text
    assert "torn 1 of 3,000,000 reads" in text_of([BROKEN])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("torn", "of 3,000,000 reads"),
        ("misread", "where a reader is under test"),
        ("refused", "of 3,182 writes"),
        ("leak", "in 239 looks at the folder"),
        ("ended", "in 60.0 s"),
    ],
)
def test_a_violation_is_looked_for_where_it_can_be(kind: ViolationKind, expected: str) -> None:
    assert out_of(kind, CLEAN) == expected


def test_one_is_shown_in_the_singular() -> None:
    assert out_of("torn", replace(CLEAN, totals=Totals(reads=1))) == "of 1 read"


def test_no_violation_is_green_only_where_it_would_have_been_seen() -> None:
    green = '<span class="pass">0</span>'
    assert page([CLEAN]).count(green) == len(VIOLATION_KINDS) - len(["misread", "blocked"])
    on_windows = replace(CLEAN, scenario=Scenario(sharing="delete", read_pause=0.002))
    assert page([on_windows]).count(green) == len(VIOLATION_KINDS) - len(["misread"])
    for doubtful in (replace(CLEAN, doubts=("too few reads",)), replace(CLEAN, totals=Totals())):
        assert green not in page([doubtful])


def test_without_readers_nothing_is_said_of_what_only_they_could_see() -> None:
    alone = replace(
        CLEAN, scenario=Scenario(readers=0), totals=replace(CLEAN.totals, reads=0), control=Control(0, 0, None)
    )
    assert page([alone]).count('<span class="pass">0</span>') == len(["refused", "ended", "leak"])
    text = text_of([alone])
    assert "positive control not run: there are no readers" in text
    assert "control was caught" not in text
    assert "bound none: nothing was read" in text


def test_doubts_are_shown_before_what_was_seen() -> None:
    text = text_of([replace(CLEAN, doubts=("too few overlaps",))])
    assert text.index("too few overlaps") < text.index("Results")
    assert "The absence of violations means nothing here" in text


def test_the_page_shows_the_work_the_overlap_the_temps_and_the_chaos() -> None:
    text = text_of([BROKEN])
    for words in (
        "3,182: 3,180 acknowledged",
        "2,911 distinct documents seen",
        "912 writes at the same time as another writer's write of the same target, 1,302 at the same time as a change",
        "at most 2 beside the targets, in 239 looks under load; 5 left at the very end",
        "40; the first write after one succeeded 39 times",
        "17 temps left by killed writers, 2 still there after the next write",
        "1 pause; 3 faults, because of which 2 writes failed",
        "0.25 s: kill writer 1",
        "seed 99 repeats the schedule",
        "incomplete: the run was ended early",
    ):
        assert words in text


def test_chaos_that_was_not_asked_for_is_not_mentioned() -> None:
    text = text_of([CLEAN])
    for word in ("orphans", "kills", "pauses", "repeats the schedule", "ended early"):
        assert word not in text


def test_findings_are_reported_with_their_evidence_and_how_many_more_there_were() -> None:
    text = text_of([BROKEN])
    assert "stale 112 of 3,000,000 reads, the first: 12.345 s: reader 1 read w1 s41 after w1 s42" in text
    assert "second read w1 s41 at 12.345 s events first event second event" in text
    assert "empty evidence" not in text


def test_evidence_is_shown_in_part_when_it_is_very_long() -> None:
    long = {"bytes": "a" * 2_100, "lines": ["b" * 3_000]}
    text = text_of([replace(BROKEN, findings=(replace(TORN, evidence=long),))])
    assert "a" * 2_000 + "… (2,100 characters)" in text
    assert "b" * 2_000 + "… (3,000 characters)" in text


def test_the_first_violation_that_has_a_timeline_is_drawn_once() -> None:
    html = page([BROKEN])
    assert html.count('aria-label="operations around the violation"') == 1
    assert "Around the first violation" in html
    assert "with a timeline" not in html
    assert "with a timeline" in page([replace(BROKEN, findings=(replace(TORN, seconds=1.0), STALE))])


def test_every_kind_of_violation_with_a_timeline_gets_one_plot() -> None:
    future = replace(STALE, kind="future", seconds=13.0)
    html = page([replace(BROKEN, findings=(STALE, replace(STALE, seconds=12.5), future, future))])
    assert html.count('aria-label="operations around the violation"') == 2


def test_a_record_of_nothing_makes_a_page_without_plots() -> None:
    nothing = Histogram()
    empty = replace(
        CLEAN, totals=Totals(), samples=(), write_latency=nothing, read_latency=nothing, staleness=nothing, sizes={}
    )
    assert "svg" not in Text(page([empty])).tags
    assert Text(page([CLEAN])).tags.count("svg") == 4


def test_several_folders_are_compared_in_one_table_and_linked() -> None:
    html = page([CLEAN, BROKEN])
    assert set(re.findall(r'href="#(folder-\d)"', html)) == set(re.findall(r'id="(folder-\d)"', html)) != set()
    assert "/mnt/disk ext4 60.0 3,182 3,000,000 0 caught none" in str(Text(html))
    assert "<th>folder</th>" not in page([CLEAN])


# Words


def test_a_scenario_is_described_with_all_that_bounds_it() -> None:
    words = dict(describe_scenario(BROKEN.scenario))
    assert words["processes"] == "3 writers and 2 readers"
    assert words["until"] == "1,000,000,000 reads"
    assert words["chaos"] == "kill; 4 actions a second"
    assert words["seed"] == "99"
    assert dict(describe_scenario(Scenario(first_writer=4)))["processes"].endswith("numbered from 4")
    full = dict(describe_scenario(replace(BROKEN.scenario, seconds=5.0, stop_at_first=True, rate=0.5, read_pause=0.1)))
    assert full["until"] == "5 s or 1,000,000,000 reads or the first violation"
    assert full["speed"].startswith("0.5 writes a second by each writer, 0.1 s between two reads by each reader")
    assert dict(describe_scenario(Scenario(seconds=None)))["until"] == "it is interrupted"
    assert dict(describe_scenario(Scenario(sharing="plain")))["sharing"].endswith("as Python's own open() does")


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (Control(37, 412, 0.021), "caught 37 torn or missing documents in 412 reads, the first after 21 ms"),
        (Control(1, 1, None), "caught 1 torn or missing document in 1 read, of a writer"),
        (Control(0, 3_000, None), "not caught in 3,000 reads"),
        (Control(0, 0, None), "was not read at all"),
    ],
)
def test_the_positive_control_is_described_in_a_sentence(control: Control, expected: str) -> None:
    assert describe_control(replace(CLEAN, control=control)).startswith(expected)


@pytest.mark.parametrize(
    ("reads", "counts", "expected"),
    [
        (3_000_000, {}, "with 95 % confidence fewer than 1 in 1,000,000 reads is torn or missing (3/N)"),
        (3_000_000, {"stale": 1}, "with 95 % confidence"),
        (3_000_000, {"torn": 1, "missing": 2, "mixed": 3}, "none: 6 reads of 3,000,000"),
        (5, {}, "none: there were too few reads"),
        (6, {}, "with 95 % confidence fewer than 1 in 2 reads"),
        (3, {}, "none: there were too few reads"),
        (0, {}, "none: nothing was read"),
    ],
)
def test_the_bound_is_shown_only_when_nothing_torn_was_seen(reads: int, counts: dict[str, int], expected: str) -> None:
    record = replace(CLEAN, totals=replace(CLEAN.totals, reads=reads), counts=counts)
    assert describe_bound(record).startswith(expected)
