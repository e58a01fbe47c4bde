"""Each framework and each way in which a training ends: what the status file says at last."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

import pulse
from pulse.status import Status
from tests.frameworks.conftest import Framework


def read(path: Path) -> Status:
    """The status in a file, which must be there."""
    status = pulse.read_status(path).status
    assert status is not None
    return status


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


def test_to_the_end(framework: Framework, file: Path, tmp_path: Path) -> None:
    framework.train(framework.callback(file), tmp_path)
    status = read(file)
    assert (status["status"], status["message"]) == ("done", "Training completed")
    assert status["epoch"] == status["total_epochs"] == framework.epochs
    assert status["loss"] > 0.0


def test_an_exception_in_the_middle(framework: Framework, file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="label"):
        framework.train(framework.callback(file), tmp_path, "error")
    status = read(file)
    assert (status["status"], status["message"]) == ("error", "ValueError: no such label")
    assert 1.5 < status["epoch"] < 2.0
    assert status["total_epochs"] == framework.epochs
    assert status["loss"] > 0.0


def test_a_keyboard_interrupt(framework: Framework, file: Path, tmp_path: Path) -> None:
    with pytest.raises((KeyboardInterrupt, SystemExit)):  # Lightning exits with 1
        framework.train(framework.callback(file), tmp_path, "interrupt")
    assert (read(file)["status"], read(file)["message"]) == ("error", "KeyboardInterrupt")


@pytest.mark.parametrize("block", [False, True])
def test_sigterm_of_lightning(framework: Framework, file: Path, tmp_path: Path, block: bool) -> None:
    if framework.name != "lightning":
        pytest.skip("the others leave SIGTERM alone")
    with pytest.raises(SystemExit), pulse.training(file) if block else contextlib.nullcontext() as run:
        framework.train(framework.callback(run or file), tmp_path, "sigterm")
    assert (read(file)["status"], read(file)["message"]) == ("error", "SIGTERMException")


def test_what_keras_refuses_before_the_first_batch(framework: Framework, file: Path, tmp_path: Path) -> None:
    if framework.name != "keras":
        pytest.skip("the others have a hook there")
    with pytest.raises(ValueError, match="cardinality"):
        framework.train(framework.callback(file), tmp_path, "refused")
    assert read(file)["status"] == "error"
    assert read(file)["message"].startswith("ValueError: Data cardinality is ambiguous")


def test_nan(framework: Framework, file: Path, tmp_path: Path) -> None:
    framework.train(framework.callback(file), tmp_path, "nan")
    assert (read(file)["status"], read(file)["message"]) == ("done", "Training completed (loss is nan)")


def test_a_training_that_goes_on_from_a_checkpoint(
    framework: Framework, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"save_strategy": "epoch"} if framework.name == "transformers" else {}
    more = {"transformers": "num_train_epochs", "lightning": "max_epochs", "keras": "epochs"}[framework.name]
    framework.train(framework.callback(file), tmp_path, **options)
    seen: list[float] = []
    update = pulse.Pulse.update

    def spy(run: pulse.Pulse, epoch: float | None = None, *values: object) -> None:
        seen.extend([] if epoch is None else [epoch])
        update(run, epoch, *values)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(pulse.Pulse, "update", spy)
    framework.train(framework.callback(file), tmp_path, "resume", **options, **{more: framework.epochs + 1})
    start = framework.epochs - 1 if framework.name == "keras" else framework.epochs  # Keras is told where to start
    assert seen[0] == start
    assert seen == sorted(seen)
    status = read(file)
    assert (status["status"], status["epoch"], status["total_epochs"]) == ("done", framework.epochs + 1, seen[-1])


def test_two_trainings_with_one_callback(framework: Framework, file: Path, tmp_path: Path) -> None:
    callback = framework.callback(file)
    with pytest.raises(ValueError, match="label"):
        framework.train(callback, tmp_path, "error")
    framework.train(callback, tmp_path)
    assert read(file)["status"] == "done"


def test_inside_the_block_of_a_pulse(framework: Framework, file: Path, tmp_path: Path) -> None:
    with pulse.training(file) as run:
        framework.train(framework.callback(run), tmp_path)
        assert read(file)["status"] == "running"
    assert (read(file)["status"], read(file)["epoch"]) == ("done", framework.epochs)


def test_a_file_that_cannot_be_written_stops_nothing(framework: Framework, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    framework.train(framework.callback(tmp_path / "folder"), tmp_path)
