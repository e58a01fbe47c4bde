"""What ``pulse watch`` says of a run: one row of facts, in words, with nothing in it that could harm a terminal."""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pulse.liveness import Evidence, Liveness, severity, state
from pulse.reader import Polled, ReadOutcome

__all__ = [
    "ASCII",
    "UNICODE",
    "Glyphs",
    "Row",
    "aged",
    "duration",
    "exit_code",
    "facts",
    "headline",
    "line",
    "message",
    "not_looked_at",
    "position",
    "ranked",
    "safe",
    "sparkline",
    "summary",
    "updated",
]

LOSSES_KEPT = 20
"""As many losses as a sparkline shows."""
LONGEST_TEXT = 500
"""No more characters of a name or message are ever shown."""


@dataclass(frozen=True)
class Glyphs:
    """The characters to draw with."""

    symbols: Mapping[str, str]
    """One for each state."""
    full: str
    empty: str
    levels: str
    """For a sparkline, the lowest first."""
    ellipsis: str
    separator: str
    ascii: bool
    """Whether nothing but ASCII may be printed."""


UNICODE = Glyphs(
    {"done": "✓", "idle": "○", "running": "►", "stalled": "▲", "error": "✗", "unreadable": "?"},
    full="━",
    empty="─",
    levels="▁▂▃▄▅▆▇█",
    ellipsis="…",
    separator=" · ",
    ascii=False,
)
ASCII = Glyphs(
    {"done": "+", "idle": "-", "running": ">", "stalled": "!", "error": "x", "unreadable": "?"},
    full="#",
    empty=".",
    levels="_.-=+*%#",
    ellipsis="...",
    separator=" | ",
    ascii=True,
)


@dataclass(frozen=True)
class Row:
    """One file on the screen."""

    path: str
    """As the user named it."""
    name: str
    polled: Polled
    losses: tuple[float, ...] = ()
    """The losses that were seen, oldest first."""


def updated(row: Row | None, path: str, name: str, polled: Polled) -> Row:
    """The row after one more poll; ``row`` is what it was before, if there was one."""
    if row is None:
        return Row(path, name, polled, _losses((), polled))
    if polled.status is None or polled.status == row.polled.status:
        return replace(row, polled=polled)
    started_anew = row.polled.status is not None and polled.status["epoch"] < row.polled.status["epoch"]
    return Row(path, name, polled, _losses(() if started_anew else row.losses, polled))


def _losses(losses: tuple[float, ...], polled: Polled) -> tuple[float, ...]:
    """The losses with that of a new document. Until there was another, 0 stands for none, as in the format."""
    if polled.status is None or polled.status["status"] == "idle" or (polled.status["loss"] == 0.0 and not losses):
        return losses
    return (*losses, polled.status["loss"])[-LOSSES_KEPT:]


def ranked(rows: Iterable[Row]) -> list[Row]:
    """The rows, the worst first; those of one state in the order of the command line: none moves without need."""
    return sorted(rows, key=lambda row: -severity(row.polled))


def exit_code(rows: Iterable[Row]) -> int:
    """The exit code of ``--once``: 3 stalled, 4 error, 5 unreadable, else 0; of several files, the largest."""
    worst = max((severity(row.polled) for row in rows), default=0)
    return worst if worst >= 3 else 0


def aged(polled: Polled, seconds: float) -> Polled:
    """What was polled, ``seconds`` later, for a display that is drawn more often than the file is read."""
    unchanged, unreadable, eta = polled.unchanged_seconds, polled.unreadable_seconds, polled.eta_seconds
    return replace(
        polled,
        unchanged_seconds=None if unchanged is None else unchanged + seconds,
        unreadable_seconds=None if unreadable is None else unreadable + seconds,
        eta_seconds=None if eta is None else max(eta - seconds, 0.0),
    )


def not_looked_at(polled: Polled | None, seconds: float) -> Polled:
    """What is known of a file whose read has not come back.

    Args:
        polled: what the last read gave; ``None`` if none ever came back.
        seconds: since that read, or since the first one began.
    """
    before = None if polled is None else aged(polled, seconds)
    return Polled(
        status=None if before is None else before.status,
        fresh=False,
        outcome=ReadOutcome.UNREADABLE,
        detail=f"not looked at for {duration(seconds)}: its disk does not answer",
        liveness=Liveness.UNREADABLE,
        unchanged_seconds=None if before is None else before.unchanged_seconds,
        evidence=None if before is None else before.evidence,
        unreadable_seconds=seconds if before is None else before.unreadable_seconds or seconds,
        progress=0.0 if before is None else before.progress,
        rate=None,
        eta_seconds=None,
    )


def headline(polled: Polled) -> str:
    """The state in words, with the number that it rests on."""
    word = state(polled)
    if word == "stalled":
        source = {Evidence.TIMESTAMP: ", by its timestamp", Evidence.MODIFIED: ", by the file's time"}
        since = duration(polled.unchanged_seconds or 0.0)
        return f"stalled: no change for {since}{'' if polled.evidence is None else source.get(polled.evidence, '')}"
    if word == "unreadable":
        before = "" if polled.status is None else f", was {polled.status['status']}"
        return f"{polled.outcome.value} for {duration(polled.unreadable_seconds or 0.0)}{before}"
    return word


def facts(row: Row, glyphs: Glyphs) -> list[str]:
    """Loss, rate, time to go and time of the last update: whatever is known of a run."""
    polled = row.polled
    if polled.status is None:
        return []
    found = []
    if row.losses:
        curve = sparkline(row.losses, glyphs)
        loss = polled.status["loss"] + 0.0  # never -0
        found.append(f"loss {loss:.4g}{' ' if curve else ''}{curve}")
    if polled.rate is not None:
        found.append(_speed(polled.rate))
    if polled.eta_seconds is not None:
        found.append(f"ETA {duration(polled.eta_seconds)}")
    return [*found, f"last update {duration(polled.unchanged_seconds or 0.0)} ago"]


def position(polled: Polled) -> list[str]:
    """How far a run is: percent, if the end is known, and epochs."""
    if polled.status is None:
        return []
    epoch, total = polled.status["epoch"], polled.status["total_epochs"]
    if total == 0.0:
        return [f"epoch {_number(epoch)}"] if epoch else []
    # Only what is complete is 100 %.
    percent = polled.progress if polled.progress == 100.0 else min(polled.progress, 99.9)
    return [f"{percent:5.1f} %", f"epoch {_number(epoch)}/{_number(total)}"]


def line(row: Row, glyphs: Glyphs, width: int = 0) -> str:
    """Everything about a run on one line.

    Args:
        row: the run.
        glyphs: what to draw with.
        width: of the column with the name.
    """
    polled = row.polled
    parts = [
        f"{glyphs.symbols[state(polled)]} {safe(row.name, glyphs):{width}}",
        headline(polled),
        *(text.strip() for text in position(polled)),
        *facts(row, glyphs),
        safe(message(polled), glyphs),
    ]
    return "  ".join(part for part in parts if part)


def message(polled: Polled) -> str:
    """The run's own message; why it cannot be read, while that is so."""
    if polled.detail:
        return polled.detail
    return "" if polled.status is None else polled.status["message"]


def summary(rows: Sequence[Row]) -> str:
    """How many runs there are in each state, the worst first."""
    states = [state(row.polled) for row in ranked(rows)]
    return ", ".join(f"{states.count(word)} {word}" for word in dict.fromkeys(states))


def duration(seconds: float) -> str:
    """A time span for people, cut to its two largest units: ``12 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    whole = int(max(seconds, 0.0))
    for size, unit, smaller_size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def safe(text: str, glyphs: Glyphs) -> str:
    """Text from a file or a path, harmless for a terminal and on one line.

    Control characters, escape sequences, invisible characters and those that change the direction of writing become
    visible as ``\\x1b``; white space becomes a space.
    """
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + glyphs.ellipsis
    shown = "".join(map(_shown, " ".join(cut.split())))
    return shown.encode("ascii", "backslashreplace").decode() if glyphs.ascii else shown


def _shown(character: str) -> str:
    if character == " " or unicodedata.category(character)[0] not in "CZ":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def sparkline(values: Sequence[float], glyphs: Glyphs) -> str:
    """The values as a curve of one line; empty for fewer than two."""
    if len(values) < 2:
        return ""
    low, high, top = min(values), max(values), len(glyphs.levels) - 1
    if not low < high:
        return glyphs.levels[0] * len(values)
    scale = 0.5 if math.isinf(high - low) else 1.0
    span = high * scale - low * scale
    return "".join(glyphs.levels[round((value * scale - low * scale) / span * top)] for value in values)


def _number(value: float) -> str:
    """An epoch: ``3``, ``2.5``, ``2.67``."""
    return f"{math.floor(value * 100) / 100:.2f}".rstrip("0").rstrip(".") if value < 1e12 else f"{value:.4g}"


def _speed(rate: float) -> str:
    """Epochs per second, minute, hour or day: the first unit that makes it more than one."""
    units = (("s", 1), ("min", 60), ("h", 3600), ("day", 86400))
    unit, seconds = next((unit for unit in units if rate * unit[1] >= 1.0), units[-1])
    number = f"{rate * seconds:.3g}"
    return f"{number} {'epoch' if number == '1' else 'epochs'}/{unit}"
