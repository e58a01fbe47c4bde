"""A tiny language model that is made on the spot, and trained on the CPU by the ``Trainer`` of Transformers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

__all__ = ["BATCHES", "EPOCHS", "arguments", "data", "model", "train", "trainer"]

BATCHES, BATCH_SIZE, EPOCHS, TOKENS, VOCABULARY = 5, 2, 3, 8, 32


def model() -> Any:
    """A GPT-2 with some 2,000 parameters, the same at each call."""
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    sizes = {"vocab_size": VOCABULARY, "n_positions": TOKENS, "n_embd": 8, "n_layer": 1, "n_head": 1}
    return GPT2LMHeadModel(GPT2Config(**sizes, **ends, loss_type="ForCausalLMLoss"))


def data(samples: int = BATCHES * BATCH_SIZE) -> list[dict[str, Any]]:
    """Samples of random tokens."""
    tokens = torch.randint(0, VOCABULARY, (samples, TOKENS), generator=torch.Generator().manual_seed(0))
    return [{"input_ids": row, "labels": row} for row in tokens]


def arguments(folder: Path, **options: Any) -> Any:
    """Arguments for a training that needs no network and reports to nothing else."""
    quiet = {"report_to": [], "disable_tqdm": True, "save_strategy": "no", "use_cpu": True}
    sizes = {"per_device_train_batch_size": BATCH_SIZE, "num_train_epochs": EPOCHS, "logging_steps": 1}
    return TrainingArguments(str(folder), **(quiet | sizes | options))


class _Trainer(Trainer):
    """Ends, at one of its steps, in the way that it is asked to."""

    ending = "end"
    pause = 0.0
    at = 8

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(self.pause)
        loss = super().compute_loss(*args, **kwargs)
        if self.ending == "nan":
            return loss * float("nan")
        if self.state.global_step == self.at and self.is_in_train:
            if self.ending == "error":
                raise ValueError("no such label")
            if self.ending == "interrupt":
                raise KeyboardInterrupt
        return loss


def trainer(callback: Any, folder: Path, ending: str = "end", pause: float = 0.0, **options: Any) -> Any:
    """A trainer with one callback.

    Args:
        callback: the callback.
        folder: where checkpoints go.
        ending: ``end``, ``error``, ``interrupt`` (both at step 8) or ``nan`` (from the start).
        pause: how long each batch takes at least, in seconds.
        options: arguments of the training.
    """
    made = _Trainer(model(), arguments(folder, **options), train_dataset=data(), callbacks=[callback])
    made.ending, made.pause = ending, pause
    return made


def train(callback: Any, folder: Path, ending: str = "end", pause: float = 0.0, **options: Any) -> None:
    """Train; ``resume`` as ``ending`` goes on from the last checkpoint in the folder."""
    trainer(callback, folder, ending, pause, **options).train(resume_from_checkpoint=ending == "resume")
