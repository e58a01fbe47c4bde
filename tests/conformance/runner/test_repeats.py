"""How often a case runs, by the known failures of a manifest; test_pytest_plugin.py has the runs themselves."""

import pytest

from conformance.contract.manifest import KnownFailure
from conformance.runner.repeats import allow_time_for, repeats_of

ALWAYS = KnownFailure("CON-03", "it races", "https://example.org/1")
FLAKY = KnownFailure("CON-03", "it races", "https://example.org/1", ("linux",), ("history:*",), flaky=True, repeats=5)


def test_a_case_runs_as_often_as_its_flaky_entry_says() -> None:
    assert repeats_of([ALWAYS, FLAKY], "CON-03", "history:2", "linux") == 5


@pytest.mark.parametrize(
    ("clause", "case", "os"),
    [("CON-01", "history:2", "linux"), ("CON-03", "x", "linux"), ("CON-03", "history:2", "macos")],
)
def test_every_other_case_runs_once(clause: str, case: str, os: str) -> None:
    assert repeats_of([ALWAYS, FLAKY], clause, case, os) == 1


def test_the_time_out_of_a_case_grows_with_its_runs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = request.node
    monkeypatch.setattr(item.config.option, "timeout", 300.0)
    for most, seconds in ((5, 1500.0), (2, 3000.0)):  # first of the option, then of the mark
        allow_time_for(item, most)
        assert item.get_closest_marker("timeout").args == (seconds,)


def test_without_a_time_out_there_is_none(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request.node.config.option, "timeout", None)
    allow_time_for(request.node, 5)
    assert request.node.get_closest_marker("timeout") is None
