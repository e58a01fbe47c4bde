"""Fresh, stalled, ended and unreadable; rate and ETA; names and JSON."""

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import pytest

from pulse.liveness import (
    STALLED_AFTER,
    WINDOW_LIMIT,
    Assessment,
    Evidence,
    History,
    Liveness,
    Sample,
    age,
    as_json,
    assess,
    escaped,
    is_stalled,
    names,
    observe,
    severity,
    state,
)
from pulse.reader import Polled, ReadOutcome
from pulse.status import Status, TrainingStatus

WALL = 1_700_000_000.0
"""The wall clock of the reader's machine in these tests, when its monotonic clock shows 0."""


def running(epoch: float = 0.0, total: float = 10.0, *, timestamp: float = WALL, message: str = "") -> Status:
    return TrainingStatus.create("running", epoch, total, message=message, timestamp=int(timestamp))


def seen(*reads: tuple[float, Status | None], modified: float | None = WALL) -> History:
    """The history after reads at these times."""
    history = History()
    for at, status in reads:
        history = observe(history, Sample(at, status, WALL + at, modified))
    return history


def judged(now: float, *reads: tuple[float, Status | None], modified: float | None = WALL) -> Assessment:
    return assess(seen(*reads, modified=modified), now)


class TestLiveness:
    def test_a_running_job_is_fresh_until_it_is_silent_for_too_long(self) -> None:
        reads = (0.0, running(1.0)), (5.0, running(2.0)), (60.0, running(2.0))
        assert judged(5.0 + STALLED_AFTER, *reads).liveness is Liveness.FRESH
        late = judged(5.0 + STALLED_AFTER + 0.1, *reads)
        assert late.liveness is Liveness.STALLED
        assert late.unchanged_seconds == pytest.approx(STALLED_AFTER + 0.1)
        assert late.evidence is Evidence.OBSERVED

    def test_a_stalled_job_that_writes_again_is_fresh(self) -> None:
        result = judged(500.0, (0.0, running(1.0)), (499.0, running(1.0, message="resumed")))
        assert (result.liveness, result.unchanged_seconds) == (Liveness.FRESH, 1.0)

    def test_a_refreshed_timestamp_is_a_sign_of_life(self) -> None:
        assert judged(500.0, (0.0, running()), (499.0, running(timestamp=WALL + 1))).liveness is Liveness.FRESH

    def test_a_file_that_is_only_touched_or_copied_again_is_not(self) -> None:
        history = observe(seen((0.0, running())), Sample(499.0, running(), WALL + 499.0, WALL + 499.0))
        assert assess(history, 500.0).liveness is Liveness.STALLED

    @pytest.mark.parametrize(
        ("status", "liveness"),
        [("idle", Liveness.FRESH), ("done", Liveness.ENDED), ("error", Liveness.ENDED), ("running", Liveness.STALLED)],
    )
    def test_only_a_running_job_owes_a_sign_of_life(self, status: str, liveness: Liveness) -> None:
        result = judged(1e6, (0.0, TrainingStatus.create(status, timestamp=0)))
        assert result.liveness is liveness
        assert result.unchanged_seconds == pytest.approx(1e6)

    def test_without_a_valid_status_the_file_is_unreadable(self) -> None:
        result = judged(7.0, (1.0, None), (3.0, None))
        assert result == Assessment(Liveness.UNREADABLE, None, None, 6.0, 0.0, None, None)

    @pytest.mark.parametrize("status", ["idle", "running", "done", "error"])
    def test_so_it_is_after_a_valid_one_which_is_kept(self, status: str) -> None:
        before = TrainingStatus.create(status, 4.0, 10.0, timestamp=int(WALL))
        history = seen((0.0, before), (2.0, None), (9.0, None))
        result = assess(history, 10.0)
        assert history.status == before
        assert (result.liveness, result.unreadable_seconds, result.unchanged_seconds) == (
            Liveness.UNREADABLE,
            8.0,
            10.0,
        )
        assert result.progress == 40.0

    def test_the_same_document_after_a_gap_is_no_change(self) -> None:
        result = judged(70.0, (0.0, running(1.0)), (2.0, None), (69.0, running(1.0)))
        assert (result.liveness, result.unreadable_seconds, result.unchanged_seconds) == (Liveness.STALLED, None, 70.0)

    def test_a_wall_clock_that_jumps_changes_nothing(self) -> None:
        history = seen((0.0, running(1.0)))
        for at, wall in ((2.0, 0.0), (4.0, WALL * 2), (6.0, WALL)):
            history = observe(history, Sample(at, running(1.0), wall, WALL))
        assert assess(history, 8.0).unchanged_seconds == 8.0


class TestFirstSight:
    """Nothing was seen to change yet: the nearer of the two times counts."""

    @pytest.mark.parametrize(
        ("timestamp", "modified", "seconds", "evidence", "liveness"),
        [
            (-5.0, -6.0, 5.0, Evidence.TIMESTAMP, Liveness.FRESH),
            (-3600.0, -6.0, 6.0, Evidence.MODIFIED, Liveness.FRESH),  # the writer's clock is behind
            (3600.0, -6.0, 6.0, Evidence.MODIFIED, Liveness.FRESH),  # or ahead
            (-5.0, -3600.0, 5.0, Evidence.TIMESTAMP, Liveness.FRESH),  # the clock of a file server is behind
            (-5.0, None, 5.0, Evidence.TIMESTAMP, Liveness.FRESH),
            (2.0, 3.0, 2.0, Evidence.TIMESTAMP, Liveness.FRESH),  # the clocks of two machines are never quite the same
            (-3600.0, -3601.0, 3600.0, Evidence.TIMESTAMP, Liveness.STALLED),  # it died an hour ago
            (3600.0, -86400.0, 3600.0, Evidence.TIMESTAMP, Liveness.STALLED),  # the future is no sign of life
            (3600.0, 3500.0, 3500.0, Evidence.MODIFIED, Liveness.STALLED),
            (WALL * 999, -86400.0, 86400.0, Evidence.MODIFIED, Liveness.STALLED),  # it wrote milliseconds, and died
        ],
    )
    def test_the_nearer_time_counts(
        self, timestamp: float, modified: float | None, seconds: float, evidence: Evidence, liveness: Liveness
    ) -> None:
        written = None if modified is None else WALL + modified
        result = judged(0.0, (0.0, running(timestamp=WALL + timestamp)), modified=written)
        assert (result.unchanged_seconds, result.evidence, result.liveness) == (seconds, evidence, liveness)

    def test_from_then_on_the_monotonic_clock_counts(self) -> None:
        result = judged(45.0, (0.0, running(timestamp=WALL - 20)), (44.0, running(timestamp=WALL - 20)), modified=None)
        assert (result.liveness, result.unchanged_seconds) == (Liveness.STALLED, 65.0)
        assert result.evidence is Evidence.TIMESTAMP

    def test_a_file_that_appears_later_is_judged_like_any_other_at_first_sight(self) -> None:
        """A mounted disk that comes back may show a run that died long ago."""
        result = judged(30.0, (0.0, None), (30.0, running(timestamp=WALL - 3600)), modified=WALL - 3600)
        assert (result.liveness, result.unreadable_seconds) == (Liveness.STALLED, None)


class TestSingleStatus:
    def test_age_is_in_seconds_and_negative_when_clocks_disagree(self) -> None:
        status = running(timestamp=1764345613)
        assert age(status, 1764345613 + 2.5) == 2.5
        assert age(status, 1764345613 - 1.0) == -1.0

    @pytest.mark.parametrize(
        ("status", "seconds", "stalled"),
        [
            ("running", 61, True),
            ("running", 60, False),
            ("done", 61, False),
            ("running", -60, False),  # the clocks of two machines are never quite the same
            ("running", -61, True),
            ("idle", -61, False),
        ],
    )
    def test_only_a_silent_running_job_is_stalled(self, status: str, seconds: int, stalled: bool) -> None:
        assert is_stalled({"status": status, "timestamp": 1000}, 1000 + seconds) is stalled


class TestSpeed:
    def speed(self, now: float, *epochs: tuple[float, float], total: float = 10.0) -> tuple[float | None, float | None]:
        """Rate and ETA of a job that was seen at these epochs; the first is the one that was there already."""
        result = judged(now, *((at, running(epoch, total)) for at, epoch in epochs))
        return result.rate, result.eta_seconds

    def test_rate_and_eta_come_from_the_changes_seen(self) -> None:
        assert self.speed(20.0, (0.0, 1.0), (4.0, 2.0), (12.0, 3.0), (20.0, 4.0)) == (0.125, 48.0)

    def test_the_first_document_counts_for_nothing_because_its_age_is_unknown(self) -> None:
        assert self.speed(12.0, (0.0, 1.0), (4.0, 2.0), (14.0, 3.0)) == (None, None)

    @pytest.mark.parametrize(
        "epochs",
        [
            [(0.0, 1.0)],
            [(0.0, 1.0), (60.0, 2.0)],
            [(0.0, 1.0), (1.0, 2.0), (59.0, 3.0)],  # too few
            [(0.0, 1.0), (1.0, 1.1), (3.0, 1.2), (5.0, 1.3), (10.9, 1.4)],  # too short
        ],
    )
    def test_they_are_hidden_early(self, epochs: Sequence[tuple[float, float]]) -> None:
        assert self.speed(epochs[-1][0], *epochs) == (None, None)

    def test_the_eta_counts_down_between_the_changes(self) -> None:
        epochs = [(0.0, 1.0), (10.0, 2.0), (20.0, 3.0), (30.0, 4.0)]
        assert [self.speed(now, *epochs)[1] for now in (30.0, 33.0, 40.0)] == [60.0, 57.0, 50.0]

    def test_an_epoch_that_is_overdue_lowers_the_rate_and_the_eta_grows(self) -> None:
        epochs = [(0.0, 1.0), (10.0, 2.0), (20.0, 3.0), (30.0, 4.0)]
        speeds = [self.speed(now, *epochs) for now in (40.0, 40.1, 55.0, 70.0)]
        rates, etas = zip(*speeds, strict=True)
        assert list(rates) == sorted(rates, reverse=True)
        assert list(etas) == sorted(etas)
        assert speeds[1][1] == pytest.approx(50.0, abs=0.5)  # no jump at the moment when it becomes overdue
        assert speeds[3] == pytest.approx((3 / 60, 100.0))

    def test_updates_in_bursts_give_the_rate_of_the_whole(self) -> None:
        """An epoch every 100 s, seen as three changes in quick succession."""
        reads = [(0.0, 0.0)]
        for epoch in range(1, 4):
            at = epoch * 100.0
            reads += [(at, epoch - 0.2), (at + 1, epoch - 0.1), (at + 2, float(epoch))]
        history = seen(*((at, running(epoch)) for at, epoch in reads))
        result = assess(history, 302.0, stalled_after=1000.0)
        assert result.rate == pytest.approx(2.2 / 202.0)

    def test_old_changes_are_forgotten(self) -> None:
        slow = [(at * 100.0, at * 0.1) for at in range(20)]
        start, epoch = slow[-1]
        fast = [(start + at, epoch + at * 0.01) for at in range(1, 302)]
        rate, _ = self.speed(fast[-1][0], *slow, *fast)
        assert rate == pytest.approx(0.01)

    def test_a_run_that_writes_seldom_keeps_its_last_five_changes(self) -> None:
        reads = [(at * 600.0, running(float(at))) for at in range(9)]
        history = seen(*reads)
        assert [point.epoch for point in history.points] == [4.0, 5.0, 6.0, 7.0, 8.0]
        result = assess(history, 4801.0, stalled_after=1200.0)
        assert (result.rate, result.eta_seconds) == pytest.approx((1 / 600, 1199.0))

    def test_a_fast_poll_does_not_fill_the_memory(self) -> None:
        history = seen(*((at / 100, running(at / 1000)) for at in range(2 * WINDOW_LIMIT)))
        assert len(history.points) == WINDOW_LIMIT

    def test_they_are_hidden_while_the_run_is_stalled_or_unreadable_and_come_back(self) -> None:
        reads: list[tuple[float, Status | None]] = [(at * 10.0, running(float(at))) for at in range(5)]
        assert judged(101.0, *reads).rate is None
        assert judged(101.0, *reads).eta_seconds is None
        assert judged(42.0, *reads, (41.0, None)).rate is None
        assert judged(43.0, *reads, (41.0, None), (43.0, running(4.0))).rate is not None

    @pytest.mark.parametrize("step", [5e-324, 1e308])
    @pytest.mark.parametrize("now", [30.0, 50.0])
    def test_epochs_that_no_training_has_give_neither_and_no_error(self, step: float, now: float) -> None:
        reads = [(at * 10.0, running(min(at * step, 1.7e308))) for at in range(4)]
        result = judged(now, *reads)
        assert (result.liveness, result.eta_seconds) == (Liveness.FRESH, None)
        assert result.rate is None or result.rate > 1e300

    def test_heartbeats_are_no_progress(self) -> None:
        beats = [(30.0 + at, running(4.0, timestamp=WALL + at)) for at in range(1, 10)]
        reads = [(at * 10.0, running(float(at + 1))) for at in range(4)]
        assert judged(39.0, *reads, *beats).rate == 0.1

    @pytest.mark.parametrize(
        "restart",
        [
            running(1.0),
            running(5.0, total=20.0),
            TrainingStatus.create("done", 10.0, 10.0, timestamp=int(WALL)),
            TrainingStatus.create("idle", timestamp=int(WALL)),
        ],
        ids=["backwards", "another total", "done", "idle"],
    )
    def test_a_run_that_starts_again_is_measured_anew(self, restart: Status) -> None:
        reads = [(at * 10.0, running(float(at))) for at in range(5)]
        assert judged(40.0, *reads).rate is not None
        epoch, total = restart["epoch"], restart["total_epochs"]
        again = [(50.0 + seconds, running(epoch + seconds, total)) for seconds in (10.0, 20.0, 30.0)]
        assert judged(60.0, *reads, (50.0, restart), *again[:1]).rate is None
        assert judged(80.0, *reads, (50.0, restart), *again).rate == 1.0

    def test_without_a_total_there_is_a_rate_and_no_eta(self) -> None:
        epochs = [(0.0, 1.0), (10.0, 2.0), (20.0, 3.0), (30.0, 4.0)]
        assert self.speed(30.0, *epochs, total=0.0) == (0.1, None)

    def test_beyond_the_total_there_is_no_eta(self) -> None:
        assert self.speed(30.0, (0.0, 9.0), (10.0, 10.0), (20.0, 10.5), (30.0, 11.0))[1] is None

    def test_the_eta_is_never_negative(self) -> None:
        assert self.speed(59.0, (0.0, 7.0), (10.0, 8.0), (20.0, 9.0), (30.0, 9.9))[1] == 0.0

    def test_numbers_that_overflow_are_unknown(self) -> None:
        reads = [(0.0, 0.0), (1.0, 1e-320), (9.0, 2e-320), (12.0, 3e-320)]
        assert self.speed(12.0, *reads, total=1e308)[1] is None
        huge = [(0.0, 0.0), (1.0, 1.0), (2.0, 1e308), (12.0, 1.7e308)]
        rate, eta = self.speed(25.0, *huge, total=1.79e308)
        assert rate is None or math.isfinite(rate)
        assert eta is None or math.isfinite(eta)


class TestState:
    """The one word that displays show, and its place in the order of what needs attention."""

    @pytest.mark.parametrize(
        ("status", "liveness", "expected"),
        [
            ("done", Liveness.ENDED, ("done", 0)),
            ("idle", Liveness.FRESH, ("idle", 1)),
            ("running", Liveness.FRESH, ("running", 2)),
            ("running", Liveness.STALLED, ("stalled", 3)),
            ("error", Liveness.ENDED, ("error", 4)),
            ("done", Liveness.UNREADABLE, ("unreadable", 5)),
            (None, Liveness.UNREADABLE, ("unreadable", 5)),
        ],
    )
    def test_follows_from_status_and_liveness(
        self, status: str | None, liveness: Liveness, expected: tuple[str, int]
    ) -> None:
        document = None if status is None else TrainingStatus.create(status)
        poll = Polled(document, True, ReadOutcome.OK, "", liveness, None, None, None, 0.0, None, None)
        assert (state(poll), severity(poll)) == expected


class TestNames:
    @pytest.mark.parametrize(
        ("paths", "expected"),
        [
            ([], []),
            (["runs/a.json"], ["a"]),
            (["runs/a/status.json"], ["a"]),
            (["runs/a/training_status.json"], ["a"]),
            (["runs/a/status.json", "runs/b/status.json"], ["a", "b"]),
            (["x/a/status.json", "y/a/status.json", "y/b/status.json"], ["x/a", "y/a", "b"]),
            (["x/a.json", "x/b.json"], ["a", "b"]),
            (["a/one.json", "b/one.json", "b/two.json"], ["a/one", "b/one", "two"]),
            (["status", "a/status"], ["{here}", "a"]),
            (["a/.json"], [".json"]),
        ],
    )
    def test_a_name_is_the_end_of_the_path_that_no_other_file_has(self, paths: list[str], expected: list[str]) -> None:
        assert names(paths) == [name.format(here=os.path.basename(os.getcwd())) for name in expected]

    def test_a_path_that_occurs_twice_keeps_its_parts(self) -> None:
        first, second, third = names(["runs/a.json", "runs/a.json", "runs/b.json"])
        assert first == second
        assert first.endswith("runs/a")
        assert third == "b"

    def test_fifty_thousand_files_have_names(self) -> None:
        """To compare every path with every other would take longer than the test may."""
        paths = [f"{folder}/run-{run}.json" for run in range(25_000) for folder in ("a", "b")]
        assert names(paths) == [path.removesuffix(".json") for path in paths]

    def test_the_root_is_its_own_name(self) -> None:
        assert names([os.path.abspath(os.sep)])[0]


class TestJson:
    def polled(self, **members: Any) -> Polled:
        values = {
            "status": running(2.5, 5.0),
            "fresh": True,
            "outcome": ReadOutcome.OK,
            "detail": "",
            "liveness": Liveness.FRESH,
            "unchanged_seconds": 1.5,
            "evidence": Evidence.OBSERVED,
            "unreadable_seconds": None,
            "progress": 50.0,
            "rate": 0.5,
            "eta_seconds": 5.0,
        }
        return Polled(**{**values, **members})

    def test_has_everything_that_is_known(self) -> None:
        assert as_json("runs/a.json", self.polled()) == {
            "path": "runs/a.json",
            "name": "a",
            "status": running(2.5, 5.0),
            "state": "running",
            "severity": 2,
            "liveness": "fresh",
            "outcome": "ok",
            "detail": "",
            "unchanged_seconds": 1.5,
            "evidence": "observed",
            "unreadable_seconds": None,
            "progress": 50.0,
            "rate": 0.5,
            "eta_seconds": 5.0,
        }

    def test_names_what_is_unknown_null(self) -> None:
        nothing = self.polled(status=None, evidence=None, outcome=ReadOutcome.MISSING, liveness=Liveness.UNREADABLE)
        answer = as_json("a.json", nothing, name="mine")
        assert (answer["status"], answer["evidence"], answer["name"]) == (None, None, "mine")

    def test_is_strict_json_even_for_a_path_that_is_not_unicode(self) -> None:
        line = json.dumps(as_json("a\udce9.json", self.polled(detail="no \udce9")), allow_nan=False, ensure_ascii=False)
        assert json.loads(line.encode())["path"] == "a\\udce9.json"

    def test_paths_that_differ_stay_different(self) -> None:
        given = ["\udce9", r"\udce9", "\\\udce9", r"\\udce9", "\\\\\udce9", r"\\\udce9", r"\ud", r"a\b"]
        assert len({escaped(path) for path in given}) == len(given)
        assert escaped(r"C:\runs\a.json") == r"C:\runs\a.json"
