"""The kit's look at a folder while no process writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.contract.errors import ManifestError
from conformance.oracle.payload import encode, make_status
from stress.load.folder import look_at, new_folder, temps_in


def test_a_whole_document_is_known(tmp_path: Path) -> None:
    target = tmp_path / "status.json"
    target.write_text(encode(make_status(2, 9, 4096)), encoding="utf-8")
    look = look_at(target)
    assert (look.identity, look.violation) == ((2, 9), None)
    assert look.begin <= look.end


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "torn"),
        (b'{"status": "run', "torn"),
        (encode(make_status(1, 1)).replace('"epoch":1.0', '"epoch":1.5').encode(), "mixed"),
        (None, "missing"),
    ],
)
def test_anything_else_is_a_violation(tmp_path: Path, data: bytes | None, kind: str) -> None:
    target = tmp_path / "status.json"
    if data is not None:
        target.write_bytes(data)
    look = look_at(target)
    assert look.identity is None
    assert look.violation is not None
    assert look.violation.kind == kind
    assert look.violation.text.startswith(kind)
    assert look.violation.text.endswith("while no process writes")
    assert look.begin <= look.violation.time <= look.end


def test_a_folder_at_the_target_is_named(tmp_path: Path) -> None:
    look = look_at(tmp_path)
    assert look.violation is not None
    assert look.violation.kind == "missing"
    assert look.violation.text == "missing: a folder is at the target, and no file, while no process writes"


def test_every_file_that_is_no_target_is_a_temp(tmp_path: Path) -> None:
    for name in ("status.json", "status1.json", ".hidden.tmp", "status.json.tmp"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert temps_in(tmp_path, ("status.json", "status1.json"), ()) == (".hidden.tmp", "folder", "status.json.tmp")
    assert temps_in(tmp_path, ("status.json", "status1.json", "status2.json"), ())[0] == ".hidden.tmp"


def test_a_file_that_is_kept_beside_a_target_is_no_temp(tmp_path: Path) -> None:
    for name in ("status.json", ".status.json.lock", ".other.json.lock"):
        (tmp_path / name).touch()
    assert temps_in(tmp_path, ("status.json",), (".{name}.lock",)) == (".other.json.lock",)


def test_a_new_folder_is_gone_at_the_end_with_all_that_is_in_it(tmp_path: Path) -> None:
    with new_folder(tmp_path) as folder:
        assert folder.parent == tmp_path.resolve()
        assert list(folder.iterdir()) == []
        (folder / "closed").mkdir(mode=0o000)
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_is_gone_also_after_control_c(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_none_can_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="nowhere: cannot make a folder there"), new_folder(tmp_path / "nowhere"):
        raise AssertionError("there is no folder")
