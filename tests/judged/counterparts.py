"""Which cases of the suite measure what `pulse judge` answers, what it leaves out and why; and what both judge.

What one of the two does not measure is said here, for every implementation alike: there are no exceptions for one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.commands.judge.answers import Question

__all__ = [
    "ADAPTED",
    "CORRECT",
    "COUNTERPARTS",
    "DEFECTIVE",
    "Adapted",
    "Counterpart",
    "mutant_or_variant",
]

# A point that both visit: an error of an operation that stores something, or a disk that is full from there on.
_COMMON_POINT = (
    r"replace:\d+:(?!stat|readlink|list|lock|make-folder|remove-folder)[a-z-]+:((?!EINTR)E[A-Z0-9]+|ENOSPC-lasting)"
)
# A short write. Judge lets the disk be full from there on, as it is in the case with a real one: libuv passes over an
# error that follows a short write, and completes a write that is only short.
_SHORT_WRITE = r"replace:\d+:[a-z-]+:short(-\d+)?"
_HARM = r"(left the target torn|lost the target|left another document|left a target that cannot be read|left .* at the)"


@dataclass(frozen=True)
class Counterpart:
    """The cases (globs) that answer a question of judge: *yes* when one of them fails.

    With ``counts`` only failures count of which the text of a visit matches; ``but`` says what they do not count, and
    ``left_out`` what else the clause of the question asks for that judge does not measure.
    """

    cases: tuple[str, ...]
    left_out: str
    counts: str = ""
    but: str = ""

    def concerns(self, text: str) -> bool:
        """Whether a failure with this text is one that judge can see as well."""
        return re.match(self.counts, text) is not None


COUNTERPARTS: Mapping[Question, Counterpart] = {
    "reader": Counterpart(
        ("order_of_operations:VIS-01-replace", "slow_motion:8192-replace"),
        "Judge makes the one write that the program makes: no other sizes, names and paths, no first write, no write "
        "with a fault. It looks after each operation as slow_motion does, and reports that under VIS-01, not VIS-05. "
        "A target that is opened for writing and not changed breaks VIS-01; no reader can see it.",
    ),
    "power": Counterpart(
        ("every_disk_state_is_old_or_new:replace",),
        "Judge has one write of one length, and no write after a fault.",
    ),
    "attributes": Counterpart(
        ("mode_is_kept:*", "owner_is_kept_for_root:*", "symbolic_link_is_treated_as_declared:other-folder"),
        "MET-01 is about the mode alone; judge asks for the owner (MET-03) and a link (MET-04) in the same breath. It "
        "tries one mode of nine bits, so that the set-user-id bits are not its business, and knows no declaration: a "
        "link that is replaced is lost. So the manifest declares that links are followed.",
    ),
    "kill": Counterpart(("kill_at_every_boundary:KIL-01-replace",), "No kill of a first write."),
    "resume": Counterpart(
        ("kill_at_every_boundary:KIL-02-replace",),
        "No first write, and no hundred kills in a row in one folder.",
    ),
    "disk": Counterpart(
        (
            *("fault_at_every_operation:FLT-01-replace", "fault_at_every_operation:VIS-06-replace"),
            "short_write_is_noticed:disk-full",
        ),
        "Judge has no answer that could be untrue, and looks at the file alone.",
        counts=f"({_COMMON_POINT}: |{_SHORT_WRITE}: .*)?{_HARM}",
        but="Signals (EINTR), a clean-up that fails, EIO and EROFS that last, and errors of calls that "
        "only look: judge tries none of these. An answer that is not true, where the file is whole.",
    ),
    "temps": Counterpart(
        ("fault_at_every_operation:FLT-02-replace",),
        "A process that ends after one write leaves no descriptor open.",
        counts=f"({_COMMON_POINT}|{_SHORT_WRITE}): left .* behind",
        but="As for the target after an error; and descriptors.",
    ),
}


@dataclass(frozen=True)
class Adapted:
    """An implementation with a manifest, and the words of a program that makes one replace of ``f`` through it.

    ``{folder}`` is where it was set up. The new text comes on standard input, too. ``needs`` is the program that the
    set-up calls.
    """

    folder: Path
    words: tuple[str, ...]
    needs: str


_SHIPPED = Path(__file__).parents[2] / "conformance" / "implementations"
ADAPTED: Mapping[str, Adapted] = {
    "write-file-atomic": Adapted(
        _SHIPPED / "write-file-atomic",
        (
            "node",
            "-e",
            "require('{folder}/node_modules/write-file-atomic')('f', 'new\\n')"
            ".catch(error => {{ console.error(error.message); process.exit(1) }})",
        ),
        "npm",
    ),
    "atomicwrites": Adapted(
        _SHIPPED / "atomicwrites",
        (
            sys.executable,
            "-c",
            "import sys\nsys.path.insert(0, '{folder}')\nfrom adapter import AtomicWrites\n"
            "AtomicWrites().replace('f', 'new\\n')",
        ),
        sys.executable,
    ),
    "shell": Adapted(_SHIPPED / "shell", ("sh", "{folder}/implementation.sh", "replace", "f"), "sh"),
    "the shell script of the tutorial": Adapted(
        Path(__file__).parents[2] / "docs" / "examples" / "mine", ("{folder}/save", "replace", "f"), "sh"
    ),
}

DEFECTIVE: Mapping[str, Question] = {
    "truncate-in-place": "reader",
    "memory-map-in-place": "reader",
    "unlink-then-rename": "reader",
    "copy-onto-target": "reader",
    "filled-after-the-rename": "reader",
    "rename-away-then-rename": "kill",
    "unlink-then-link": "kill",
    "no-fsync": "power",
    "fsync-after-rename": "power",
    "fsync-before-the-last-piece": "power",
    "temp-leaked-on-failure": "temps",
    "temp-leaked-when-write-fails": "temps",
    "lock-file-outlives-its-owner": "resume",
    "stopped-by-a-leftover": "resume",
    "in-place-when-disk-is-full": "disk",
    "always-0600": "attributes",
    "owner-lost": "attributes",
    "symbolic-link-replaced": "attributes",
}
"""Mutants of the kit, each with the question that its defect answers with yes."""

CORRECT = ("plain", "temp-renamed-when-complete", "exchange-then-unlink", "opened-with-o-dsync")
"""Variants of the kit."""


def mutant_or_variant(callable_of_it: str) -> tuple[str, ...]:
    """The words of a program that makes one replace of ``f`` through a mutant or a variant (its ``callable``)."""
    module, _, name = callable_of_it.partition(":")
    status = {"status": "running", "message": "new", "timestamp": 1}
    return (sys.executable, "-c", f"import {module} as module\nmodule.{name}().write('f', {status})")
