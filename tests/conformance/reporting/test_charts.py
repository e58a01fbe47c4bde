"""Plots are drawn only where they say more than the table, and show the shares that were counted."""

import re

from conformance.reporting.charts import outcomes_by_group, time_by_clause
from conformance.reporting.results import Result


def test_outcomes_are_shares_of_the_cases_of_a_group_in_the_order_of_the_contract() -> None:
    results = [Result("VIS-01", str(n), "pass" if n < 3 else "n/a") for n in range(4)] + [Result("DOC-01", "a", "fail")]
    drawn = str(outcomes_by_group(results))
    assert re.findall(r"<title>(.*?)</title>", drawn) == ["DOC: 1 fail", "VIS: 3 pass", "VIS: 1 n/a"]
    whole, most, rest = map(float, re.findall(r'<rect [^>]*width="([0-9.]+)"', drawn))
    assert abs(most - 3 * rest) < 0.2
    assert abs(whole - most - rest) < 0.2
    assert 'class="na"' in drawn


def test_one_group_alone_is_not_drawn() -> None:
    assert outcomes_by_group([Result("VIS-01", "a", "pass")]) is None
    assert outcomes_by_group([]) is None


def test_the_clauses_that_took_longest_come_first() -> None:
    results = [Result(f"VIS-0{n}", "a", "pass", seconds=n) for n in (1, 3, 2)] + [
        Result("VIS-01", "b", "pass", seconds=4)
    ]
    drawn = str(time_by_clause(results))
    assert re.findall(r">([^<]+)</text>", drawn) == [
        "VIS-01", "5.0 s, 50%", "VIS-03", "3.0 s, 30%", "VIS-02", "2.0 s, 20%",
    ]  # fmt: skip


def test_little_time_or_few_clauses_are_not_drawn() -> None:
    assert time_by_clause([Result(f"VIS-0{n}", "a", "pass", seconds=0.01) for n in (1, 2, 3)]) is None
    assert time_by_clause([Result("VIS-01", "a", "pass", seconds=100)]) is None
