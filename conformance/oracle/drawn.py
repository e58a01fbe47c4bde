"""What a run draws from its seed, so that no writer can know it: sizes of documents, and names of targets. No I/O here.

An honest bug has its limits, too: a size at which one buffer is full and the next begins, a name that a pattern misses.
"""

from __future__ import annotations

import random
from typing import Any

from conformance.oracle.document import STATUSES
from conformance.oracle.payload import encode

__all__ = ["LARGEST", "SMALLEST", "drawn_names", "drawn_sizes", "drawn_status"]

SMALLEST, LARGEST = 1, 1 << 20  # bytes
_MESSAGES = (
    "epoch {digit}/10, step {number}/9999",
    "training",
    "saved checkpoint to /mnt/runs/{number}",
    "validation accuracy 0.{number}",
    "CUDA out of memory. Tried to allocate {digit}.{day} GiB",
    "waiting for the data loader",
    "",
)
_OCTAVES = 20
_LONGEST = 255  # bytes of a name
_NEAR = 8  # sizes that are drawn beside a power of two or the size of a buffer
# Of stdio, of Python, Java, Go and Node, of a pipe, and of pages of 4, 16 and 64 KiB.
_BUFFERS = (1000, 1024, 4096, 8191, 8192, 10_000, 16_384, 32_768, 65_536, 100_000, 131_072, 262_144, 1_000_000)
_FOLDERS = ("", "", "train", "runs/{number}", "exp-{number}/logs", "checkpoints", "2025-03-{day:02}", "gpu{digit}")
_STEMS = ("status", "run-{number}", "run_{number}", "progress", "metrics", "job.{number}", "state", "epoch-{digit}")
_ENDINGS = (".json", ".json", "", ".status", ".txt", ".json.new", ".JSON")


def drawn_sizes(draw: random.Random) -> list[int]:
    """Sizes in bytes from 1 B to 1 MiB, in no order: one of each octave, so that no range of an octave is ever missed,
    and some that are a byte or two away from a power of two or a usual buffer, or as long.
    """
    sizes = [int(2 ** draw.uniform(octave, octave + 1)) for octave in range(_OCTAVES)]
    near = [1 << draw.randint(8, 19), 4096 * draw.randint(2, 200), *draw.sample(_BUFFERS, _NEAR - 2)]
    sizes += [size + draw.randint(-2, 2) for size in near]
    draw.shuffle(sizes)
    return [min(max(size, SMALLEST), LARGEST) for size in sizes]


def drawn_status(draw: random.Random, size: int) -> dict[str, Any]:
    """A status as a training run writes it, whose encoded form has about ``size`` bytes; it has no mark of the kit."""
    status: dict[str, Any] = {
        "status": draw.choice(STATUSES),
        "epoch": draw.randrange(1, 400) / 4,
        "total_epochs": float(draw.randrange(1, 100)),
        "loss": draw.randrange(1, 9999) / 4,
        "message": _filled(draw, draw.choice(_MESSAGES)),
        "timestamp": draw.randrange(1_700_000_000, 1_800_000_000),
    }
    line = _filled(draw, "; step {number}: ok")
    room = size - len(encode(status).encode("utf-8"))
    status["message"] += (line * (room // len(line) + 1))[: max(0, room - 1)] + "." * (room > 0)
    return status


def _filled(draw: random.Random, text: str) -> str:
    return text.format(number=draw.randint(1, 9999), day=draw.randint(1, 28), digit=draw.randint(0, 9))


def drawn_names(draw: random.Random, count: int) -> list[str]:
    """So many names of targets, at least four, each another one, with ``/`` between a folder and its file: at least one
    in a folder, one that ends in a number, one that is named status.json, one that begins with a dot, and one of 255
    bytes, the longest that file systems take.
    """

    def named(stem: str, ending: str, folder: str = "") -> str:
        return _filled(draw, "/".join(filter(None, [folder or draw.choice(_FOLDERS), f"{stem}{ending}"])))

    longest = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz0123456789-", k=_LONGEST - len("r.json")))
    dotted = f".{_filled(draw, draw.choice(_STEMS))}.json"
    # No set: the order of one depends on the interpreter's own seed.
    names = dict.fromkeys(
        [named("run-{number}", ".json", "train"), named("status", ".json"), f"r{longest}.json", dotted]
    )
    while len(names) < count:
        names[named(draw.choice(_STEMS), draw.choice(_ENDINGS))] = None
    return draw.sample(list(names), count)
