"""The hashes of the kit's files and of the files that are judged."""

import hashlib
from pathlib import Path

import pytest

from conformance.system import file_hashes
from conformance.system.file_hashes import folder_hashes, kit_files


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_each_file_has_its_hash_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "inner" / "a").write_bytes(b"1")
    found = folder_hashes(tmp_path)
    assert found.each == {"inner/a": sha256(b"1"), "b": sha256(b"2")}
    assert found.count == 2
    assert found.sha256 == sha256(f"{sha256(b'2')}  b\n{sha256(b'1')}  inner/a\n".encode())


def test_what_tools_leave_is_left_out(tmp_path: Path) -> None:
    for name in ("node_modules", "__pycache__", "target", ".git"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    for name in (".hidden", "a.pyc", "kept"):
        (tmp_path / name).touch()
    assert folder_hashes(tmp_path).each.keys() == {"kept"}


def test_reports_of_the_kit_are_left_out_and_what_lies_beside_them_is_not(tmp_path: Path) -> None:
    (tmp_path / "linux").mkdir()
    (tmp_path / "linux" / "results.jsonl").write_text('{"type": "header", "format": 2, "kit": "1"}\n')
    for name in ("report.html", "adapter.py"):
        (tmp_path / "linux" / name).touch()
    (tmp_path / "report.html").touch()
    assert folder_hashes(tmp_path).each.keys() == {"linux/adapter.py", "report.html"}


def test_the_policy_of_an_audit_beside_the_manifest_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text("[required]", encoding="ascii")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "audit.toml").write_text("of the program", encoding="ascii")
    assert list(folder_hashes(tmp_path).each) == ["sub/audit.toml"]


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 2), ("MOST_BYTES", 2)])
def test_a_large_folder_is_not_hashed_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(file_hashes, limit, value)
    for name in "abc":
        (tmp_path / name).write_bytes(b"1")
    found = folder_hashes(tmp_path)
    assert (found.each, found.sha256) == ({}, "")
    assert found.why_not.startswith("more than")


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert folder_hashes(tmp_path / "missing").count == 0


def test_a_changed_file_of_the_kit_changes_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = tmp_path / "conformance"
    for name in ("conformance/implementations", "conformance/oracle/implementations", "stress"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"1")
    monkeypatch.setattr(file_hashes, "_KIT", kit)

    def hash_after(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return kit_files.__wrapped__()

    first = hash_after("stress/file", b"1")
    assert hash_after("conformance/implementations/file", b"2") == first
    assert hash_after("conformance/oracle/implementations/file", b"2") != first
    assert hash_after("conformance/oracle/implementations/file", b"1") == first
    assert hash_after("stress/file", b"2") != first


def test_the_kit_is_hashed_once() -> None:
    assert len(kit_files()) == 64
    assert kit_files() is kit_files()
