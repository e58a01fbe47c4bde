"""Values as training code has them (tensors, NumPy scalars, NaN), as the status file can carry them."""

import math
from typing import Any

__all__ = [
    "MESSAGE_LIMIT",
    "NOT_CONVERTED",
    "describe_error",
    "finite",
    "is_on_accelerator",
    "not_negative",
    "text",
    "with_note",
]

MESSAGE_LIMIT = 10_000
"""The longest message that a training writes, in characters; the rest of a longer one is cut off."""

NOT_CONVERTED = "not a number"


def is_on_accelerator(value: Any) -> bool:
    """Whether reading ``value`` waits for a GPU or the like: it is a PyTorch tensor that is not in main memory."""
    try:
        return getattr(value, "is_cpu", True) is False
    except Exception:  # of whatever type: the conversion will say that it is not a number
        return False


def finite(value: Any) -> float | str:
    """``value`` as a finite ``float``.

    Args:
        value: a number, or what has one: a tensor or array with one element, a NumPy scalar, a ``Decimal``.

    Returns:
        The number, or what is wrong with it (``nan``, ``inf``, ``not a number``); it never raises.
    """
    try:
        if type(value) is not float and type(value) is not int:  # nearly always it is one of them
            if isinstance(value, bool | str | bytes):
                return NOT_CONVERTED
            if hasattr(value, "detach"):  # a tensor that requires a gradient warns when it is converted
                value = value.detach()
            if hasattr(value, "item"):
                value = value.item()
        number = float(value)
    except Exception:  # of whatever type: the value is an object of some framework
        return NOT_CONVERTED
    return number if math.isfinite(number) else str(number)


def not_negative(value: Any) -> float | str:
    """As :func:`finite`, for a count of epochs: a negative number is refused too."""
    number = finite(value)
    return str(number) if isinstance(number, float) and number < 0.0 else number


def text(value: Any) -> str:
    """``value`` as a message: text that UTF-8 can carry, of at most :data:`MESSAGE_LIMIT` characters."""
    try:
        shown = str.__str__(str(value))  # of a class derived from str, which may have a length of its own, a plain one
    except Exception:  # an object whose text cannot be had must not stop a training
        shown = f"<{type(value).__name__}>"
    if len(shown) > MESSAGE_LIMIT:
        shown = shown[: MESSAGE_LIMIT - 1] + "…"
    return shown if shown.isascii() else shown.encode(errors="replace").decode()


def with_note(message: str, note: str) -> str:
    """A message of at most :data:`MESSAGE_LIMIT` characters with a short note behind it; an empty one adds nothing."""
    if not note:
        return message
    return f"{message[: MESSAGE_LIMIT - len(note) - 3]} ({note})" if message else note


def describe_error(error: BaseException | str) -> str:
    """What an error's message says: ``ValueError: text``, the type alone where there is no text."""
    if not isinstance(error, BaseException):
        return text(error)
    name = type(error).__name__
    about = text(error).strip()
    return text(f"{name}: {about}") if about else name
