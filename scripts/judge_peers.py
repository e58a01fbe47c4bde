"""Judges the libraries of ``peers`` and ``conformance/implementations``, one after the other: see docs/peers.md.

    python scripts/judge_peers.py [--load SECONDS] [--report DIR] [MANIFEST…]
    python scripts/judge_peers.py --tables DIR

``tox -e peers`` runs it. One whose toolchain is missing is left out, and named. It prints the tables of docs/peers.md;
with ``--tables`` those of the reports in DIR, which earlier runs have kept, and judges nothing.
Exit codes: 0 each one passed but for what its manifest lists; 1 one did not, or nothing was judged; 2 usage.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from conformance.contract.clauses import load_clauses
from conformance.contract.manifest import Manifest, load_manifest
from conformance.reporting.results import read_records, read_results

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("atomicwrites", "shell", "write-file-atomic")
"""Libraries and idioms that come with the kit. `tox -e conformance` and `tox -e languages` judge the others there."""
OF_SCRIPTS = {
    "./build.sh": (("cc", "--version"), ("pkg-config", "--exists", "glib-2.0 >= 2.66")),
    "./sponge": (("sponge", "-h"),),
}
"""What the scripts of ``peers`` need: commands that fail where it is missing."""
WRONG = ("torn", "mixed", "missing", "stale", "future")
"""What the load counts of reads."""


class Judged(NamedTuple):
    """One library that was judged: its results, its load if there was one, and what each run said at its end."""

    title: str
    language: str
    results: Sequence[dict[str, Any]]
    load: dict[str, Any] | None
    verdict: str
    reasons: Sequence[str]
    seconds: float = 0.0  # of the suite


def everyone() -> list[Path]:
    """The manifests of all libraries and idioms, those in ``peers`` first."""
    peers = sorted(path for path in ROOT.glob("peers/*/*.toml") if "[implementation]" in path.read_text("utf-8"))
    shipped = sorted(ROOT.glob("conformance/implementations/*/*.toml"))
    return [*peers, *(path for path in shipped if path.parent.name in SHIPPED)]


def lacking(manifest: Manifest) -> str:
    """What this machine lacks to set the library up and to start it; empty if nothing."""
    for first, *_ in (*manifest.setup, manifest.command or ("{python}",)):
        if first == "{python}" or ("/" in first and first not in OF_SCRIPTS):
            continue  # there is always a Python, and other programs of the folder are built by its setup
        for command in OF_SCRIPTS.get(first, ((first,),)):
            if shutil.which(command[0]) is None:
                return command[0]
            if len(command) > 1 and subprocess.run(command, capture_output=True, check=False).returncode:
                return " ".join(command[2:]) or command[0]
    return ""


def judge(path: Path, manifest: Manifest, folder: Path, load: float) -> Judged:
    """Run the suite on a library, and `pulse stress` for ``load`` seconds unless that is 0. Raises RuntimeError with
    what the command printed for a run without a verdict.
    """
    run(["conformance", "--impl", str(path), "--strict"], folder / "suite")
    if load:
        # What fails there by a known cause is counted all the same, so its exit code says nothing more.
        run(["stress", "--impl", str(path), "--seconds", f"{load:g}"], folder / "load")
    return judged_in(manifest, folder)


def judged_in(manifest: Manifest, folder: Path) -> Judged:
    """What the reports in a library's folder say. Raises OSError or ValueError when the suite's cannot be read, and
    RuntimeError when it has no end.
    """
    header, results, footer = read_results(folder / "suite" / "results.jsonl")
    if footer is None:
        raise RuntimeError(f"{folder}: the run of the suite has not ended")
    about, load = header["implementation"], folder / "load" / "results.jsonl"
    [record] = read_records(load, "stress") if load.exists() else [None]
    title = " ".join(filter(None, (manifest.name, about["version"])))
    verdict, reasons, seconds = footer["verdict"], footer["reasons"], footer["seconds"]
    return Judged(title, about["language"], results, record, verdict, reasons, seconds)


def run(arguments: Sequence[str], folder: Path) -> None:
    """Run a command of the kit that writes a report. Raises RuntimeError for one without a verdict."""
    # -P: what is installed, and not the checkout.
    command = [sys.executable, "-P", "-m", "pulse", *arguments, "--report", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    file = folder / "results.jsonl"
    if not file.exists() or read_results(file)[2] is None:
        raise RuntimeError(f"pulse {arguments[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def clauses_that_fail(results: Iterable[dict[str, Any]], level: str) -> list[str]:
    """The clauses of this level of which a case failed, whether it was known or not."""
    bad = [result for result in results if result["outcome"] in ("fail", "error", "xfail") and result["blame"] != "kit"]
    failed = {result["clause"] for result in bad}
    return [clause.id for clause in load_clauses().values() if clause.id in failed and clause.level == level]


def measured(results: Iterable[dict[str, Any]]) -> str:
    """Of how many clauses that apply to the library here a case was measured, as ``41/43``."""
    seen: dict[str, set[str]] = defaultdict(set)
    for result in results:
        if result["outcome"] != "n/a" and load_clauses()[result["clause"]].engine != "windows":
            seen[result["clause"]].add(result["outcome"])
    return f"{sum(outcomes != {'unmeasured'} for outcomes in seen.values())}/{len(seen)}"


def in_short(clauses: Iterable[str]) -> str:
    """``CON-01,03; FLT-02`` for CON-01, CON-03 and FLT-02."""
    groups: dict[str, list[str]] = defaultdict(list)
    for clause in clauses:
        group, _, number = clause.partition("-")
        groups[group].append(number)
    return "; ".join(f"{group}-{','.join(numbers)}" for group, numbers in groups.items()) or "none"


def counted(results: Iterable[dict[str, Any]]) -> list[int]:
    """Of the cases: how many were measured, passed, failed as known, failed otherwise, and passed unexpectedly."""
    outcomes = Counter(result["outcome"] for result in results if result["outcome"] not in ("n/a", "unmeasured"))
    new = outcomes["fail"] + outcomes["error"]
    return [outcomes.total(), outcomes["pass"], outcomes["xfail"], new, outcomes["xpass"]]


def tables(judged: Sequence[Judged]) -> str:
    """The tables of docs/peers.md, in Markdown."""
    lines = ["| library | language | measured | MUST: fails | SHOULD: fails |", "|---|---|---|---|---|"]
    for one in judged:
        failed = [in_short(clauses_that_fail(one.results, level)) for level in ("must", "should")]
        lines.append(f"| {' | '.join((one.title, one.language, measured(one.results), *failed))} |")
    lines += ["", "| library | cases measured | pass | known failures | new | unexpected passes | seconds |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|")
    for one in judged:
        cells = [f"{number:,}" for number in (*counted(one.results), round(one.seconds))]
        lines.append(f"| {one.title} | {' | '.join(cells)} |")
    if any(one.load for one in judged):
        lines += ["", "| library | writes | refused | reads | torn or mixed | missing | stale or future | left |"]
        lines.append("|---|--:|--:|--:|--:|--:|--:|--:|")
    for one in judged:
        if one.load:
            totals, counts = one.load["totals"], one.load["counts"]
            torn, mixed, missing, stale, future = (counts.get(kind, 0) for kind in WRONG)
            of_reads = (totals["reads"], torn + mixed, missing, stale + future, totals["left"])
            numbers = (totals["writes"], totals["refused"], *of_reads)
            lines.append(f"| {one.title} | {' | '.join(f'{number:,}' for number in numbers)} |")
    return "\n".join(lines)


def loaded(path: Path) -> Manifest:
    """The manifest at this path."""
    return load_manifest(path.resolve(), frozenset(load_clauses()), str(path))


def name_of(path: Path) -> str:
    """The folder of a manifest's reports."""
    return f"{path.resolve().parent.name}-{path.stem}"


def kept_in(folder: Path) -> Iterator[Judged]:
    """The libraries of the checkout that have whole reports in this folder, in the usual order; names the others."""
    for path in everyone():
        try:
            yield judged_in(loaded(path), folder / name_of(path))
        except (OSError, ValueError, RuntimeError) as error:
            print(f"{name_of(path)}: left out: {error}", file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """Judge the libraries that the arguments name. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="judge_peers.py", description="Judge libraries, one after the other.")
    parser.add_argument("--load", type=float, default=0, metavar="SECONDS", help="run pulse stress on each one, too")
    parser.add_argument("--report", type=Path, metavar="DIR", help="keep the reports, in a folder for each manifest")
    parser.add_argument("--tables", type=Path, metavar="DIR", help="print the tables of the reports in this folder")
    parser.add_argument("manifests", type=Path, nargs="*", metavar="MANIFEST", help="default: all of the checkout")
    options = parser.parse_args(arguments)
    if missing := [path for path in options.manifests if not path.is_file()]:
        parser.error(f"{missing[0]}: no such manifest")
    if options.tables:
        print(tables(list(kept_in(options.tables))))
        return 0
    judged: list[Judged] = []
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="pulse-peers-") as temporary:
        reports = options.report or Path(temporary)
        for path in options.manifests or everyone():
            manifest, name = loaded(path), name_of(path)
            if lack := lacking(manifest):
                print(f"{name}: left out, as this machine lacks {lack}", flush=True)
                continue
            try:
                one = judge(path.resolve(), manifest, reports / name, options.load)
            except RuntimeError as error:
                print(f"{name}: {error}", flush=True)
                wrong += 1
                continue
            judged.append(one)
            wrong += bool(one.reasons)
            print(f"{name}: {one.verdict}", *one.reasons, sep="\n  ", flush=True)
    print(f"\n{tables(judged)}\n\n{len(judged)} judged, {wrong} of them not as their manifests say")
    return 1 if wrong or not judged else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
