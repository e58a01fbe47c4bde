"""What can go wrong, by cause: the user's input, the implementation, or this machine (not measurable here)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = [
    "ImplementationError",
    "Inconclusive",
    "ManifestError",
    "NoAnswer",
    "NotAnAnswer",
    "NotApplicable",
    "Unmeasured",
    "Violation",
    "did_you_mean",
]


class ManifestError(ValueError):
    """The manifest, or the name given with ``--impl``, cannot be used. The message says what and where. Exit code 2."""


class OutputError(OSError):
    """A file of results could not be written. The message says which and why.

    ``exit`` is the exit code of the verdict, 0 when it passed or when there is none.
    """

    def __init__(self, message: str, exit: int = 0) -> None:
        super().__init__(message)
        self.exit = exit


class ImplementationError(RuntimeError):
    """The implementation could not be started, or it broke the protocol (SPEC.md, "Adapters").

    ``stderr`` holds what it had printed to standard error by then (evidence, never judged), ``request`` what it was
    asked, as it was sent. ``exit_code`` is that of the process when it ended instead of answering, as `subprocess`
    has it: below 0 for a signal.
    """

    def __init__(self, message: str, stderr: str = "", request: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.request = request
        self.exit_code = exit_code


class NotAnAnswer(ImplementationError):
    """It answered, and not as SPEC.md says: it has to be mended before anything else can be judged."""


class NoAnswer(ImplementationError):
    """The implementation neither answered nor ended within the budget, and was killed."""


class Violation(AssertionError):
    """A clause is violated. ``evidence`` maps short titles to observed JSON values."""

    def __init__(self, message: str, **evidence: object) -> None:
        super().__init__(message)
        self.evidence: Mapping[str, object] = evidence


class Unmeasured(Exception):
    """This case cannot be measured here; the message says why and, where possible, what to install or allow."""


class NotApplicable(Exception):
    """This case does not apply to the implementation; the message says why."""


class Inconclusive(Exception):
    """Too little was observed for a verdict: counted as unmeasured, and the run ends with exit code 4."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean X or Y?`` for a misspelt word, or nothing where no known one is like it."""
    import difflib  # late: every process of an implementation in Python would wait for it

    folded = {name.casefold(): name for name in known}
    near = [folded[name] for name in difflib.get_close_matches(word.casefold(), folded, n=2, cutoff=0.6)]
    return f"; did you mean {' or '.join(near)}?" if near else ""
