"""Values of training code, as the file can carry them."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pulse._values import MESSAGE_LIMIT, describe_error, finite, is_on_accelerator, not_negative, text, with_note


class Tensor:
    """What a PyTorch tensor has: ``item``, ``detach``, ``is_cpu``, and a warning when it requires a gradient."""

    def __init__(self, value: float, *, is_cpu: bool = True, requires_grad: bool = False) -> None:
        self.value, self.is_cpu, self.requires_grad = value, is_cpu, requires_grad

    def detach(self) -> "Tensor":
        return Tensor(self.value, is_cpu=self.is_cpu)

    def item(self) -> float:
        assert not self.requires_grad
        return self.value


class Broken:
    """An object of which nothing can be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __float__(self) -> float:
        raise RuntimeError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.5, 0.5),
        (-2, -2.0),
        (np.float32(0.5), 0.5),
        (np.array([0.5]), 0.5),
        (Tensor(0.5, requires_grad=True), 0.5),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (Tensor(math.nan), "nan"),
        (True, "not a number"),
        ("0.5", "not a number"),
        (b"0.5", "not a number"),
        (None, "not a number"),
        (10**400, "not a number"),
        (np.array([0.5, 1.0]), "not a number"),
        (Broken(), "not a number"),
    ],
)
def test_a_number_or_what_is_wrong_with_it(value: Any, number: float | str) -> None:
    found = finite(value)
    assert (type(found), found) == (type(number), number)


@pytest.mark.parametrize(("value", "number"), [(2, 2.0), (0.0, 0.0), (-0.5, "-0.5"), (math.inf, "inf")])
def test_epochs_are_not_negative(value: Any, number: float | str) -> None:
    assert not_negative(value) == number


@pytest.mark.parametrize(("value", "on"), [(0.5, False), (Tensor(1), False), (Tensor(1, is_cpu=False), True)])
def test_only_a_tensor_that_is_not_in_main_memory_is_on_an_accelerator(value: Any, on: bool) -> None:
    assert is_on_accelerator(value) is on


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("шаг 1", "шаг 1"),
        (7, "7"),
        ("a\ud800b", "a?b"),
        (Broken(), "<Broken>"),
        ("x" * MESSAGE_LIMIT, "x" * MESSAGE_LIMIT),
        ("x" * (MESSAGE_LIMIT + 1), "x" * (MESSAGE_LIMIT - 1) + "…"),
    ],
)
def test_any_value_has_a_text_that_fits(value: Any, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("bad batch"), "ValueError: bad batch"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(3), "SystemExit: 3"),
        (RuntimeError(" CUDA error \n"), "RuntimeError: CUDA error"),
        ("out of patience", "out of patience"),
    ],
)
def test_an_error_is_its_type_and_text(error: BaseException | str, shown: str) -> None:
    assert describe_error(error) == shown


def test_a_text_of_a_class_of_its_own_becomes_a_plain_one() -> None:
    class Immeasurable(str):
        def __len__(self) -> int:
            raise RuntimeError("no length")

        def __str__(self) -> str:
            return self

    class Failed(Exception):
        def __str__(self) -> str:
            return Immeasurable("bad batch")

    assert type(text(Immeasurable("bad batch"))) is str
    assert describe_error(Failed()) == "Failed: bad batch"


def test_a_tensor_that_cannot_say_where_it_is_counts_as_in_main_memory() -> None:
    class Lazy:
        @property
        def is_cpu(self) -> bool:
            raise RuntimeError("not materialised yet")

    assert not is_on_accelerator(Lazy())


def test_a_note_stands_behind_the_message_and_within_the_limit() -> None:
    assert with_note("step 3", "") == "step 3"
    assert with_note("", "loss is nan") == "loss is nan"
    assert with_note("step 3", "loss is nan") == "step 3 (loss is nan)"
    long = with_note("x" * MESSAGE_LIMIT, "loss is nan")
    assert len(long) == MESSAGE_LIMIT
    assert long.endswith("x (loss is nan)")
