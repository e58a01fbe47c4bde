"""Trains a tiny model with a real framework: ``python -m tests.e2e.train FRAMEWORK ENDING STATUS FOLDER PAUSE``.

FRAMEWORK is transformers, lightning or keras; ENDING end, error or nan; PAUSE how long each of the 15 batches takes at
least, in seconds. The exit code is that of any script: 1 when an exception ends it.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

TRAININGS = {"transformers": "hugging_face", "lightning": "lightning_module", "keras": "keras_model"}


def main(framework: str, ending: str, status: str, folder: str, pause: str) -> None:
    """Train, with the status in a file."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "KERAS_BACKEND": "jax"}
    training = importlib.import_module(f"tests.frameworks.{TRAININGS[framework]}")
    callback = importlib.import_module(f"pulse.integrations.{framework}").PulseCallback
    training.train(callback(status), Path(folder), ending, float(pause))


if __name__ == "__main__":
    main(*sys.argv[1:])
