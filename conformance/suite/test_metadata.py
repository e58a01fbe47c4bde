"""MET: modes, owners, links, names, and places where a write cannot succeed."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from conformance.contract.errors import NotApplicable, Unmeasured, Violation
from conformance.oracle.payload import make_status
from conformance.oracle.snapshot import snapshot
from conformance.runner.case import Case
from conformance.runner.working_folder import mirror
from conformance.suite.helpers.launch_prefixes import bind_mounted, make_link, without_permission_override
from conformance.system.file_kinds import NotAFile
from conformance.system.guarded_path import very_file

OLD, NEW = make_status(0, 1, 300), make_status(0, 2, 500)


def put_old(case: Case, target: Path) -> None:
    """Have the old document written."""
    case.require_ok(case.publish(target, OLD))


@pytest.mark.clause("MET-03")
@pytest.mark.parametrize(
    "owner", [(12345, 23456), (0, 23456), (12345, 0)], ids=["user-and-group", "group-only", "user-only"]
)
def test_owner_is_kept_for_root(case: Case, owner: tuple[int, int]) -> None:
    if sys.platform == "win32":
        raise Unmeasured("Windows has no owners of this kind")
    if case.run.user is not None:
        raise Unmeasured("with --user it is an ordinary user's, who cannot give a file away: run it as root")
    if os.geteuid() != 0:
        raise Unmeasured("only root can give a file to another user: run as root")
    for _ in range(2):  # an owner that was remembered from a replace must not come back
        put_old(case, case.target)
    try:
        with very_file(case.target) as this:
            os.chown(this, *owner)
    except NotAFile:
        raise
    except OSError as error:  # in a user namespace most owners do not exist
        raise Unmeasured(f"root cannot give files to {owner} here: {error}") from error
    case.target.chmod(0o640)
    case.require_ok(case.publish(case.target, NEW))
    case.require_holds(case.target, NEW)
    found = snapshot(case.target)
    if found.owner != owner:
        raise Violation(f"the target belonged to {owner} and now belongs to {found.owner}")


def require_declared(case: Case) -> str:
    """What a write does to a symbolic link at the target. Raises Unmeasured."""
    declared = case.run.manifest.symlink
    if declared is None:
        raise Unmeasured(
            'declare what happens to a symbolic link: [declares] symlink = "follow", "replace" or "refuse"'
        )
    return declared


def require_treated(case: Case, declared: str, link: Path, real: Path, *, existed: bool) -> None:
    """Write to ``link``, behind which is ``real``. Raises Violation unless both are as declared afterwards."""
    answer = case.publish(link, NEW)
    if declared == "refuse":
        if answer.ok or answer.error not in ("io", "invalid", "refused"):
            raise Violation(f"declared to refuse a symbolic link, but answered {answer.error or 'ok'}")
        if not link.is_symlink() or (not existed and real.exists()):
            raise Violation("declared to refuse a symbolic link, but wrote there")
        if existed:
            case.require_holds(real, OLD)
        return
    case.require_ok(answer)
    if declared == "follow":
        if not link.is_symlink():
            raise Violation("declared to follow a symbolic link, but replaced it by a file")
        case.require_holds(real, NEW)
        return
    if link.is_symlink():
        raise Violation("declared to replace a symbolic link, but the link is still there")
    case.require_holds(link, NEW)
    if existed:
        case.require_holds(real, OLD)


@pytest.mark.clause("MET-04")
@pytest.mark.parametrize("kind", ["relative", "absolute", "chain", "other-folder", "dangling"])
def test_symbolic_link_is_treated_as_declared(case: Case, kind: str) -> None:
    declared = require_declared(case)
    real, link = case.folder / "real.json", case.folder / "link.json"
    if kind == "other-folder":
        (case.folder / "store").mkdir()
        real = case.folder / "store" / "real.json"
    if kind != "dangling":
        put_old(case, real)
    if kind == "chain":
        make_link(case.folder / "middle.json", "real.json")
        make_link(link, "middle.json")
    else:
        make_link(link, str(real) if kind == "absolute" else os.path.relpath(real, case.folder))
    require_treated(case, declared, link, real, existed=kind != "dangling")


@pytest.mark.clause("MET-04")
@pytest.mark.parametrize("kind", ["existing", "dangling"])
def test_link_leads_up_from_its_own_folder(case: Case, kind: str) -> None:
    """``..`` in a link starts at the folder that holds the link, not at the path by which that folder was reached."""
    declared = require_declared(case)
    runs, data = case.folder / "store" / "runs", case.folder / "store" / "data"
    by_name = case.folder / "data"  # where the names in the path lead
    for folder in (runs, data, by_name):
        folder.mkdir(parents=True)
    make_link(case.folder / "shortcut", os.path.join("store", "runs"))
    make_link(runs / "status.json", os.path.join("..", "data", "status.json"))
    if kind == "existing":
        put_old(case, data / "status.json")
    link = case.folder / "shortcut" / "status.json"
    require_treated(case, declared, link, data / "status.json", existed=kind == "existing")
    case.require_listing(by_name, set(), "in the folder to which only the names in the path lead")


@pytest.mark.clause("MET-04")
@pytest.mark.parametrize("kind", ["itself", "folder"])
def test_link_that_leads_to_no_file(case: Case, kind: str) -> None:
    """A write cannot follow it; a writer that replaces links may replace this one, too, or refuse it."""
    declared = require_declared(case)
    leads_to = case.target.name if kind == "itself" else "store"
    (case.folder / "store").mkdir()
    make_link(case.target, leads_to)
    answer = case.publish(case.target, NEW)
    if answer.ok and declared == "replace":
        if case.target.is_symlink():
            raise Violation("declared to replace a symbolic link, but the link is still there")
        case.require_holds(case.target, NEW)
    elif answer.ok:
        raise Violation(f"declared to {declared} a symbolic link, but answered ok to one that leads to no file")
    elif not case.target.is_symlink() or os.readlink(case.target) != leads_to:
        raise Violation(f"a link that leads to no file was changed by a write that was answered {answer.error}")
    expected = {case.target.name, "store"}
    left = [] if answer.ok else case.patience.until_gone(lambda: sorted(case.left(os.listdir(case.folder), expected)))
    case.require_listing(case.folder, expected.union(left), "after the write")
    case.require_listing(case.folder / "store", set(), "in the folder behind the link")
    if left and leaves_a_temp(case):
        raise Unmeasured("a write that fails leaves a temp behind (see FLT-02)")
    if left:
        raise Violation("a write to a link that leads to no file failed and left files behind", names=left)


def leaves_a_temp(case: Case) -> bool:
    """Whether a write where a folder is in the way, which is one of the faults of FLT-02, leaves anything behind."""
    target = case.folder / "as for FLT-02" / case.target.name
    target.mkdir(parents=True)
    case.publish(target, NEW)
    return bool(case.patience.until_gone(lambda: sorted(case.left(os.listdir(target.parent), {target.name}))))


SUB_FOLDER = "folder of the case"  # a name that no manifest's folder is likely to have


@pytest.mark.clause("MET-06")
@pytest.mark.parametrize("kind", ["bare-name", "dot", "sub-folder", "parent-folder", "leading-dash"])
def test_relative_path(case: Case, kind: str) -> None:
    """The implementation runs in a folder of the case that mirrors the manifest's."""
    if kind == "leading-dash" and case.run.manifest.mode == "oneshot":
        raise NotApplicable("a command line takes a word that begins with a dash for an option")
    work = case.folder / "work"
    (work / SUB_FOLDER).mkdir(parents=True)
    mirrored = mirror(case.run.manifest.folder, work)
    path = {
        "bare-name": "s.json",
        "dot": "./s.json",
        "sub-folder": f"{SUB_FOLDER}/s.json",
        "parent-folder": "../s.json",
        "leading-dash": "-s.json",
    }[kind]
    started = case.start(folder=work)
    for status in (OLD, NEW):
        case.require_ok(case.publish(path, status, by=started))
        case.require_holds(work / path, status)
    inside = {"sub-folder": work / SUB_FOLDER, "parent-folder": case.folder}.get(kind, work)
    others = {work: mirrored | {SUB_FOLDER}, case.folder: {"work"}}.get(inside, set())
    case.require_listing(inside, {os.path.basename(path)} | others, "after two writes")


@pytest.mark.clause("MET-07")
@pytest.mark.parametrize("path", ["missing/status.json", "missing/deeper/status.json", "file/status.json"])
def test_missing_folder(case: Case, path: str) -> None:
    (case.folder / "file").write_bytes(b"not a folder")
    case.require_io(case.publish(case.folder / path, NEW), "a target in a folder that does not exist")
    case.require_listing(case.folder, {"file"}, "after the failed write")


@pytest.mark.clause("MET-08")
@pytest.mark.parametrize("content", [[], ["kept.txt"]], ids=["empty", "not-empty"])
def test_target_is_a_folder(case: Case, content: list[str]) -> None:
    case.target.mkdir()
    for name in content:
        (case.target / name).write_bytes(b"kept")
    case.require_io(case.publish(case.target, NEW), "a folder at the target")
    if not case.target.is_dir():
        raise Violation("the folder at the target is gone")
    case.require_listing(case.target, set(content), "inside the folder at the target")


@pytest.mark.clause("MET-09")
@pytest.mark.parametrize("existing", [True, False], ids=["existing-target", "no-target"])
def test_read_only_folder(case: Case, existing: bool) -> None:
    folder = case.folder / "read-only"
    folder.mkdir()
    target = folder / "status.json"
    if existing:
        put_old(case, target)
        target.chmod(0o666)
    before = snapshot(target)
    started = case.start_in(without_permission_override())
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    case.require_io(case.publish(target, NEW, by=started), "a folder without write permission")
    changed = before.difference(snapshot(target))
    if changed:
        raise Violation(f"the failed write changed the target: {changed}")
    case.require_listing(folder, {target.name} if existing else set(), "after the failed write")


@pytest.mark.clause("MET-10")
def test_bind_mounted_target(case: Case) -> None:
    put_old(case, case.target)
    before = snapshot(case.target)
    started = case.start_in(bind_mounted(case.target))
    case.require_io(case.publish(case.target, NEW, by=started), "a target that is a mount point")
    changed = before.difference(snapshot(case.target))
    if changed:
        raise Violation(f"the failed write changed the target: {changed}")


@pytest.mark.clause("MET-04")
def test_link_in_the_folders_path_is_followed(case: Case) -> None:
    """A link above the target is not the target: it is always followed."""
    (case.folder / "store").mkdir()
    make_link(case.folder / "shortcut", "store")
    case.require_ok(case.publish(case.folder / "shortcut" / "s.json", NEW))
    if not (case.folder / "shortcut").is_symlink():
        raise Violation("the link above the target was replaced")
    case.require_holds(case.folder / "store" / "s.json", NEW)


@pytest.mark.clause("MET-04")
@pytest.mark.parametrize("kind", ["existing", "new"])
def test_path_leads_up_behind_a_link(case: Case, kind: str) -> None:
    """``..`` after a link above the target leads up from where the link leads (path_resolution(7)), as readers go."""
    if sys.platform == "win32":
        raise Unmeasured("Windows takes `..` out of a path before it follows links")
    (case.folder / "store" / "runs").mkdir(parents=True)
    make_link(case.folder / "shortcut", os.path.join("store", "runs"))
    real = case.folder / "store" / "s.json"
    if kind == "existing":
        put_old(case, real)
    case.require_ok(case.publish(os.path.join(case.folder, "shortcut", "..", "s.json"), NEW))
    case.require_listing(case.folder, {"shortcut", "store"}, "where only the names in the path lead")
    case.require_holds(real, NEW)
