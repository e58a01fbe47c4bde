"""The trainers of TRL take the callback of Transformers as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulse.integrations.transformers import PulseCallback
from tests.frameworks import hugging_face
from tests.frameworks.test_endings import read


def tokenizer() -> Any:
    """A tokenizer that is made on the spot: a word for each token of the tiny model."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = {"<end>": 0, **{f"w{number}": number for number in range(1, hugging_face.VOCABULARY)}}
    made = Tokenizer(WordLevel(words, unk_token="<end>"))
    made.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", pad_token="<end>", unk_token="<end>")


def sft_trainer(callback: Any, folder: Path) -> Any:
    """A trainer for supervised fine-tuning of the tiny model, on sentences of its words."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [{"text": " ".join(f"w{1 + (row + word) % 31}" for word in range(7))} for row in range(10)]
    quiet = {"report_to": [], "disable_tqdm": True, "save_strategy": "no", "use_cpu": True, "bf16": False}
    sizes = {"per_device_train_batch_size": 2, "num_train_epochs": 2, "logging_steps": 1, "max_length": 8}
    return SFTTrainer(
        hugging_face.model(),
        SFTConfig(str(folder), **quiet, **sizes),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer(),
        callbacks=[callback],
    )


def test_supervised_fine_tuning(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    sft_trainer(PulseCallback(file), tmp_path).train()
    status = read(file)
    assert (status["status"], status["epoch"], status["total_epochs"]) == ("done", 2.0, 2.0)
    assert status["loss"] > 0.0


def test_an_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "status.json"
    trainer = sft_trainer(PulseCallback(file), tmp_path)

    def compute_loss(*arguments: Any, **options: Any) -> Any:
        raise ValueError("no such label")

    monkeypatch.setattr(trainer, "compute_loss", compute_loss)
    with pytest.raises(ValueError, match="label"):
        trainer.train()
    assert (read(file)["status"], read(file)["message"]) == ("error", "ValueError: no such label")
