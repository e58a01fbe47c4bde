"""A training run whose values, disk or settings are not as they should be."""

import math
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pulse import Pulse, _publisher, training
from pulse._publisher import Publisher
from tests.pulse.training_support import Clock, status_of, turn


class GpuTensor:
    """A PyTorch tensor on a GPU: reading it is counted, and detaching it makes another one."""

    is_cpu = False

    def __init__(self, value: float, reads: list[float]) -> None:
        self.value, self.reads = value, reads

    def detach(self) -> "GpuTensor":
        return GpuTensor(self.value, self.reads)

    def item(self) -> float:
        self.reads.append(self.value)
        return self.value


class TestValues:
    def test_what_is_left_out_stays_as_it_was(self, run: Pulse) -> None:
        with run:
            run.update(1, 0.5, "one")
            run.update(2)
            run.update(message="two")
            run.update(total_epochs=4)
            run.close()
        ended = status_of(run.path)
        assert (ended["epoch"], ended["total_epochs"], ended["loss"], ended["message"]) == (2.0, 4.0, 0.5, "two")

    @pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
    def test_a_loss_that_json_does_not_have_is_said_in_the_message(
        self, run: Pulse, caplog: pytest.LogCaptureFixture, loss: float
    ) -> None:
        run.start()
        run.update(1, 0.5, "epoch 1")
        for _ in range(3):
            run.update(2, loss, "epoch 2")
        run.close()
        assert (status_of(run.path)["loss"], status_of(run.path)["message"]) == (0.5, f"epoch 2 (loss is {loss})")
        assert run.problems == 3
        assert len(caplog.records) == 1

    def test_the_note_is_gone_with_the_next_finite_loss(self, run: Pulse) -> None:
        run.start()
        run.update(loss=math.nan)
        run._write_now()
        assert status_of(run.path)["message"] == "loss is nan"
        run.update(loss=0.25)
        run.close()
        assert (status_of(run.path)["loss"], status_of(run.path)["message"]) == (0.25, "")

    def test_the_longest_message_still_has_room_for_the_note(self, run: Pulse) -> None:
        run.start()
        run.update(loss=math.nan, message="x" * 2_000_000)
        run.close()
        message = status_of(run.path)["message"]
        assert len(message) == 10_000
        assert message.endswith("x (loss is nan)")

    @pytest.mark.parametrize("value", [-1, math.nan, "two", object()])
    def test_refused_epochs_are_counted_and_the_last_ones_stay(self, run: Pulse, value: Any) -> None:
        run.start()
        run.update(1, total_epochs=5)
        run.update(value, total_epochs=value)
        run.close()
        assert (status_of(run.path)["epoch"], status_of(run.path)["total_epochs"]) == (1.0, 5.0)
        assert run.problems == 2

    def test_an_epoch_may_be_any_number(self, run: Pulse) -> None:
        run.start()
        run.update(Fraction(3, 2))  # type: ignore[arg-type]  # neither int nor float
        run.close()
        assert status_of(run.path)["epoch"] == 1.5

    def test_any_object_makes_a_message(self, run: Pulse) -> None:
        run.start()
        run.update(message=("step", 5))  # type: ignore[arg-type]  # not a string
        run.close()
        assert status_of(run.path)["message"] == "('step', 5)"

    def test_a_tensor_on_a_gpu_is_read_once_per_interval_and_at_the_end(self, run: Pulse, clock: Clock) -> None:
        reads: list[float] = []
        run.start()
        for step in range(1, 501):
            clock.now += 0.001
            run.update(step / 500, GpuTensor(step, reads))  # type: ignore[arg-type]  # a tensor
        assert reads == [1, 251]
        run.done()
        assert reads == [1, 251, 500]
        assert status_of(run.path)["loss"] == 500.0

    def test_a_run_that_fails_does_not_read_the_gpu(self, run: Pulse) -> None:
        reads: list[float] = []
        run.start()
        run.update(1, GpuTensor(0.5, reads))  # type: ignore[arg-type]  # a tensor
        run.update(2, GpuTensor(0.25, reads))  # type: ignore[arg-type]  # a tensor
        run.error("CUDA error")
        assert reads == [0.5]

    def test_close_reads_what_was_left_on_the_gpu(self, run: Pulse) -> None:
        run.start()
        run.update(1, GpuTensor(0.5, []))  # type: ignore[arg-type]  # a tensor
        run.update(2, GpuTensor(0.25, []))  # type: ignore[arg-type]  # a tensor
        run.close()
        assert status_of(run.path)["loss"] == 0.25


class TestFailingDisk:
    def test_it_is_reported_once_counted_and_never_raised(
        self, run: Pulse, clock: Clock, broken: Callable[[bool], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        broken(True)
        with run:
            for epoch in range(3):
                run.update(epoch)
                clock.now += 60.0
                turn(run)
        assert run.problems == 6  # start, three updates, done, and once more when it is closed
        assert [record.message for record in caplog.records] == [
            "pulse: the status is not written, and the training goes on: "
            f"[Errno 28] No space left on device: {run.path!r}"
        ]

    def test_it_is_tried_again_and_said_when_it_works(
        self, run: Pulse, clock: Clock, broken: Callable[[bool], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        run.start()
        broken(True)
        run.update(1)
        clock.now += 1.0
        turn(run)
        broken(False)
        clock.now += 1.0
        turn(run)
        assert status_of(run.path)["epoch"] == 1.0
        assert caplog.records[-1].message == f"pulse: {run.path}: the status is written again"
        run.close()

    def test_the_end_is_tried_again_when_the_run_is_closed(self, run: Pulse, broken: Callable[[bool], None]) -> None:
        run.start()
        broken(True)
        run.done()
        broken(False)
        run.close()
        assert status_of(run.path)["status"] == "done"

    def test_a_disk_that_hangs_is_reported(
        self, run: Pulse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        run.start()
        monkeypatch.setattr(Publisher, "demand", lambda self: False)
        monkeypatch.setattr(Publisher, "stop", lambda self: False)
        run.done()
        run.close()
        assert [record.message.partition(": the ")[2] for record in caplog.records] == [
            "disk does not answer; the training goes on",
            "disk does not answer; its last status may be missing",
        ]

    def test_one_that_hangs_at_the_start_holds_up_nothing_but_the_thread_that_writes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_publisher, "PATIENCE", 0.01)
        answers, real = threading.Event(), os.makedirs

        def make(*arguments: Any, **keywords: Any) -> None:
            assert threading.current_thread() is not threading.main_thread()
            answers.wait()
            real(*arguments, **keywords)

        monkeypatch.setattr(os, "makedirs", make)
        with training(tmp_path / "runs" / "status.json") as run:
            thread = run._publisher._thread
            assert thread is not None
            assert run.problems == 1
        answers.set()
        thread.join(120)
        assert status_of(run.path)["status"] == "done"

    @pytest.mark.parametrize("end", ["done", "close"])
    def test_the_end_and_the_close_wait_for_it_once(
        self, run: Pulse, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        run.start()
        calls: list[str] = []
        for name in ("renew", "demand", "stop"):
            monkeypatch.setattr(run._publisher, name, lambda name=name: calls.append(name))
        run.update(1)
        run.update(2)
        getattr(run, end)()
        run.close()
        assert calls == ["renew", "demand", *(["demand"] if end == "done" else []), "stop"]

    def test_a_folder_that_is_deleted_during_the_run_is_made_again(self, tmp_path: Path, by_hand: None) -> None:
        with training(tmp_path / "runs" / "status.json") as run:
            shutil.rmtree(tmp_path / "runs")
        assert status_of(run.path)["status"] == "done"
        assert run.problems == 0

    def test_the_folder_is_made(self, tmp_path: Path) -> None:
        with training(tmp_path / "runs" / "7" / "status.json") as run:
            pass
        assert status_of(run.path)["status"] == "done"

    def test_a_folder_that_cannot_be_made_stops_nothing(self, target: str) -> None:
        Path(target).write_text("a file")
        with training(os.path.join(target, "status.json")) as run:
            run.update(1)
        assert run.problems >= 2


class TestModulesThatCannotBeImported:
    """As when no descriptor is free, or the process has another root folder or user by now."""

    def test_what_a_run_needs_is_imported_when_it_is_made(self, target: str) -> None:
        script = f"""
            import math, os, sys, pulse
            run = pulse.training({target!r}, 3, interval=0.0, on_sigterm=True)
            sys.meta_path.clear()
            sys.modules["logging"] = None
            with run:
                run.update(2, loss=math.nan)
            assert run.problems == 1, run.problems
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)
        assert status_of(target)["status"] == "done"

    def test_a_run_that_cannot_start_stops_nothing(
        self, run: Pulse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setitem(sys.modules, "pulse._publisher", None)
        with run:
            run.update(1)
        assert run.problems == 1
        assert "no status is written, and the training goes on" in caplog.text

    def test_a_run_is_made_all_the_same(self, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "pulse._publisher", None)
            run = Pulse(target, 3)
        with run:
            pass
        assert status_of(target)["status"] == "done"

    def test_without_a_handler_for_sigterm_the_run_goes_on(
        self, target: str, by_hand: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setitem(sys.modules, "pulse._sigterm", None)
        with Pulse(target, 3, on_sigterm=True) as run:
            pass
        assert (run.problems, status_of(target)["status"]) == (1, "done")
        assert "on_sigterm has no effect" in caplog.text


class TestSettings:
    @pytest.mark.parametrize(
        "settings",
        [{"interval": -1}, {"interval": math.nan}, {"interval": math.inf}, {"heartbeat": 0}, {"heartbeat": math.nan}],
    )
    def test_times_that_make_no_sense_are_refused_before_the_training(
        self, target: str, settings: dict[str, Any]
    ) -> None:
        with pytest.raises(ValueError, match="must be a number of seconds"):
            training(target, **settings)

    @pytest.mark.parametrize("settings", [{"interval": 1e10}, {"heartbeat": 1e10}, {"heartbeat": math.inf}])
    def test_times_may_be_as_long_as_one_likes(self, target: str, settings: dict[str, Any]) -> None:
        with training(target, **settings) as run:
            run.update(1)
        assert (run.problems, status_of(target)["status"]) == (0, "done")

    def test_what_is_no_path_is_refused_before_the_training(self) -> None:
        with pytest.raises(TypeError):
            training(5)  # type: ignore[arg-type]  # not a path

    @pytest.mark.parametrize(
        ("environ", "name"),
        [
            ({}, "training_status.json"),
            ({"PULSE_PATH": ""}, "training_status.json"),
            ({"PULSE_PATH": "x.json"}, "x.json"),
        ],
    )
    def test_the_path_may_come_from_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], name: str
    ) -> None:
        monkeypatch.delenv("PULSE_PATH", raising=False)
        for variable, value in environ.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.chdir(tmp_path)
        assert training().path == str(tmp_path / name)

    def test_a_relative_path_stays_where_it_was(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        run = training("status.json")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir("elsewhere")
        with run:
            pass
        assert (tmp_path / "status.json").exists()

    def test_a_total_that_makes_no_sense_is_a_problem_and_no_error(self, target: str, by_hand: None) -> None:
        with Pulse(target, -1) as run:
            pass
        assert run.problems == 1

    @pytest.mark.parametrize("rank", [None, 1])
    def test_another_rank_writes_nothing(self, target: str, monkeypatch: pytest.MonkeyPatch, rank: int | None) -> None:
        monkeypatch.setenv("RANK", "3" if rank is None else "0")
        run = training(target, rank=rank)

        def train() -> None:
            with run:
                run.update(1, loss=math.nan)
                raise ValueError("failed")

        with pytest.raises(ValueError, match="failed"):
            train()
        run.done()
        run.close()
        assert run.problems == 0
        assert not os.path.exists(target)
