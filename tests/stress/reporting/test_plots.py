"""The plots: the same text for the same numbers, nothing for nothing, in the colours of the page."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

from stress.record.folder_record import Finding, Sample, Shown
from stress.record.histogram import EDGES, Histogram
from stress.reporting import plots


def sample(seconds: float, writes: int, reads: int) -> Sample:
    return Sample(seconds, reads=reads, changes=0, writes=writes, refused=0, wrong=0, temps=0)


SAMPLES = [sample(tick / 4, tick * 66, tick * 25_000) for tick in range(41)]
DELAYS = Histogram.of([300_000, 400_000, 5_000_000])
STALE = Finding(
    "stale",
    1.5,
    "older after newer",
    timeline=(
        Shown("writer 1", "write", (1, 42), 1.0, 1.001, guilty=True),
        Shown("writer 2", "write", (2, 7), 1.0005, None),
        Shown("reader 1", "read", (1, 42), 1.002, 1.002, guilty=True),
        Shown("reader 1", "read", (1, 41), 1.0021, 1.0022, guilty=True),
    ),
)
DRAWN: dict[str, Callable[[], str | None]] = {
    "throughput": lambda: plots.throughput(SAMPLES),
    "latency": lambda: plots.latency(DELAYS, DELAYS),
    "staleness": lambda: plots.staleness(DELAYS),
    "errors": lambda: plots.errors({"ENOSPC": 3, "EIO": 10}),
    "sizes": lambda: plots.sizes({256: 10, 4096: 20, 1 << 20: 5}),
    "timeline": lambda: plots.timeline(STALE),
}


def texts(svg: str | None) -> list[str]:
    """Every text of a plot, in the order of the document."""
    assert svg is not None
    return [
        "".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")
    ]


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_an_svg_element_that_needs_nothing_else(name: str) -> None:
    svg = DRAWN[name]()
    assert svg is not None
    assert ElementTree.fromstring(svg).tag.endswith("}svg")
    assert re.findall(r'(?:href|src)="(?!#)[^"]*"', svg) == []
    assert re.search(r'role="img" aria-label="[^"]+"', svg)


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_numbers_give_the_same_text_without_a_date(name: str) -> None:
    assert DRAWN[name]() == DRAWN[name]()
    assert "date" not in str(DRAWN[name]())


@pytest.mark.parametrize("name", DRAWN)
def test_text_has_the_colour_of_the_page_and_there_is_no_background(name: str) -> None:
    svg = str(DRAWN[name]())
    assert "currentColor" in svg
    fixed = set(re.findall(r"#[0-9a-f]{6}\b", svg))
    assert not fixed & {"#000000", "#ffffff", "#010203"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("throughput", "seconds since the load started"),
        ("throughput", "writes a second"),
        ("throughput", "reads a second"),
        ("latency", "latency"),
        ("latency", "writes"),
        ("latency", "reads"),
        ("staleness", "from the start of a write to the first read that saw it"),
        ("errors", "how many times"),
        ("sizes", "writes of this size"),
        ("timeline", "ms, where 0 is 1.002100 s after the load started"),
    ],
)
def test_each_axis_says_what_it_shows(name: str, label: str) -> None:
    assert label in texts(DRAWN[name]())


@pytest.mark.parametrize(
    "nothing",
    [
        lambda: plots.throughput([]),
        lambda: plots.throughput(SAMPLES[:1]),
        lambda: plots.throughput([SAMPLES[3], SAMPLES[3]]),
        lambda: plots.latency(Histogram(), Histogram()),
        lambda: plots.staleness(Histogram()),
        lambda: plots.errors({}),
        lambda: plots.errors({"EIO": 0}),
        lambda: plots.sizes({}),
        lambda: plots.sizes({256: 0}),
        lambda: plots.timeline(Finding("torn", 1.0, "cut")),
    ],
)
def test_nothing_to_show_is_no_plot(nothing: Callable[[], str | None]) -> None:
    assert nothing() is None


def test_a_long_run_is_drawn_with_as_many_points_as_can_be_seen() -> None:
    long = [sample(float(tick), tick * 66, tick * 25_000) for tick in range(100_000)]
    svg = plots.throughput(long)
    assert svg is not None
    assert len(svg) < 2 * len(str(plots.throughput(long[:300])))


def test_a_latency_without_durations_is_left_out() -> None:
    labels = texts(plots.latency(DELAYS, Histogram()))
    assert "writes" in labels
    assert "reads" not in labels


def test_percentiles_are_marked_and_named() -> None:
    labels = texts(plots.staleness(Histogram.of([400_000] * 98 + [3_100_000] * 2)))
    assert {"p50", "p99"} <= set(labels)
    assert "100 documents seen: p50 371 µs, p99 3.0 ms, longest 3.0 ms" in labels


@pytest.mark.parametrize("duration", [0, int(EDGES[-1]), int(EDGES[-1]) * 100])
def test_durations_outside_the_edges_are_drawn_too(duration: int) -> None:
    assert plots.staleness(Histogram.of([duration])) is not None


def test_errors_are_ordered_by_how_often_they_came_and_the_rare_ones_are_put_together() -> None:
    names = ["EIO", "ENOSPC", "EACCES"]
    labels = texts(plots.errors({"EACCES": 1, "EIO": 1_000, "ENOSPC": 20}))
    assert [label for label in labels if label in names] == ["EIO", "ENOSPC", "EACCES"]
    assert "1,000" in labels
    labels = texts(plots.errors({f"E{number}": 100 - number for number in range(15)}))
    assert "others" in labels
    assert "E10" in labels
    assert "E11" not in labels
    assert str(89 + 88 + 87 + 86) in labels


def test_a_name_is_drawn_as_it_is_whatever_it_holds() -> None:
    labels = texts(plots.errors({"a <b> & $x^$ \ud800 名": 1}))
    assert r"a <b> & $x^$ \ud800 \u540d" in labels


def test_sizes_are_shown_in_their_units_and_many_are_grouped() -> None:
    labels = texts(plots.sizes({300: 1, 4096: 1, 1 << 20: 1}))
    assert {"300 B", "4 KiB", "1 MiB"} <= set(labels)
    labels = texts(plots.sizes(dict.fromkeys(range(129, 257), 2)))
    assert "up to 256 B" in labels
    assert "256" in labels


def test_the_contradicting_operations_are_named_in_red() -> None:
    labels = texts(plots.timeline(STALE))
    assert [label for label in labels if " s" in label and "w" in label and "load" not in label] == [
        "write w1 s42",
        "read w1 s42",
        "read w1 s41",
    ]
    assert {"writer 1", "writer 2", "reader 1"} <= set(labels)
    assert "#e5484d" in str(plots.timeline(STALE))


def test_the_contradicting_operations_are_drawn_over_the_others() -> None:
    crowd = [Shown("reader 1", "read", (1, 40), 1.0019 + n / 1e5, 1.00195 + n / 1e5) for n in range(40)]
    svg = str(plots.timeline(Finding("stale", 1.5, "", timeline=(*STALE.timeline, *crowd))))
    bars = [match[0] for match in re.finditer(r"fill: (#e5484d|#1f9e86)", svg)]
    assert bars.index("fill: #e5484d") > max(n for n, bar in enumerate(bars) if bar == "fill: #1f9e86")


def test_a_write_that_was_never_answered_fades_out() -> None:
    def opacities(finding: Finding) -> set[str]:
        return set(re.findall(r"opacity: ([0-9.]+)", str(plots.timeline(finding))))

    answered = Finding("stale", 1.5, "", timeline=tuple(one for one in STALE.timeline if one.end is not None))
    assert len(opacities(STALE)) > len(opacities(answered)) + 10


@pytest.mark.parametrize(("span", "unit"), [(5e-5, "µs"), (0.05, "ms"), (20.0, "s"), (0.0, "µs")])
def test_the_unit_of_the_timeline_fits_its_length(span: float, unit: str) -> None:
    operations = (Shown("writer 1", "write", (1, 1), 3.0, 3.0 + span),)
    labels = texts(plots.timeline(Finding("stale", 3.0, "", timeline=operations)))
    assert any(label.startswith(f"{unit}, where 0 is 3.000000 s") for label in labels)


def test_operations_of_a_process_that_overlap_are_drawn_in_lanes() -> None:
    first, second, third = (Shown("writer 1", "write", (1, n), n * 1.0, n + 1.5) for n in range(3))
    never = Shown("writer 1", "write", (1, 9), 0.5, None)
    assert plots.lanes([third, second, first]) == {"writer 1": [[first, third], [second]]}
    assert plots.lanes([first, never, third]) == {"writer 1": [[first, third], [never]]}


def test_writers_come_first_and_numbers_are_ordered_as_numbers() -> None:
    names = ["reader 2", "writer 10", "reader 1", "writer 2"]
    operations = [Shown(name, "read", (1, 1), 0.0, 1.0) for name in names]
    assert list(plots.lanes(operations)) == ["writer 2", "writer 10", "reader 1", "reader 2"]
