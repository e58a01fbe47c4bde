"""Tests with the real frameworks: ``tox -e frameworks`` runs them. They need some gigabytes of packages."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

os.environ |= {"HF_HUB_OFFLINE": "1", "KERAS_BACKEND": "jax", "TOKENIZERS_PARALLELISM": "false"}

MODULES = {"hugging_face": "transformers", "lightning_module": "lightning", "keras_model": "keras"}
"""A tiny training of each framework → the module of ``pulse.integrations`` for it."""


class Framework(NamedTuple):
    """A framework, ready to train."""

    name: str
    train: Callable[..., None]
    """``train(callback, folder, ending)``; see the modules beside this one."""
    callback: Any
    """Its ``PulseCallback``."""
    epochs: int
    """How many are trained."""


@pytest.fixture(params=MODULES)
def framework(request: pytest.FixtureRequest) -> Framework:
    """Each framework, one after the other."""
    training = importlib.import_module(f"tests.frameworks.{request.param}")
    integration = importlib.import_module(f"pulse.integrations.{MODULES[request.param]}")
    return Framework(MODULES[request.param], training.train, integration.PulseCallback, training.EPOCHS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of the frameworks about each other are not ours."""
    for item in items:
        if "frameworks" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("default"))
