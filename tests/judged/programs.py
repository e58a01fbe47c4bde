"""Small programs: each with one defect, and correct ones, of which `pulse judge` may find nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CORRECT", "CORRECT_IN_RECOVERY", "DEFECTIVE", "DEFECTIVE_IN_RECOVERY", "Defective"]


@dataclass(frozen=True)
class Defective:
    """A program that rewrites ``f``, the question that its defect answers with yes, and the points that show it."""

    words: tuple[str, ...]
    question: str
    points: str = "no point"


def sh(text: str) -> tuple[str, ...]:
    return ("sh", "-c", text)


def python(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


FULL = "*:ENOSPC*"
KILLS = "*:kill-*"
DEFECTIVE: Mapping[str, Defective] = {
    "written in place": Defective(sh("echo new > f"), "reader"),
    "written in place and killed": Defective(sh("echo new > f"), "kill", "*:open:kill-after"),
    "emptied, then appended to": Defective(sh(": > f; echo new >> f"), "reader"),
    "copied over the target": Defective(sh("echo new > t && sync t && cp t f; rm t"), "kill", KILLS),
    "changed in the middle": Defective(sh("printf new | dd of=f conv=notrunc status=none"), "reader"),
    "removed before the rename": Defective(sh("echo new > t && sync t && rm f && mv t f"), "reader"),
    "a backup by rename": Defective(sh("echo new > t && sync t && mv f f.old && mv t f"), "kill", KILLS),
    "renamed before it is written": Defective(
        python("import os\nf = open('t', 'w')\nf.write('new')\nos.replace('t', 'f')\nf.close()"), "reader"
    ),
    "shortened in place": Defective(python("f = open('f', 'r+')\nf.write('ne')\nf.truncate()\nf.close()"), "reader"),
    "never synced": Defective(sh("echo new > t && mv t f"), "power"),
    "synced after the rename": Defective(sh("echo new > t && mv t f && sync f"), "power"),
    "only the folder is synced": Defective(sh("echo new > t && sync . && mv t f"), "power"),
    "synced before the last write": Defective(sh("printf n > t && sync t && echo ew >> t && mv t f"), "power"),
    "an error is passed over": Defective(sh("echo new > t; sync t; mv t f"), "disk", FULL),
    "a short write is taken for a whole one": Defective(
        python(
            "import os\nd = os.open('t', os.O_WRONLY | os.O_CREAT)\nos.write(d, b'new')\nos.fsync(d)\nos.close(d)\n"
            "os.rename('t', 'f')"
        ),
        "disk",
        "*:disk-full",
    ),
    "the target is removed after an error": Defective(sh("echo new > t && sync t && mv t f || rm f"), "disk", FULL),
    "the temp stays after an error": Defective(sh("echo new > t && sync t && mv t f"), "temps", FULL),
    "the temp in TMPDIR stays": Defective(sh("t=$(mktemp) && echo new > $t && sync $t && mv $t f"), "temps", FULL),
    "the mode is lost": Defective(sh("echo new > t && chmod 600 t && sync t && mv t f"), "attributes"),
    "a symbolic link is replaced": Defective(sh("cp -p f t && echo new > t && sync t && mv t f"), "attributes"),
    "a lock file stops the next run": Defective(
        sh("set -C; echo new > lock && sync lock && mv lock f"), "resume", KILLS
    ),
    "a lock folder stops the next run": Defective(
        sh("mkdir lock && echo new > t && sync t && mv t f && rmdir lock"), "resume", KILLS
    ),
}

_SH = (
    'p=$(readlink -f f); t=$p.t; cp -p "$p" "$t" && echo new > "$t" && {sync} "$t" && mv "$t" "$p" && sync "${{p%/*}}"'
    ' || {{ rm -f "$t"; exit 1; }}'
)
_PYTHON = """
import os, sys
def save(name, data):
    name = os.path.realpath(name)
    folder, temp = os.path.dirname(name), name + ".t"
    try:
        found = os.stat(name)
        with open(temp, "wb") as file:
            os.fchmod(file.fileno(), found.st_mode & 0o7777)
            if not os.geteuid():
                os.fchown(file.fileno(), found.st_uid, found.st_gid)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, name)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        if os.path.exists(temp):
            os.unlink(temp)
        raise
"""
_ALL_OF_IT = "while data:\n                data = data[os.write(file.fileno(), data):]"
_LOCK = """
import contextlib, os, sys
def take_lock():
    own = f"lock.{os.getpid()}"
    try:
        with open(own, "w") as file:
            file.write(str(os.getpid()))
        os.link(own, "lock")
    except FileExistsError:
        with open("lock") as file:
            owner = file.read()
        if not owner.isdigit() or os.path.exists(f"/proc/{owner}"):
            sys.exit(f"locked by {owner}")
        break_lock(own, owner)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(own)
"""
_TRUNCATING = """
def break_lock(own, owner):
    with open("lock", "w") as file:
        file.write(str(os.getpid()))
"""
_REPLACING = """
def break_lock(own, owner):
    os.replace(own, "lock")
"""
_UNDER_LOCK = """
take_lock()
try:
    save("f", b"new")
finally:
    os.unlink("lock")
"""
_SWEEPING = """
import glob
for orphan in glob.glob("f.*.t"):
    if not os.path.exists("/proc/" + orphan.split(".")[1]):
        os.unlink(orphan)
save("f", b"new")
"""
DEFECTIVE_IN_RECOVERY: Mapping[str, Defective] = {
    "an orphaned temp is published without a look": Defective(
        sh("[ ! -e t ] || mv t f; echo new > t && sync t && mv t f"), "kill", "*:create:kill-after/*:rename:kill-after"
    ),
    "an error of a sweep destroys the target": Defective(
        sh("[ ! -e t ] || { cp f t && cp t f; } || exit 1; echo new > t && sync t && mv t f"),
        "disk",
        "*:create:kill-after/*:write:ENOSPC",
    ),
    "a sweep removes the target for a moment": Defective(
        sh("[ ! -e t ] || rm f t; echo new > t && sync t && mv t f"), "kill", "*:create:kill-after/*:unlink:kill-after"
    ),
    "a stale lock is truncated to be taken over": Defective(
        python(f"{_PYTHON}{_LOCK}{_TRUNCATING}{_UNDER_LOCK}"), "resume", "*:rename:kill-after/*:open:kill-after"
    ),
}
"""Their defects are in what only runs after a kill: nothing is found unless the next run is disturbed, too."""
CORRECT_IN_RECOVERY: Mapping[str, tuple[str, ...]] = {
    "orphans of dead processes are swept": python(
        _PYTHON.replace('name + ".t"', 'f"{name}.{os.getpid()}.t"') + _SWEEPING
    ),
    "a stale lock is replaced by the next one": python(f"{_PYTHON}{_LOCK}{_REPLACING}{_UNDER_LOCK}"),
    "an orphan is written over": python(f"{_PYTHON}\nsave('f', b'new')"),
    "a job of three steps that goes on": python(
        f"{_PYTHON}\ntext = open('f', 'rb').read()\ndone = int(text) if text.isdigit() else 0\n"
        "for step in range(done + 1, 4):\n    save('f', b'%d' % step)"
    ),
}
CORRECT: Mapping[str, tuple[str, ...]] = {
    "a shell script": sh(_SH.format(sync="sync")),
    "a shell script that syncs everything": sh(_SH.format(sync="sync && :")),
    "Python": python(f"{_PYTHON}\nsave('f', b'new')"),
    "Python without its buffers": python(
        _PYTHON.replace("file.write(data)\n            file.flush()", _ALL_OF_IT) + "\nsave('f', b'new')"
    ),
    "a thread": python(
        f"{_PYTHON}\nimport threading\nfailed = []\n"
        "def run():\n    try:\n        save('f', b'new')\n    except OSError:\n        failed.append(1)\n"
        "thread = threading.Thread(target=run)\nthread.start()\nthread.join()\nsys.exit(len(failed))"
    ),
    "a child process": python(
        f"{_PYTHON}\nif os.fork() == 0:\n    save('f', b'new')\n    os._exit(0)\nsys.exit(os.wait()[1] >> 8)"
    ),
    "a job of three steps that goes on": python(
        f"{_PYTHON}\ntext = open('f', 'rb').read()\ndone = int(text) if text.isdigit() else 0\n"
        "for step in range(done + 1, 4):\n    save('f', b'%d' % step)"
    ),
    "other bytes in each run, as JSON": python(
        f"{_PYTHON}\nimport json, uuid\nsave('f', json.dumps({{'id': str(uuid.uuid4())}}).encode())"
    ),
    "a log beside it": python(f"{_PYTHON}\nwith open('log', 'a') as log:\n    log.write('x')\nsave('f', b'new')"),
}
