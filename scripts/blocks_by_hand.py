"""Judges states of `pulse stress powercut --way blocks` again, on images that are made by hand: do both see the same?

    python scripts/blocks_by_hand.py [--states 200] [--seed 1] [FILE_SYSTEM…]

As root, on Linux, with FUSE. Each state is first looked at as in a run. Then the log is read by another parser, dd(1)
writes a plain file from it, and mount(8), ls(1) and cat(1) show what it holds. The kit's own two writers write. Exit
code 1: some state was seen otherwise.
"""

from __future__ import annotations

import argparse
import collections
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stress.disk import enter_private_namespace
from stress.powercut.blocks.file_systems import file_systems, known_to_kernel
from stress.powercut.blocks.lookers import Lookers, looking
from stress.powercut.blocks.recording import FOLDER, TARGET, Recording, record
from stress.powercut.blocks.rounds import Round
from stress.powercut.blocks.states import State, plan_states
from stress.powercut.blocks.supervisor import supervised
from stress.powercut.blocks.verdict import Leftover, Outcome, Seen, judge
from stress.powercut.blocks.writers import durable, unsynced

WRITERS = {"durable": durable, "unsynced": unsynced}
CHOSEN_FROM = 600
HEADER = 13  # bytes of a record: its kind, eight bytes of offset, four of length


Record = tuple[str, int, int, int]


def records(log: Path) -> list[Record]:
    """The kind, offset on the disk and length of each record, and where its data is in the log."""
    data, at, found = log.read_bytes(), 0, []
    while at < len(data):
        kind, offset, length = chr(data[at]), *struct.unpack_from("<QI", data, at + 1)
        found.append((kind, offset, length, at + HEADER))
        at += HEADER + (length if kind in "WM" else 0)
    return found


def dd(source: Path, image: Path, skip: int, count: int, seek: int) -> None:
    """Copy these bytes of a file into an image."""
    places = [f"skip={skip}", f"count={count}", f"seek={seek}"]
    flags = ["bs=1M", "conv=notrunc", "iflag=skip_bytes,count_bytes,fullblock", "oflag=seek_bytes", "status=none"]
    subprocess.run(["dd", f"if={source}", f"of={image}", *places, *flags], check=True)


def apply(log: Path, written: Iterable[Record], image: Path) -> None:
    """Write these records of a log to an image."""
    for kind, offset, length, at in written:
        if kind == "W":
            dd(log, image, at, length, offset)
        elif kind == "D":
            dd(Path("/dev/zero"), image, 0, length, offset)


def looked_at(image: Path, options: str, point: Path) -> Seen:
    """What the image holds, by mount, ls and cat."""
    words = ["mount", "-o", ",".join(filter(None, ("loop", options))), str(image), str(point)]
    mount = subprocess.run(words, capture_output=True, text=True)
    if mount.returncode:
        return Seen(unmountable=mount.stderr.strip() or "mount failed")
    try:
        folder = point / FOLDER
        listed = subprocess.run(["ls", "-A1", str(folder)], capture_output=True, text=True)
        names = listed.stdout.splitlines()
        shown = {name: subprocess.run(["cat", str(folder / name)], capture_output=True) for name in names}
    finally:
        subprocess.run(["umount", str(point)], check=True)
    if failed := [done.stderr.decode(errors="replace") for done in shown.values() if done.returncode]:
        return Seen(unreadable=failed[0])
    texts = {name: done.stdout for name, done in shown.items()}
    beside = [
        Leftover(name, len(text), bool(text) and not text.strip(b"\0"))
        for name, text in sorted(texts.items())
        if name != TARGET
    ]
    return Seen(texts.get(TARGET), tuple(beside))


def by_hand(recording: Recording, states: Sequence[State], folder: Path) -> Iterator[tuple[State, Seen]]:
    """Each state with what an image shows that was made without the kit's code. They are in the order of the log."""
    base, image, point, applied = folder / "base", folder / "by-hand", folder / "point", 0
    point.mkdir()
    log = records(recording.log)
    subprocess.run(["cp", "--sparse=always", str(recording.image), str(base)], check=True)
    for state in states:
        apply(recording.log, log[applied : state.stable], base)
        applied = state.stable
        subprocess.run(["cp", "--sparse=always", str(base), str(image)], check=True)
        apply(recording.log, (log[number] for number in state.written), image)
        if state.piece is not None:
            _, offset, _, at = log[state.piece.event]
            begin, end = state.piece.begin, state.piece.end
            dd(recording.log, image, at + begin, end - begin, offset + begin)
        yield state, looked_at(image, recording.file_system.copies.options, point)


def outcomes(recording: Recording, seen: Iterator[tuple[State, Seen]]) -> dict[State, tuple[Outcome, Seen]]:
    """What the states mean."""
    documents, history = recording.round.documents(), recording.history
    return {state: (judge(what, state.cut, history, documents, "replace"), what) for state, what in seen}


def compare(recording: Recording, lookers: Lookers, count: int, seed: int) -> tuple[collections.Counter[str], int]:
    """Compare so many states; returns the outcomes by kind, and how many were seen otherwise."""
    planned = plan_states(recording.events, seed, CHOSEN_FROM).states
    chosen = random.Random(seed).sample(planned, min(count, len(planned)))
    chosen.sort(key=lambda state: (state.stable, state.cut))
    expected = outcomes(recording, lookers.look(recording, chosen))
    with tempfile.TemporaryDirectory(dir=recording.image.parent) as name:
        found = outcomes(recording, by_hand(recording, chosen, Path(name)))
    differing = 0
    for state in chosen:
        (one, seen), (other, by_hand_seen) = expected[state], found[state]
        errors = one.kind == other.kind and all(what.unmountable or what.unreadable for what in (seen, by_hand_seen))
        same = errors or (one, seen) == (other, by_hand_seen)  # errors have other words
        if not same:
            differing += 1
            print(f"{state}\n    in the run: {one.text} {seen}\n    by hand: {other.text} {by_hand_seen}")
    return collections.Counter(one.kind for one, _ in expected.values()), differing


def main() -> int:
    known = file_systems(known_to_kernel())
    parser = argparse.ArgumentParser(prog="blocks_by_hand.py", description="Judge states again by hand-made images.")
    parser.add_argument("--states", type=int, default=200, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", default=["ext4", "xfs", "btrfs"], metavar="FILE_SYSTEM")
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}")
    each, wrong = -(-options.states // (len(options.names) * len(WRITERS))), 0
    enter_private_namespace()
    with tempfile.TemporaryDirectory() as name, supervised(), looking(Path(name)) as lookers:
        for file_system in options.names:
            for number, (writer, writers) in enumerate(WRITERS.items()):
                played = Round(number, 3000, exists=True)
                with record(known[file_system], played, writers, Path(name)) as recording:
                    kinds, differing = compare(recording, lookers, each, options.seed)
                counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
                print(f"{file_system}, {writer}: {kinds.total()} states ({counts}): {differing} seen otherwise by hand")
                wrong += differing
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
