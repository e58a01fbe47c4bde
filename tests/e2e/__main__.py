"""From a real training to the screen: ``python -m tests.e2e FOLDER [NAME…]``, which is what ``tox -e e2e`` runs.

Real trainings write status files, and the panel in Chromium, ``pulse watch``, the reader in Rust and a reader at full
speed follow them. FOLDER keeps pictures, logs and the table. A NAME such as transformers or killed selects scenarios.
Exit codes: 0 everyone said what is true, 1 someone did not, 2 something that is needed is not there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e import disk, terminal
from tests.e2e.browser import CHROMIUM, Panel, panel
from tests.e2e.scenarios import ENDINGS, INTERVAL, STALLED_AFTER, Outcome, Scenario
from tests.e2e.table import table

SHORT = ("to the end", "exception", "killed")
PLAN = {"transformers": tuple(ENDINGS), "lightning": SHORT, "keras": SHORT}
ROOT = Path(__file__).parents[2]
RUST = ROOT / "conformance" / "implementations" / "rust"
AT_ONCE = int(os.environ.get("E2E_AT_ONCE", "2"))
"""Trainings at a time; those that have ended and are only waited for do not count."""


def selected(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of framework and ending in which a name occurs; all without names."""
    pairs = [(framework, ending) for framework, endings in PLAN.items() for ending in endings]
    return [pair for pair in pairs if not names or any(name in pair for name in names)]


def build_rust(folder: Path) -> Path:
    """Build the reader in Rust; its path. Raises ``subprocess.CalledProcessError``."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", folder / "rust"))
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bins"], cwd=RUST, env=environment, check=True)
    return target / "release" / "pulse-follow"


def observe(pairs: Sequence[tuple[str, str]], folder: Path, program: Path) -> list[Outcome]:
    """Run the scenarios, some at a time, and take pictures while they run and at the end."""
    runs, pictures = folder / "runs", folder / "pictures"
    pictures.mkdir()
    waiting, active, outcomes = list(pairs), list[Scenario](), list[Outcome]()
    half_way = False
    with panel(f"{runs}/*/status.json", pictures, INTERVAL, STALLED_AFTER) as shown, contextlib.ExitStack() as stack:
        while waiting or active:
            if waiting and sum(scenario.trains for scenario in active) < AT_ONCE:
                scenario = Scenario(*waiting.pop(0), runs, program)
                active.append(stack.enter_context(scenario))
                print(f"{scenario.name} …", flush=True)
            rows = shown.rows()
            for scenario in list(active):
                if scenario.look(rows.get(str(scenario.path))):
                    active.remove(scenario)
                    outcomes.append(scenario.outcome())
                    print(f"{scenario.name}: {'; '.join(outcomes[-1].complaints) or 'as it has to be'}", flush=True)
            if not half_way and {state for state, _ in rows.values()} >= {"running", "done"}:
                half_way = True
                photograph(shown, runs, pictures, "half-way")
            time.sleep(0.1)
        # All of them once more, the disks that are gone afterwards included.
        photograph(shown, runs, pictures, "end")
        print(f"title of the page: {shown.title()}")
        if shown.problems:
            raise SystemExit(f"the page complains: {shown.problems}")
    order = {pair: number for number, pair in enumerate(pairs)}
    return sorted(outcomes, key=lambda outcome: order[outcome.framework, outcome.ending])


def photograph(shown: Panel, runs: Path, pictures: Path, name: str) -> None:
    """Keep pictures of the page and of ``pulse watch`` at 80 columns."""
    shown.photograph(f"panel-{name}")
    text, svg = terminal.draw(terminal.screen_of(sorted(runs.glob("*/status.json")), 3.0, STALLED_AFTER))
    (pictures / f"watch-{name}.txt").write_text(text, encoding="utf-8")
    shown.photograph_text(svg, f"watch-{name}")


def main(folder: Path, names: Sequence[str]) -> int:
    """Run everything, and print the table.

    Args:
        folder: for pictures, logs and the table; what was there is removed.
        names: which scenarios; all when there are none.

    Returns:
        The exit code.
    """
    lacking = [name for name in ("cargo", CHROMIUM) if shutil.which(name) is None]
    if lacking:
        print(f"e2e: not found: {', '.join(lacking)} (CHROMIUM names another browser)", file=sys.stderr)
        return 2
    pairs = selected(names)
    if not disk.available():
        pairs = [pair for pair in pairs if pair[1] != "disk full"]
        print("not measured: a disk that fills up, which takes root on Linux")
    if not pairs:
        print(f"e2e: no scenario matches {' '.join(names)}", file=sys.stderr)
        return 2
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    outcomes = observe(pairs, folder, build_rust(folder))
    printed = table(outcomes)
    (folder / "table.md").write_text(printed, encoding="utf-8")
    print(printed)
    return 1 if any(outcome.complaints for outcome in outcomes) else 0


if __name__ == "__main__":
    # Leave as after Ctrl-C: a disk is unmounted, and every process is ended.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
