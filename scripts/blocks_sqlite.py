"""Cuts the power at every block while SQLite writes with its rollback journal: a program that is known to be right.

    python scripts/blocks_sqlite.py [--states 500] [--seed 1] [--synchronous EXTRA] [FILE_SYSTEM…]

As root, on Linux, with FUSE. The target is a database with one row, the document; after each cut SQLite itself opens
it, which rolls an unfinished transaction back. Its own documentation says that only EXTRA survives a cut right after a
commit (https://www.sqlite.org/pragma.html#pragma_synchronous). Exit code 1: something was torn, missing or lost.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.oracle.payload import encode
from stress.disk import enter_private_namespace
from stress.powercut.blocks.file_systems import file_systems, known_to_kernel
from stress.powercut.blocks.lookers import Lookers, looking
from stress.powercut.blocks.recording import FOLDER, TARGET, Between, Recording, WriteOne, Writers, record
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import State, plan_states
from stress.powercut.blocks.supervisor import supervised
from stress.powercut.blocks.verdict import Seen, judge


def sqlite(synchronous: str) -> Writers:
    """A writer that keeps the document in the only row of a database."""

    @contextlib.contextmanager
    def running() -> Iterator[WriteOne]:
        def write(target: Path, status: Mapping[str, Any], between: Between | None = None, /) -> None:
            with contextlib.closing(sqlite3.connect(target)) as database:
                database.execute("pragma journal_mode = delete")
                database.execute(f"pragma synchronous = {synchronous}")
                with database:
                    database.execute("create table if not exists status (id integer primary key, document text)")
                    database.execute("insert or replace into status values (1, ?)", (encode(status),))

        yield write

    return running


def stored(target: Path) -> bytes | None:
    """The document that SQLite finds, after it has recovered; None for none, and its error for what it cannot read."""
    if not target.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(target)) as database:
            found = database.execute("select document from status").fetchone()
    except sqlite3.Error as error:
        return f"SQLite: {error}".encode()
    return None if found is None else str(found[0]).encode()


def seen_in(lookers: Lookers, recording: Recording, state: State) -> Seen:
    """What SQLite finds on the disk in a state."""
    try:
        with lookers.held(recording, state) as watch:
            return Seen(stored(watch.place / FOLDER / TARGET))
    except OSError as error:
        return Seen(unmountable=str(error))


def main() -> int:
    known = file_systems(known_to_kernel())
    parser = argparse.ArgumentParser(prog="blocks_sqlite.py", description="Cut the power while SQLite writes.")
    parser.add_argument("--states", type=int, default=500, help="on each file system")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", default="EXTRA", choices=("OFF", "NORMAL", "FULL", "EXTRA"))
    parser.add_argument("names", nargs="*", default=["ext4", "xfs", "btrfs"], metavar="FILE_SYSTEM")
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
    wrong = False
    enter_private_namespace()
    with tempfile.TemporaryDirectory() as name, supervised(), looking(Path(name), 1) as lookers:
        for file_system in options.names:
            played, begin = Round(0, 3000, exists=True), time.monotonic()
            with record(known[file_system], played, sqlite(options.synchronous), Path(name)) as recording:
                states = plan_states(recording.events, options.seed, options.states).states
                kinds: collections.Counter[str] = collections.Counter()
                for state in states:
                    seen = seen_in(lookers, recording, state)
                    outcome = judge(seen, state.cut, recording.history, played.documents(), "replace")
                    kinds[outcome.kind if state.kind != "flushes ignored" else "of a disk that ignores flushes"] += 1
                    if outcome.kind in ("torn", "missing", "lost") and state.kind != "flushes ignored":
                        wrong = True
                        if kinds[outcome.kind] == 1:
                            print(f"    the first {outcome.kind}: {state.kind}: {outcome.text}")
            counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            seconds = time.monotonic() - begin
            print(
                f"{file_system}, synchronous = {options.synchronous}: {len(states)} states, {seconds:.0f} s: {counts}"
            )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
