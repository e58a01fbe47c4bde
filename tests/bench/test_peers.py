"""The list of other libraries, and the handling of one that cannot be installed."""

from pathlib import Path

import pytest

from bench.contenders import ROOT
from bench.peers import Peer, Workshop, read_peers

EVERYONE = read_peers()


@pytest.mark.parametrize("peer", EVERYONE, ids=lambda peer: peer.name)
def test_every_peer_is_pinned_and_has_a_loop(peer: Peer) -> None:
    assert peer.version.count(".") == 2
    assert peer.synced in ("before", "after")
    loop = {"PyPI": "peer_loop.py", "npm": "peer_loop.mjs"}[peer.registry]
    assert peer.name in (ROOT / "bench" / loop).read_text(encoding="utf-8")


def test_guarantees_are_described_in_words() -> None:
    peer = Peer("one", "1.0.0", "PyPI", "before", True)
    assert peer.guarantees(mode_kept=True) == "file synced before the rename; folder synced; mode kept"
    other = Peer("two", "1.0.0", "npm", "after", False)
    assert other.guarantees(mode_kept=False) == "file synced after the rename; folder not synced; mode not kept"


def test_a_missing_installer_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Workshop(tmp_path).install(Peer("two", "1.0.0", "npm", "before", False)) == "needs npm"
