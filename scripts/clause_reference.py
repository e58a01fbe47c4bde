"""Makes the page of the site with the fixes and traps of each clause, from the data of `pulse explain`.

    python scripts/clause_reference.py      print it

`docs/conf.py` puts it in the place of docs/clauses.md. It is too long, and too easily made, to be kept.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 120  # characters, as for every Markdown line of the project

INTRODUCTION = """\
# Fixes and traps

For each clause: how it is measured, in short, what usually mends a program that fails it, and what goes wrong by
language. `pulse explain FLT-04` prints the same, with the requirement and why it exists.
"""


def page() -> str:
    """The Markdown text for the clauses of this checkout, as if it were a file in docs/."""
    from conformance.contract.clauses import GROUP_TITLES, load_clauses
    from conformance.contract.explanations import load_explanations

    headings = re.findall(r"^### (.+)$", (ROOT / "conformance" / "SPEC.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {heading.split()[0]: _anchor(heading) for heading in headings}
    lines = [INTRODUCTION]
    for group, title in GROUP_TITLES.items():
        lines.append(f"## {group}: {title}\n")
        for clause in load_clauses().values():
            if clause.group != group:
                continue
            explanation = load_explanations()[clause.id]
            contract = f"[Requirement](../conformance/SPEC.md#{anchors[clause.id]})"
            manual = f"[how it is measured](measuring.md#{clause.id.lower()}) in full"
            lines += [f"### {clause.id}\n", *_filled(f"{clause.title[0].upper()}{clause.title[1:]}."), ""]
            facts = {"Measured": explanation.measured, "Fix": explanation.fix, **explanation.traps}
            lines += [line for title, text in facts.items() for line in _filled(f"- **{title}:** {text}", indent="  ")]
            lines += [f"- {contract}, {manual}", ""]
    return "\n".join(lines)


def _anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _filled(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the data of this checkout, not of an installed kit
    print(page())
