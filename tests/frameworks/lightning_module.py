"""A tiny regression that is trained on the CPU by the ``Trainer`` of Lightning."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

__all__ = ["BATCHES", "EPOCHS", "Regression", "loader", "train", "trainer"]

BATCHES, BATCH_SIZE, EPOCHS = 5, 2, 3


def loader() -> Any:
    """The same batches at each call, of a line that can be learnt."""
    x = torch.linspace(-1.0, 1.0, BATCHES * BATCH_SIZE).unsqueeze(1)
    return DataLoader(TensorDataset(x, 3.0 * x + 1.0), batch_size=BATCH_SIZE)


class Regression(LightningModule):
    """Ends, at one of its steps, in the way that it is asked to."""

    def __init__(self, ending: str = "end", pause: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(1, 1)
        self.ending, self.pause = ending, pause

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        time.sleep(self.pause)
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("train_loss", loss)
        if self.ending == "nan":
            return loss * float("nan")
        if self.global_step == 8:
            if self.ending == "error":
                raise ValueError("no such label")
            if self.ending == "interrupt":
                raise KeyboardInterrupt
            if self.ending == "sigterm":
                os.kill(os.getpid(), signal.SIGTERM)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(callback: Any, folder: Path, **options: Any) -> Any:
    """A trainer with one callback, which writes nothing else but its checkpoints."""
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return Trainer(**(quiet | {"max_epochs": EPOCHS, "default_root_dir": str(folder)} | options), callbacks=[callback])


def train(callback: Any, folder: Path, ending: str = "end", pause: float = 0.0, **options: Any) -> None:
    """Train; ``resume`` as ``ending`` goes on from the checkpoint that the last training left."""
    module, checkpoint = Regression(ending, pause), folder / "last.ckpt"
    fitting = trainer(callback, folder, **options)
    fitting.fit(module, loader(), ckpt_path=str(checkpoint) if ending == "resume" else None, weights_only=False)
    fitting.save_checkpoint(checkpoint)
