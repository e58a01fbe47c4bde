"""A record survives the way to a line of JSON and back."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from stress.record.folder_record import Control, Finding, FolderRecord, Overlap, Sample, Shown, Totals
from stress.record.histogram import Histogram
from stress.record.json_codec import from_json, to_json
from stress.record.scenario import Goal, Scenario
from tests.stress.samples import a_record

SMALL = a_record(
    folder="/mnt/disk",
    seconds=1.0,
    control=Control(0, 0, None),
)
LARGE = replace(
    SMALL,
    folder="/mnt/имя \ud800",
    scenario=Scenario(sizes=(256, 4096), goal=Goal(10**9, "reads"), seconds=None, chaos=("kill", "pause"), rate=0.1),
    complete=False,
    totals=Totals(reads=10**12, writes=3, orphans_before=2),
    overlap=Overlap(5, 6),
    control=Control(37, 412, 0.021),
    counts={"stale": 2},
    findings=(
        Finding(
            "stale",
            0.1 + 0.2,
            "older after newer",
            {"listing": ["a", "b"], "count": 1, "nothing": None, "deep": {"flag": True}},
            (Shown("writer 1", "write", (1, 2), 0.1, None, True), Shown("reader 1", "read", (1, 1), 0.1, 0.2)),
        ),
    ),
    doubts=("too few reads",),
    samples=(Sample(0.25, 1, 2, 3, 4, 5, 6), Sample(0.5, 2, 3, 4, 5, 6, 7)),
    write_latency=Histogram.of([0, 5_000, 10**15]),
    read_latency=Histogram.of([9_000] * 5),
    staleness=Histogram.of([400_000]),
    errors={"ENOSPC": 3},
    sizes={256: 10, 1 << 20: 5},
    actions=("0.25 s: kill writer 1",),
)


@pytest.mark.parametrize("record", [SMALL, LARGE])
def test_a_record_read_back_is_the_record_that_was_written(record: FolderRecord) -> None:
    again = from_json(json.loads(json.dumps(to_json(record))))
    assert again == record
    assert hash(again.scenario) == hash(record.scenario)


def test_counters_and_numbers_of_numpy_are_written_as_plain_numbers() -> None:
    counted = replace(
        SMALL,
        counts=Counter({"torn": 2}),
        sizes=Counter({256: 1}),
        totals=Totals(reads=int(np.int64(7))),
        samples=(Sample(np.float64(0.5), *np.arange(6, dtype=np.int64)),),
    )
    text = json.dumps(to_json(counted))
    assert from_json(json.loads(text)) == counted


def test_the_kind_of_a_violation_has_the_name_of_the_format() -> None:
    [finding] = to_json(LARGE)["findings"]
    assert list(finding) == ["sight", "seconds", "text", "evidence", "timeline"]
    assert finding["sight"] == "stale"


def test_empty_buckets_take_no_room() -> None:
    assert to_json(LARGE)["read_latency"] == {str(LARGE.read_latency.counts.index(5)): 5}


def test_evidence_that_json_does_not_know_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match="keep it as text"):
        to_json(replace(SMALL, findings=(Finding("torn", 1.0, "cut", {"bytes": b"{"}),)))


@pytest.mark.parametrize(
    "changed",
    [
        {"scenario": {"writers": 2}},
        {"totals": {"unheard_of": 1}},
        {"samples": [1]},
        {"staleness": {"99999": 1}},
        {"sizes": []},
        {"unheard_of": 1},
    ],
)
def test_what_is_no_record_is_refused_with_what_to_do(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="the same version of the kit"):
        from_json({**to_json(SMALL), **changed})
    with pytest.raises(ValueError, match="the same version of the kit"):
        from_json({})
