"""A tiny regression that is trained on the CPU by ``Model.fit`` of Keras, on JAX."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy

__all__ = ["BATCHES", "EPOCHS", "train"]

BATCHES, BATCH_SIZE, EPOCHS = 5, 2, 3


class _Ends(keras.callbacks.Callback):
    """Ends the training, at one of its batches, in the way that it is asked to."""

    def __init__(self, ending: str, pause: float) -> None:
        super().__init__()
        self.ending, self.pause, self.batches = ending, pause, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        time.sleep(self.pause)
        self.batches += 1
        if self.batches == 8:
            if self.ending == "error":
                raise ValueError("no such label")
            if self.ending == "interrupt":
                raise KeyboardInterrupt


def train(callback: Any, folder: Path, ending: str = "end", pause: float = 0.0, **options: Any) -> None:
    """Train; ``resume`` as ``ending`` starts with the last epoch."""
    keras.utils.set_random_seed(0)
    x = numpy.linspace(-1.0, 1.0, BATCHES * BATCH_SIZE, dtype="float32").reshape(-1, 1)
    y = x * float("nan") if ending == "nan" else 3.0 * x + 1.0
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    defaults = {"epochs": EPOCHS, "verbose": 0, "initial_epoch": EPOCHS - 1 if ending == "resume" else 0}
    callbacks = [callback, _Ends(ending, pause), *options.pop("others", ())]
    y = y[1:] if ending == "refused" else y
    model.fit(x, y, batch_size=BATCH_SIZE, callbacks=callbacks, **(defaults | options))
