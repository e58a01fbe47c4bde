"""Failures that have one cause, found by their evidence: for people, who would otherwise read one mistake many times.

A pure function over results. It hides nothing, and changes neither an outcome nor the verdict. A cause is named only
where the evidence is the same in cases of several clauses:

- the same wrong token of the same member in what was published,
- an acknowledged document that is not there, and the one before it is,
- another value of the same member, and of no other,
- a target that is written to in place,
- the same answer to a write that should have succeeded,
- an answer that is none, of the same kind,
- a hang in process,
- the death of the process, by the same signal or with the same last line on standard error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.reporting.results import Result

__all__ = ["Cause", "causes", "explained"]

_CLAUSE_OF_MEMBER = {
    "status": "DOC-03",
    "epoch": "DOC-04",
    "total_epochs": "DOC-05",
    "loss": "DOC-06",
    "message": "DOC-07",
    "timestamp": "DOC-08",
}
_UNLIKE = "the target does not hold the document that was written: "
_TOKEN = re.compile(rf"(?<!\w)({'|'.join(_CLAUSE_OF_MEMBER)}) is [^;]*?, not ([^;()]+)")
_VALUE = re.compile(rf"(?:{_UNLIKE})?({'|'.join(_CLAUSE_OF_MEMBER)}) is .+(?: instead of|, expected) ", re.DOTALL)
_OTHER_MESSAGE = "the message is not the one given"
_IN_PLACE = re.compile(
    r"the first document was written in place|it was written to in place|the target itself was opened for writing|"
    r"the old file was written to instead of being replaced|the target appeared empty"
)
_REFUSED = re.compile(r"was answered with (\w+): (.+)")
_NO_ANSWER = re.compile(
    r"(answered with an \"id\" that is not|answered without \"\w+\"|a failure must say \"error\"|"
    r"answered with something that is not a JSON object|printed something that is not (?:a )?JSON)"
)
_NOT_PUBLISHED = "answered ok, but the target still holds a document from before"
_HUNG = re.compile(r"does not end on .+? within \S+ s when file calls fail")
_ENDED = re.compile(r"ended (?:the process )?with exit code (-?\d+)")


@dataclass(frozen=True)
class Cause:
    """What the results have in common. ``first`` names it best; ``others`` are the failures that it explains."""

    text: str
    first: Result
    others: tuple[Result, ...]

    @property
    def sentence(self) -> str:
        """Such as ``DOC-05 [integer] explains 3 more (LIF-01, VIS-07: 2): total_epochs is 3, not a number …``."""
        counted = Counter(result.clause for result in self.others)
        where = ", ".join(clause if count == 1 else f"{clause}: {count}" for clause, count in counted.items())
        return f"{self.first.clause} [{self.first.case}] explains {len(self.others)} more ({where}): {self.text}"


@dataclass(frozen=True)
class _Sign:
    """What two failures must have in common, and how to say it. ``clause`` is the one that it is about, if any."""

    key: tuple[str, ...]
    text: str
    clause: str = ""


def causes(results: Iterable[Result]) -> list[Cause]:
    """The causes of failures in at least two clauses, those that explain most first. The order of results is kept."""
    groups: dict[tuple[str, ...], list[tuple[_Sign, Result]]] = {}
    for result in results:
        sign = _sign(result) if result.outcome in ("fail", "error") and result.blame != "kit" else None
        if sign is not None:
            groups.setdefault(sign.key, []).append((sign, result))
    found = []
    for group in groups.values():
        if len({result.clause for _, result in group}) > 1:
            sign, first = next(((sign, one) for sign, one in group if one.clause == sign.clause), group[0])
            found.append(Cause(sign.text, first, tuple(one for _, one in group if one is not first)))
    return sorted(found, key=lambda cause: -len(cause.others))


def explained(found: Iterable[Cause]) -> dict[tuple[str, str], Cause]:
    """The cause of each failure that another one explains, by its clause and case.

    A case may have failed several times, as in each of its repeats: the one that explains does not explain itself.
    """
    return {
        (other.clause, other.case): cause
        for cause in found
        for other in cause.others
        if (other.clause, other.case) != (cause.first.clause, cause.first.case)
    }


def _sign(result: Result) -> _Sign | None:
    for sign in (_death, _hang, _no_answer, _wrong_token, _wrong_value, _refused, _lost, _in_place):
        if found := sign(result):
            return found
    return None


def _wrong_token(result: Result) -> _Sign | None:
    tokens = [_TOKEN.search(part) for part in result.message.split("; ")]
    first = tokens[0]
    if result.outcome != "fail" or first is None or not all(tokens):
        return None  # something else is wrong with the document, too
    member, wanted = first[1], first[2].strip()
    return _Sign(("token", member, wanted), first[0].strip(), _CLAUSE_OF_MEMBER[member])


def _wrong_value(result: Result) -> _Sign | None:
    found = _VALUE.match(result.message)
    member = "message" if result.message == _OTHER_MESSAGE else found[1] if found else ""
    if result.outcome != "fail" or not member or result.message.count(" instead of ") > 1:
        return None
    return _Sign(("value", member), f"{member} is not the one that was given", _CLAUSE_OF_MEMBER[member])


def _in_place(result: Result) -> _Sign | None:
    if result.outcome != "fail" or not _IN_PLACE.search(result.message):
        return None
    return _Sign(("in place",), "the target is written to in place", "VIS-01")


def _refused(result: Result) -> _Sign | None:
    found = _REFUSED.search(result.message)
    if result.outcome != "fail" or found is None:
        return None
    said = f"{found[1]}: {found[2].strip()}"
    return _Sign(("refused", _without_names(said)), f"a write is answered with {said[:200]}")


def _lost(result: Result) -> _Sign | None:
    if result.outcome != "fail" or _NOT_PUBLISHED not in result.message:
        return None
    return _Sign(("lost",), "a write that was answered ok is lost, or published late")


def _no_answer(result: Result) -> _Sign | None:
    found = _NO_ANSWER.search(result.message)
    if result.outcome != "error" or found is None:
        return None
    return _Sign(("no answer", found[0]), result.message[:200])


def _hang(result: Result) -> _Sign | None:
    found = _HUNG.search(result.message)
    return _Sign(("hang",), f"it {found[0]}") if result.outcome == "error" and found else None


def _death(result: Result) -> _Sign | None:
    found = _ENDED.search(result.message)
    if result.outcome != "error" or found is None:
        return None
    lines = str(result.evidence.get("stderr", "")).strip().splitlines()
    last = lines[-1].strip() if lines else ""
    if not last and (found[1] == "-9" or not found[1].startswith("-")):
        return None  # an exit code alone may have any cause, and SIGKILL may be the kit's own
    how = f"the process ends with exit code {found[1]}" + (f" and says {last[:200]!r}" if last else "")
    return _Sign(("death", found[1], _without_names(last)), how)


def _without_names(text: str) -> str:
    """The text without what differs from case to case: paths and numbers."""
    return re.sub(r"\d+", "0", re.sub(r"""['"]?(?:[A-Za-z]:)?[/\\][^\s'"]*['"]?""", "…", text))
