"""What is kept of a result, however much a judged program has said."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from conformance.reporting.bounds import LONGEST_TEXT, MOST_MEMBERS, bounded
from conformance.reporting.results import Result

RESULT = Result("FLT-01", "case", "fail")


def kept(**evidence: Any) -> dict[str, Any]:
    return dict(bounded(dataclasses.replace(RESULT, evidence=evidence)).evidence)


def test_a_usual_result_is_kept_as_it_is() -> None:
    evidence = {"transcript": ["write → ok"] * 12, "at": 7, "ratio": 0.5, "none": None, "nested": {"a": [True, "b"]}}
    result = dataclasses.replace(RESULT, message="the target is torn", evidence=evidence)
    assert bounded(result) == result


def test_a_long_message_is_cut_and_says_so() -> None:
    message = bounded(dataclasses.replace(RESULT, message="m" * 15_000_000)).message
    assert message == f"{'m' * LONGEST_TEXT}… (15,000,000 characters)"


def test_a_long_text_and_a_long_name_in_the_evidence_are_cut() -> None:
    assert kept(text="t" * 15_000_000)["text"] == f"{'t' * LONGEST_TEXT}… (15,000,000 characters)"
    [name] = kept(inner={"n" * 15_000_000: 1})["inner"]
    assert len(name) < LONGEST_TEXT + 40


def test_of_many_members_the_first_are_kept() -> None:
    assert kept(names=["x"] * 2_000_000)["names"][MOST_MEMBERS:] == ["… (2,000,000 members)"]
    inner = kept(inner={str(number): number for number in range(5000)})["inner"]
    assert (len(inner), inner["…"]) == (MOST_MEMBERS + 1, "5,000 members")


def test_what_is_nested_too_deeply_for_json_is_cut() -> None:
    value: list[Any] = []
    for _ in range(900):
        value = [value]
    assert "… (1 member)" in json.dumps(kept(value=value), ensure_ascii=False)


@pytest.mark.parametrize(
    "evidence",
    [
        {"texts": ["t" * LONGEST_TEXT] * 900},
        {"inner": {f"{number}": ["t" * LONGEST_TEXT] * 900 for number in range(900)}},
        {"numbers": [[1.5] * 1000] * 1000},
        {"integer": 10**4000, "more": [10**4000] * 1000},
    ],
    ids=["texts", "texts in lists in an object", "numbers in lists", "long numbers"],
)
def test_the_whole_is_bounded(evidence: dict[str, Any]) -> None:
    assert len(json.dumps(kept(**evidence))) < 1_000_000
