"""What an audit says: audit.json, and what is printed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from conformance.commands.audit.decision import Decision
from conformance.commands.audit.legs import Controls, Leg
from conformance.commands.audit.policy import Policy
from conformance.commands.audit.sameness import Kit
from conformance.contract.clauses import load_clauses
from conformance.reporting.chain import sealed
from conformance.reporting.escaping import for_terminal
from conformance.reporting.results import FORMAT

__all__ = ["audit_json", "printed_lines", "table_of"]

_STYLES = {"APPROVED": "green", "REJECTED": "bold red", "INCOMPLETE": "yellow"}
_OF_LEG = ("program", "platform", "file_system", "python", "seed", "selection", "started", "command")
_SHOWN = 40  # reasons


def audit_json(
    decision: Decision,
    legs: Sequence[Leg],
    controls: Sequence[Controls],
    policy: Policy,
    kit: Kit,
    now: datetime.datetime,
) -> dict[str, Any]:
    """The decision and everything it rests on, with the hash of each file that was read."""
    measured, of = decision.measured
    return sealed(
        {
            "format": FORMAT,
            "decision": decision.word,
            "sentence": decision.sentence,
            "exit": int(decision.exit),
            "measured": {"clauses": measured, "of": of},
            "reasons": list(decision.reasons),
            "missing": [{"what": one.what, "command": one.command} for one in decision.missing],
            "notes": list(decision.notes),
            "decided": now.isoformat(timespec="seconds"),
            "kit": kit.version,
            "kit_files": kit.files,
            "implementation": legs[0].header["implementation"] if legs else {},
            "policy": _policy(policy),
            "legs": [_leg(leg) for leg in legs],
            "controls": [_controls(one) for one in controls],
            "clauses": {
                clause: {"level": load_clauses()[clause].level, "platforms": dict(platforms)}
                for clause, platforms in decision.clauses.items()
            },
        }
    )


def _policy(policy: Policy) -> Mapping[str, Any]:
    return {
        "platforms": list(policy.platforms),
        "supported": list(policy.supported),
        "file_systems": list(policy.file_systems),
        "programs": list(policy.programs),
        "should": list(policy.should),
        "wine": policy.wine,
        "minimum": dict(policy.minimum),
        "accepted": [{**vars(entry), "until": entry.until.isoformat()} for entry in policy.accepted],
    }


def _leg(leg: Leg) -> Mapping[str, Any]:
    about = {name: leg.header.get(name) for name in _OF_LEG}
    said = {name: leg.footer.get(name) for name in ("sentence", "exit", "results", "seconds", "chain")}
    executable = leg.header["implementation"].get("executable", {})
    return {"path": leg.path.as_posix(), "sha256": leg.sha256, **about, **said, "executable": executable}


def _controls(one: Controls) -> Mapping[str, Any]:
    counts = {"mutants": one.mutants, "caught": one.caught, "holds": one.holds, "whole": one.whole}
    return {"path": one.path.as_posix(), "sha256": one.sha256, "system": one.system, **counts}


def table_of(legs: Sequence[Leg], controls: Sequence[Controls]) -> Table:
    """What was read, one leg a row."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for heading in ("leg", "judged by", "platform", "file system", "verdict"):
        table.add_column(heading, overflow="fold")
    for leg in legs:
        texts = (_place(leg.path), leg.program, leg.system, leg.header["file_system"], leg.footer["sentence"])
        table.add_row(*(for_terminal(text, one_line=True) for text in texts))
    for one in controls:
        caught = f"{one.caught} of {one.mutants} mutants caught"
        texts = (_place(one.path), "python -m conformance.selfcheck", one.system, "", caught)
        table.add_row(*(for_terminal(text, one_line=True) for text in texts))
    return table


def _place(path: Path) -> str:
    """The folder of a file, as short as it can be said from here: a long path is folded in the middle of words."""
    here = Path.cwd()
    folder = path.parent
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def printed_lines(decision: Decision, title: str) -> Iterator[str]:
    """The reasons, what is missing with its commands, and the decision, in rich's markup."""
    for note in decision.notes[:_SHOWN]:
        yield f"[dim]note:[/] {for_terminal(note, one_line=True)}"
    for reason in decision.reasons[:_SHOWN]:
        yield f"[bold red]rejected:[/] {for_terminal(reason, one_line=True)}"
    if len(decision.reasons) > _SHOWN:
        yield f"[bold red]rejected:[/] and {len(decision.reasons) - _SHOWN:,} more reasons: audit.json has them all"
    for one in decision.missing:
        yield f"[yellow]missing:[/] {for_terminal(one.what, one_line=True)}"
        yield f"  [dim]get it:[/] {for_terminal(one.command, one_line=True)}"
    rest = decision.sentence.removeprefix(decision.word)
    yield f"\n[bold]{for_terminal(title, one_line=True)}[/]: [{_STYLES[decision.word]}]{decision.word}[/]{rest}"
