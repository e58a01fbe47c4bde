"""A training run as the writer of its status file: its life and its pace."""

import threading
from typing import Any

import pytest

from pulse import Pulse, training
from pulse._publisher import Publisher
from tests.pulse.training_support import Clock, module, status_of, turn


class Stopped(SystemExit):
    """As Lightning's SIGTERMException, which comes without a code."""


class TestLifeOfARun:
    def test_running_with_epoch_0_then_done_with_all_epochs(self, target: str) -> None:
        with training(target, total_epochs=3, message="warming up") as run:
            begun = status_of(target)
            run.update(2.5, loss=0.342, message="epoch 3/3")
        ended = status_of(target)
        assert [begun[name] for name in ("status", "epoch", "total_epochs", "loss", "message")] == [
            "running", 0.0, 3.0, 0.0, "warming up",
        ]  # fmt: skip
        assert [ended[name] for name in ("status", "epoch", "total_epochs", "loss", "message")] == [
            "done", 3.0, 3.0, 0.342, "Training completed",
        ]  # fmt: skip
        assert run.problems == 0

    def test_an_exception_is_an_error_and_goes_on(self, target: str) -> None:
        run = training(target, 3)

        def train() -> None:
            with run:
                run.update(1.5, loss=0.5)
                raise ValueError("bad batch")

        with pytest.raises(ValueError, match="bad batch"):
            train()
        ended = status_of(target)
        assert (ended["status"], ended["epoch"], ended["loss"]) == ("error", 1.5, 0.5)
        assert ended["message"] == "ValueError: bad batch"

    @pytest.mark.parametrize(
        ("stop", "status", "message"),
        [
            (KeyboardInterrupt(), "error", "KeyboardInterrupt"),
            (SystemExit(3), "error", "SystemExit: 3"),
            (SystemExit("no data"), "error", "SystemExit: no data"),
            (SystemExit(0), "done", "Training completed"),
            (SystemExit(), "done", "Training completed"),
            (Stopped(), "error", "Stopped"),
            (GeneratorExit(), "error", "GeneratorExit"),
        ],
    )
    def test_what_leaves_the_block_is_an_error_but_for_a_successful_exit(
        self, run: Pulse, stop: BaseException, status: str, message: str
    ) -> None:
        with pytest.raises(type(stop)), run:
            raise stop
        assert (status_of(run.path)["status"], status_of(run.path)["message"]) == (status, message)

    def test_a_run_whose_total_is_unknown_is_done_with_the_epochs_it_made(self, target: str, by_hand: None) -> None:
        with Pulse(target) as run:
            run.update(7)
        assert (status_of(target)["epoch"], status_of(target)["total_epochs"]) == (7.0, 7.0)

    def test_a_run_that_stops_early_can_say_so(self, run: Pulse) -> None:
        with run:
            run.update(2, total_epochs=2)
            run.done("stopped early")
        assert (status_of(run.path)["epoch"], status_of(run.path)["message"]) == (2.0, "stopped early")

    def test_an_error_is_not_followed_by_done(self, run: Pulse) -> None:
        with run:
            run.error("the loss diverged")
        assert (status_of(run.path)["status"], status_of(run.path)["message"]) == ("error", "the loss diverged")

    def test_a_run_that_fails_after_done_is_an_error(self, run: Pulse) -> None:
        def train() -> None:
            with run:
                run.done()
                raise OSError("no space for the model")

        with pytest.raises(OSError, match="no space"):
            train()
        assert status_of(run.path)["status"] == "error"

    def test_an_update_after_the_end_changes_nothing(self, run: Pulse) -> None:
        with run:
            run.done()
            run.update(1, loss=5.0)
        run.update(1)
        run.error("too late")
        run.close()
        assert (status_of(run.path)["status"], status_of(run.path)["loss"]) == ("done", 0.0)

    def test_an_update_starts_a_run_that_was_not_started(self, run: Pulse) -> None:
        run.update(1.5)
        run.close()
        assert (status_of(run.path)["status"], status_of(run.path)["epoch"]) == ("running", 1.5)

    def test_a_closed_run_can_be_started_again_from_the_beginning(
        self, run: Pulse, writes: list[dict[str, Any]]
    ) -> None:
        with run:
            run.update(2, loss=1.0)
        with run:
            pass
        assert [(write["status"], write["epoch"]) for write in writes] == [
            ("running", 0.0), ("done", 3.0), ("running", 0.0), ("done", 3.0),
        ]  # fmt: skip
        assert writes[2]["loss"] == 0.0

    def test_a_run_that_was_started_may_be_entered(self, run: Pulse, writes: list[dict[str, Any]]) -> None:
        run.start()
        run.start()
        with run:
            pass
        assert [write["status"] for write in writes] == ["running", "done"]

    def test_only_start_and_end_are_made_to_survive_a_power_cut(self, run: Pulse, writes: list[dict[str, Any]]) -> None:
        with run:
            run.update(1)
            turn(run)
            run._clock.now += 1.0  # type: ignore[attr-defined]  # the test's own clock
            turn(run)
        assert [(write["status"], write["durable"]) for write in writes] == [
            ("running", True), ("running", False), ("done", True),
        ]  # fmt: skip


class TestPace:
    def test_updates_within_the_interval_become_one_write_of_the_latest(
        self, run: Pulse, clock: Clock, writes: list[dict[str, Any]]
    ) -> None:
        run.start()
        for step in range(1, 1001):  # one second of steps of 1 ms
            clock.now += 0.001
            run.update(step / 1000, loss=1.0 / step)
            turn(run)
        run.done()
        assert [write["epoch"] for write in writes] == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0, 3.0], abs=0.002)
        assert writes[-1]["loss"] == 0.001

    def test_the_last_update_before_a_pause_is_written_without_a_further_call(
        self, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = threading.Event()
        real = module.write_training_status

        def write(path: str, status: str, epoch: float, *arguments: Any, durable: bool) -> None:
            real(path, status, epoch, *arguments, durable=durable)
            if epoch == 2.0:
                written.set()

        monkeypatch.setattr(module, "write_training_status", write)
        run = training(target, 3, interval=0.02)
        run.start()
        for epoch in (1.0, 1.5, 2.0):
            run.update(epoch)
        assert written.wait(120)
        run.close()

    def test_close_writes_what_was_held_back(self, run: Pulse) -> None:
        run.start()
        run.update(1)
        run.update(1.25, loss=0.5)
        assert status_of(run.path)["epoch"] == 0.0
        run.close()
        assert (status_of(run.path)["status"], status_of(run.path)["epoch"]) == ("running", 1.25)

    def test_close_writes_nothing_that_is_written_already(self, run: Pulse, writes: list[dict[str, Any]]) -> None:
        run.start()
        run.close()
        run.close()
        assert len(writes) == 1

    def test_a_heartbeat_changes_the_timestamp_alone(
        self, target: str, clock: Clock, by_hand: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = Pulse(target, 3, heartbeat=10.0, clock=clock)
        monkeypatch.setattr("time.time", lambda: 1000.0)
        run.start()
        run.update(1.5, 0.5, "validating")
        clock.now += 1.0
        turn(run)
        before = status_of(target)
        monkeypatch.setattr("time.time", lambda: 1011.0)
        clock.now += 10.0
        turn(run)
        assert status_of(target) == {**before, "timestamp": 1011}

    def test_an_ended_run_has_no_heartbeat(
        self, target: str, clock: Clock, by_hand: None, writes: list[dict[str, Any]]
    ) -> None:
        run = Pulse(target, 3, heartbeat=10.0, clock=clock)
        run.start()
        run.done()
        clock.now += 1000.0
        turn(run)
        assert [write["status"] for write in writes] == ["running", "done"]

    def test_without_a_thread_the_updates_write(
        self, target: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(Publisher, "start", lambda self: False)
        run = Pulse(target, 3, clock=clock)
        run.start()
        run.update(1)
        clock.now += 1.0
        run.update(2)
        assert status_of(target)["epoch"] == 2.0
        run.update(2.5)
        run.close()
        assert status_of(target)["epoch"] == 2.5
        assert "the system allows no further thread" in caplog.text
