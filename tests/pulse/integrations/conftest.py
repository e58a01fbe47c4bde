"""Fixtures for the callbacks: their frameworks are fakes, and every update is written."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from pulse._live import live
from pulse.status import Status, TrainingStatus
from tests.pulse.integrations import fake_keras, fake_lightning, fake_transformers


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    return module


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Puts modules in the place of a framework, and returns the ``PulseCallback`` that is made for them."""
    made: list[str] = []

    def load(name: str, *modules: ModuleType) -> Any:
        for module in modules:
            monkeypatch.setitem(sys.modules, module.__name__, module)
        made.append(f"pulse.integrations.{name}")
        return importlib.import_module(made[-1]).PulseCallback

    yield load
    for name in made:  # the next test gets a class of its own, with fakes that nothing has wrapped
        sys.modules.pop(name, None)


@pytest.fixture
def transformers(install: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The ``PulseCallback`` for the fake ``transformers``."""

    class Trainer(fake_transformers.Trainer):
        """Wrapped in this test, and in no other."""

    monkeypatch.setattr(fake_transformers, "Trainer", Trainer)
    members = {"Trainer": Trainer, "TrainerCallback": fake_transformers.TrainerCallback}
    return install("transformers", _module("transformers", **members))


@pytest.fixture
def keras(install: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The ``PulseCallback`` for the fake ``keras``."""

    class Model(fake_keras.Model):
        """Wrapped in this test, and in no other."""

    monkeypatch.setattr(fake_keras, "Model", Model)
    callbacks = _module("keras.callbacks", Callback=fake_keras.Callback)
    return install("keras", _module("keras", Model=Model, callbacks=callbacks))


@pytest.fixture
def lightning(install: Callable[..., Any]) -> Any:
    """The ``PulseCallback`` for the fake ``lightning``."""
    pytorch = _module("lightning.pytorch", Callback=fake_lightning.Callback)
    return install("lightning", _module("lightning", pytorch=pytorch), pytorch)


class _Direct:
    """A publisher without a thread and without a pace: every update is written."""

    threaded = False

    def __init__(self, publish: Callable[[], bool], *_: Any) -> None:
        self.nudge = self.demand = publish

    def start(self) -> bool:
        return True

    def beat(self, heartbeat: float | None) -> None:
        """Without a thread there is none."""

    def renew(self) -> None:
        """No caller waits."""

    def stop(self) -> bool:
        return True


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Status]]:
    """What every write says, one after the other."""
    statuses: list[Status] = []

    def write(path: str, *members: Any, durable: bool) -> None:
        status, epoch, total_epochs, loss, message = members
        statuses.append(TrainingStatus.create(status, epoch, total_epochs, loss, message, timestamp=0))

    module = importlib.import_module("pulse._pulse")
    monkeypatch.setattr(module, "write_training_status", write)
    monkeypatch.setattr("pulse._publisher.Publisher", _Direct)
    yield statuses
    for run in list(live):  # or it would be written when Python ends
        run.at_exit(None)
