"""The browser's modules, run by Node: its reader agrees with pulse's own, and what the panel says is right."""

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pulse import Polled, ReadOutcome, TrainingStatus, parse, serialise
from pulse.liveness import STALLED_AFTER, STATES, History, Sample, as_json, assess, observe
from pulse.panel import app as app_module
from pulse.panel.samples import MOST_POINTS, Samples, add
from pulse.status import SIZE_LIMIT

from .conftest import NOW

STATIC = Path(app_module.__file__).parent / "static"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="Node is not installed")


def evaluate(expression: str, value: Any = None, module: str = "format.js") -> Any:
    """What an expression gives, with everything that the module exports and ``value`` at hand."""
    script = f"""
        import * as all from {json.dumps((STATIC / module).as_uri())}
        import fs from 'node:fs'
        const value = JSON.parse(fs.readFileSync(0, 'utf8'))
        const run = new Function('value', ...Object.keys(all), {json.dumps("return " + expression)})
        process.stdout.write(JSON.stringify(run(value, ...Object.values(all)) ?? null))
    """
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--input-type=module", "--eval", script], input=json.dumps(value), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


Read = dict[str, Any]


def read(at: float, status: str | None = "running", epoch: float = 1.0, age: float = 0.0, **more: Any) -> Read:
    """One read: when, by the reader's clock; what the file held; how old its timestamp was."""
    document = None
    if status is not None:
        made = TrainingStatus.create(status, epoch, 4.0, 0.5, timestamp=int(NOW + at - age))
        document = serialise(made).decode()
    return {"at": at, "wall": NOW + at, "document": document, "modified": None} | more


READS = {
    "a run that goes on": [read(0), read(30, epoch=1.5), read(80, epoch=2.0)],
    "a run that stops": [read(0), read(30, timestamp=0), read(60.0, document=read(0)["document"])],
    "just not stalled, and just so": [read(0, document=read(0)["document"]), read(60, document=read(0)["document"])],
    "dead before the first read": [read(0, age=3600.0)],
    "an old timestamp of a file that was just written": [read(0, age=3600.0, modified=NOW - 5.0)],
    "a timestamp far ahead": [read(0, age=-7200.0), read(5, document=read(0, age=-7200.0)["document"])],
    "an idle one, for long": [read(0, "idle"), read(500, document=read(0, "idle")["document"])],
    "done": [read(0), read(5, "done", 4.0), read(1000, document=read(5, "done", 4.0)["document"])],
    "failed": [read(0), read(5, "error")],
    "missing, then there, then torn": [read(0, None), read(2), read(4, document='{"stat'), read(9, document="")],
    "back again": [read(0), read(2, None), read(4, document=read(0)["document"])],
    "a wall clock that jumps": [read(0), read(2, epoch=2.0, wall=NOW + 1e6), read(50, epoch=3.0, wall=0.0)],
}


NOT_THE_READERS = ("path", "name", "outcome", "detail", "rate", "eta_seconds")


def by_python(reads: list[Read]) -> list[dict[str, Any]]:
    """What pulse.liveness says after each read."""
    history, said = History(), []
    for one in reads:
        try:
            status = None if one["document"] is None else parse(one["document"].encode())
        except ValueError:
            status = None
        history = observe(history, Sample(one["at"], status, one["wall"], one["modified"]))
        found = assess(history, one["at"])
        polled = Polled(history.status, status is not None, ReadOutcome.OK, "", **dataclasses.asdict(found))
        said.append({name: value for name, value in as_json("x", polled).items() if name not in NOT_THE_READERS})
    return said


@pytest.mark.parametrize("reads", READS.values(), ids=READS)
def test_the_browsers_reader_says_what_the_reference_says(reads: list[Read]) -> None:
    in_browser = """(() => {
        let now, wall
        const reader = new StatusReader({ clock: () => now, wall: () => wall })
        return value.map(read => {
            now = read.at
            wall = read.wall
            const { outcome, detail, ...known } = reader.accept(read.document, { modified: read.modified })
            return known
        })
    })()"""
    assert evaluate(in_browser, reads, "status-reader.js") == by_python(reads)


def test_both_have_the_same_limits() -> None:
    known = evaluate("[SIZE_LIMIT, STALLED_AFTER, STATES]", module="status-reader.js")
    assert known == [SIZE_LIMIT, STALLED_AFTER, list(STATES)]
    assert evaluate("Object.keys(STATES)") == list(reversed(STATES))
    assert f"MOST_POINTS = {MOST_POINTS}\n" in (STATIC / "format.js").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ("null", "missing"),
        ("undefined", "missing"),
        ("({ ...value })", "ok"),
        ("({ ...value, lr: 1 })", "invalid"),
        ("({ ...value, loss: NaN })", "invalid"),
        ("({ ...value, epoch: '1' })", "invalid"),
        ("({ ...value, timestamp: 1.5 })", "invalid"),
        ("[]", "invalid"),
        ("7", "invalid"),
        ("new TextEncoder().encode(JSON.stringify(value))", "ok"),
        ("new TextEncoder().encode(JSON.stringify(value)).buffer", "ok"),
        ("new Uint8Array([0xff])", "invalid"),
        ("JSON.stringify(value) + ' '.repeat(SIZE_LIMIT)", "invalid"),
    ],
)
def test_a_host_may_hand_over_text_bytes_an_object_or_nothing(given: str, outcome: str) -> None:
    status = TrainingStatus.create("running", 1.0, 4.0, 0.5, timestamp=NOW)
    assert evaluate(f"new StatusReader().accept({given}).outcome", status, "status-reader.js") == outcome


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (185, "3 min 5 s"), (7200, "2 h"), (187_200, "2 d 4 h"), (-5, "0 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert evaluate("duration(value)", seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(185, "3 min 5 s"), (599, "9 min 59 s"), (1199, "20 min"), (7805, "2 h 10 min")]
)
def test_an_estimate_has_no_more_seconds_than_it_is_worth(seconds: float, words: str) -> None:
    assert evaluate("estimate(value)", seconds) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (1.23456, "1.235"),
        (-0.000_012_34, "-1.23e-5"),
        (12_345.678, "12346"),
        (1.5e9, "1.50e9"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert evaluate("number(value)", value) == text


def test_nothing_is_at_100_percent_before_it_is() -> None:
    assert evaluate("value.map(percent)", [0, 99.96, 100]) == ["0.0 %", "99.9 %", "100.0 %"]


def test_the_summary_has_the_worst_first() -> None:
    files = [
        {"state": "running"},
        {"state": "stalled"},
        {"state": "running"},
    ]
    assert evaluate("summaryOf(countsOf(value))", files) == "1 stalled, 2 running"
    assert evaluate("worstOf(countsOf(value))", files) == "stalled"
    assert evaluate("[summaryOf(countsOf(value)), worstOf(countsOf(value))]", []) == ["no files", None]


def test_a_sparkline_fills_its_box() -> None:
    assert evaluate("sparkline(value, 100, 20)", [[0, 1], [5, 3], [10, 2]]) == "M0.0 20.0L50.0 0.0L100.0 10.0"
    assert evaluate("sparkline(value, 100, 20)", [[0, 1], [10, 1]]) == "M0.0 10.0L100.0 10.0"
    assert evaluate("sparkline(value, 100, 20)", [[0, 1]]) == ""
    assert evaluate("sparkline(value, 100, 20)", [[0, -1.7e308], [10, 1.7e308]]) == "M0.0 20.0L100.0 0.0"


RUNS = {
    "losses": [("running", 0.5), ("running", 0.25), ("running", 0.0), ("done", 0.0)],
    "none but NaN": [("running", 0.0), ("running", 0.0), ("error", 0.0)],
    "the next run in the same file": [("running", 0.5), ("done", 0.25), ("running", 0.0)],
    "and its losses": [("idle", 0.5), ("running", 0.5), ("error", 0.5), ("running", 0.75), ("running", 0.5)],
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_an_element_on_a_bare_file_has_the_curve_that_the_server_would_have(run: list[tuple[str, float]]) -> None:
    statuses = [
        TrainingStatus.create(kind, float(at), 4.0, loss, timestamp=int(NOW)) for at, (kind, loss) in enumerate(run)
    ]
    samples, before = Samples(), None
    for status in statuses:
        samples, before = add(samples, 0.0, before, status), status
    given = """(() => {
        const seen = []
        const feed = new Feed({ interval: 2, stalledAfter: 60, label: 'run', onState: state => seen.push(state) })
        for (const status of value) for (let poll = 0; poll < 2; poll++) feed.give(status)
        return seen.at(-1).files[0].samples.map(([, loss]) => loss)
    })()"""
    assert evaluate(given, statuses, "feed.js") == [loss for _, loss in samples.points]


def test_a_loss_of_0_is_none_until_there_was_another() -> None:
    known = "hasLoss({ status: value[0], loss: value[1] }, value[2])"
    shown = [["running", 0, []], ["running", 0.5, []], ["running", 0, [[1, 0.5]]], ["idle", 0.5, []]]
    assert [evaluate(known, value) for value in shown] == [False, True, True, False]
    assert evaluate("hasLoss(null, [])") is False


def test_samples_of_a_long_run_are_thinned_out() -> None:
    many = "Array.from({ length: 1000 }, (_, at) => [at, at]).reduce(withSample, [])"
    points = evaluate(many)
    assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS
    assert (points[0], points[-1]) == ([0, 0], [999, 999])
    assert evaluate("withSample([[1, 5]], [1, 7])") == [[1, 7]]
