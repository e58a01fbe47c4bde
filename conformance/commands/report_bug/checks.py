"""What can be shown of a program that writes a file, a function for each failure: for repro.py beside this file.

It uses the standard library of Python 3.9 or later. Everything happens in a temporary folder.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from conformance.commands.report_bug.answers import documents, reads, refusals
from conformance.commands.report_bug.building import set_up
from conformance.commands.report_bug.driver import (
    HERE,
    NEW,
    OLD,
    RENAMES,
    CannotTell,
    Happens,
    Place,
    Writer,
    require,
    state,
    subject,
)

__all__ = ["CHECKS", "shown"]


def sync_before_rename(folder: Path) -> None:
    """The bytes of the new document are on the disk before its name is: fsync comes before the rename."""
    place = Place(folder)
    place.traced()
    calls = place.calls()
    at, temp = place.publishes(calls)
    of_temp = [(name, args) for name, args, worked in calls[:at] if worked and f"/{temp}" in args]
    written = max((n for n, (name, _) in enumerate(of_temp) if "write" in name or "copy" in name), default=-1)
    synced = any(name in ("fsync", "fdatasync", "syncfs") for name, _ in of_temp[written + 1 :])
    synced = synced or any("O_SYNC" in args or "O_DSYNC" in args for _, args in of_temp)
    trace = "\n  ".join(f"{name}({args})" for name, args, _ in calls[: at + 1])
    require(synced, f"no fsync of {temp} between its last write and the rename onto the target:\n  {trace}")


def folder_is_synced(folder: Path) -> None:
    """The new name is on the disk before the program answers: fsync of the folder comes after the rename."""
    place = Place(folder)
    place.traced()
    calls = place.calls()
    at, _ = place.publishes(calls)
    synced = any(name in ("fsync", "fdatasync", "syncfs") and worked for name, _, worked in calls[at + 1 :])
    trace = "\n  ".join(f"{name}({args})" for name, args, _ in calls)
    require(synced, f"the folder is not synced after the rename, so that a power cut may undo it:\n  {trace}")


def folder_cannot_be_synced(folder: Path) -> None:
    """Where the folder cannot be synced, which is no error of the write, the answer is ok."""
    place = Place(folder)
    answer = place.traced("fsync,fdatasync:error=EINVAL", only=place.folder)
    if "(INJECTED)" not in place.log.read_text(errors="replace"):
        raise CannotTell("the write does not sync the folder")
    seen = state(place.target)
    require(answer == "ok", f"the sync of the folder failed with EINVAL; the target is {seen}, the answer: {answer}")


def target_is_only_replaced(folder: Path) -> None:
    """The target is never opened for writing, truncated, moved away or removed."""
    place = Place(folder)
    place.traced()
    for name, arguments, worked in place.calls():
        opens = name in ("open", "openat", "creat") and place.opens_target(arguments)
        names = re.findall(r'"([^"]*)"', arguments)
        takes = name in ("unlink", "unlinkat", "truncate") and names and Path(names[-1]).name == place.target.name
        takes = takes or (name in RENAMES.split(",")[:3] and names and Path(names[0]).name == place.target.name)
        require(not (worked and (opens or takes)), f"it changes the target in place: {name}({arguments})")


def temp_is_exclusive(folder: Path) -> None:
    """The temp is created with O_EXCL, so that a file of that name is never taken over."""
    place = Place(folder)
    place.traced()
    calls = place.calls()
    _, temp = place.publishes(calls)
    for name, arguments, _ in calls:
        if "O_CREAT" in arguments and f"/{temp}" in arguments:
            require("O_EXCL" in arguments, f"the temp is made without O_EXCL: {name}({arguments})")


def temp_is_left_alone(folder: Path) -> None:
    """After the rename the temp's name is not touched: it may be another writer's by then."""
    place = Place(folder)
    place.traced()
    calls = place.calls()
    at, temp = place.publishes(calls)
    for name, arguments, _ in calls[at + 1 :]:
        require(f'{temp}"' not in arguments, f"after the rename: {name}({arguments})")


def failed_call(folder: Path, calls: str, error: str) -> None:
    """With every one of these calls failing: the answer is not ok, the target is old, nothing is left behind."""
    place = Place(folder)
    answer = place.traced(f"{calls}:error={error}")
    if "(INJECTED)" not in place.log.read_text(errors="replace"):
        raise CannotTell(f"the write makes none of these calls: {calls}")
    seen = state(place.target)
    require(seen == "old", f"although {calls} failed with {error}, the target is {seen} (answer: {answer})")
    require(answer != "ok", f"{calls} failed with {error}, and the answer is ok")
    require(not place.left(), f"{calls} failed with {error}, and this is left in the folder: {place.left()}")


def killed(folder: Path) -> None:
    """Killed at each of its system calls in turn, it leaves the old document or the new one."""
    place = Place(folder)
    place.traced()
    counts: dict[str, int] = {}
    for name, _, _ in place.calls():
        counts[name] = min(counts.get(name, 0) + 1, 12)
    for name, count in counts.items():
        for number in range(1, count + 1):
            place = Place(folder)
            place.traced(f"{name}:signal=KILL:when={number}")
            seen = state(place.target)
            require(seen in ("old", "new"), f"killed at {name} number {number}, it leaves the target {seen}")


def full_disk(folder: Path) -> None:
    """On a full disk the answer is not ok, the old document stays, no temp is left, and the next write works."""
    if sys.platform == "win32":
        raise CannotTell("this needs a POSIX system")
    if os.environ.get("REPRO_IN_NAMESPACE") != "1":
        command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if not shutil.which("unshare") or subprocess.run([*command, "true"], check=False).returncode:
            raise CannotTell("no file system can be mounted for this program alone; run this as root")
        words = [*command, sys.executable, str(HERE / "repro.py")]
        sys.exit(subprocess.run(words, env={**os.environ, "REPRO_IN_NAMESPACE": "1"}, check=False).returncode)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        raise CannotTell("no small file system can be mounted here; run this as root")
    place = Place(folder)
    writer = Writer()
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
        file.truncate(file.tell() - 8192)
    answer, seen = writer.write(place.target, NEW), state(place.target)
    require(
        seen == "old", f"the disk was full after 8 KiB of the new document, and the target is {seen}; it said {answer}"
    )
    require(answer != "ok", "the disk was full, and the answer is ok")
    require(not place.left(), f"the disk was full, and this is left in the folder: {place.left()}")
    filler.unlink()
    answer = writer.write(place.target, NEW)
    require(answer == "ok" and state(place.target) == "new", f"there is room again, and the next write says {answer}")


def size_limit(folder: Path) -> None:
    """A file-size limit in the middle of the document is answered, and the old document stays."""
    place = Place(folder)
    answer, seen = Writer(file_size=4096).write(place.target, NEW), state(place.target)
    require(seen == "old", f"only 4 KiB of the new document could be written, and the target is {seen}")
    require(answer != "ok", "only 4 KiB of the new document could be written, and the answer is ok")
    died = "instead of answering" in answer or re.fullmatch(r"exit code -\d+", answer)
    require(not died, f"a write above the file-size limit fails with EFBIG, and the program {answer}")


def mode_is_kept(folder: Path) -> None:
    """An existing target keeps its mode."""
    for mode in (0o640, 0o600, 0o664, 0o644, 0o666, 0o755, 0o444):
        place = Place(folder)
        place.target.chmod(mode)
        answer = Writer().write(place.target, NEW)
        found = stat.S_IMODE(place.target.stat().st_mode)
        require(answer == "ok" and found == mode, f"the mode was {mode:04o} and is {found:04o} (answer: {answer})")


def new_mode(folder: Path) -> None:
    """A new target gets the mode 0666 less the umask."""
    for umask in (0o027, 0o022, 0o077, 0o002, 0o000):
        place = Place(folder, old=False)
        answer = Writer(umask=umask).write(place.target, NEW)
        found, wanted = stat.S_IMODE(place.target.stat().st_mode) if place.target.exists() else 0, 0o666 & ~umask
        says = f"with the umask {umask:04o} a new file has the mode {found:04o}, not {wanted:04o} (answer: {answer})"
        require(found == wanted, says)


def long_name(folder: Path) -> None:
    """A target whose name has the 255 bytes that the file system allows can be written."""
    place = Place(folder, name="n" * 255)
    answer = Writer().write(place.target, NEW)
    require(answer == "ok" and state(place.target) == "new", f"a name of 255 bytes is answered with {answer}")


def readers(folder: Path) -> None:
    """While two writers run, every reader sees one whole document. Depends on timing; it reads many times."""
    place, reads = Place(folder), 0
    errors: list[str] = []
    broken: list[Exception] = []

    def work(size: int) -> None:
        try:
            writer = Writer()
            for _ in range(200):
                answer = writer.write(place.target, size)
                if answer != "ok":
                    errors.append(answer)
            writer.stop()
        except Exception as error:
            broken.append(error)

    threads = [threading.Thread(target=work, args=(size,), daemon=True) for size in (OLD, NEW)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen, reads = state(place.target), reads + 1
        require(seen in ("old", "new"), f"in read {reads:,} the target was {seen}")
    for error in broken:
        raise error
    require(not errors, f"{len(errors)} of 400 writes failed, the first with {errors[:1]}")
    require(not place.left(), f"after 400 writes this is left in the folder: {place.left()}")
    print(f"{reads:,} reads saw one whole document each")


CHECKS: dict[str, Callable[[Path], None]] = {
    "sync-before-rename": sync_before_rename,
    "folder-is-synced": folder_is_synced,
    "folder-cannot-be-synced": folder_cannot_be_synced,
    "target-is-only-replaced": target_is_only_replaced,
    "temp-is-exclusive": temp_is_exclusive,
    "temp-is-left-alone": temp_is_left_alone,
    "failed-sync": lambda folder: failed_call(folder, "fsync,fdatasync", "EIO"),
    "failed-rename": lambda folder: failed_call(folder, RENAMES, "EXDEV"),
    "killed": killed,
    "full-disk": full_disk,
    "size-limit": size_limit,
    "mode-is-kept": mode_is_kept,
    "new-mode": new_mode,
    "long-name": long_name,
    "readers": readers,
    "documents": documents,
    "refusals": refusals,
    "reads": reads,
}


def shown() -> int:
    """Check what subject.json names, and say what was seen. Returns the exit code of repro.py."""
    os.umask(0o022)
    check = CHECKS[subject()["check"]]
    folder = Path(tempfile.mkdtemp(prefix="repro-"))
    try:
        set_up()
        check(folder)
    except Happens as failure:
        print(f"it happens: {failure}")
        return 1
    except CannotTell as reason:
        print(f"this machine cannot tell: {reason}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("it does not happen here")
    return 0
