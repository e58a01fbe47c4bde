"""Other libraries that replace a file: installed at pinned versions for one run, and started as contenders."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import ROOT

__all__ = ["Peer", "Workshop", "read_peers"]

_INSTALL_SECONDS = 60.0


@dataclass(frozen=True)
class Peer:
    """One library and what its writes guarantee; see ``peers.toml``."""

    name: str
    version: str
    registry: str
    synced: str
    folder: bool

    @property
    def title(self) -> str:
        """Its name in tables."""
        return f"{self.name} {self.version} ({self.registry})"

    def guarantees(self, mode_kept: bool) -> str:
        """What a write guarantees, as shown in the table; ``mode_kept`` is what was observed."""
        return (
            f"file synced {self.synced} the rename; folder {'synced' if self.folder else 'not synced'}; "
            f"mode {'kept' if mode_kept else 'not kept'}"
        )


def read_peers(file: Path = ROOT / "bench" / "peers.toml") -> tuple[Peer, ...]:
    """The peers in ``peers.toml``, in its order."""
    return tuple(Peer(**entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["peer"])


class Workshop:
    """A folder in which peers are installed; the caller owns and removes it."""

    def __init__(self, folder: Path) -> None:
        self._environment = folder / "python"
        self._modules = folder / "node"

    def install(self, peer: Peer) -> str | None:
        """Install a peer. Returns the reason if it could not be installed, or None."""
        commands = self._python_commands(peer) if peer.registry == "PyPI" else self._node_commands(peer)
        for command in commands:
            if shutil.which(command[0]) is None:
                return f"needs {command[0]}"
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
            except subprocess.CalledProcessError as error:
                lines = error.stderr.strip().splitlines() or ["no message"]
                return f"{Path(command[0]).name} could not install it: {lines[-1][:100]}"
            except subprocess.TimeoutExpired:
                return f"{Path(command[0]).name} did not finish within {_INSTALL_SECONDS:.0f} s"
        return None

    def command(self, peer: Peer, target: Path) -> list[str]:
        """The command of an installed peer as a contender that writes ``target``."""
        if peer.registry == "PyPI":
            return [self._python, str(ROOT / "bench" / "peer_loop.py"), peer.name, str(target)]
        return ["node", str(self._node_loop), peer.name, str(target)]

    @property
    def _python(self) -> str:
        return str(self._environment / "bin" / "python")

    @property
    def _node_loop(self) -> Path:
        return self._modules / "peer_loop.mjs"

    def _python_commands(self, peer: Peer) -> Sequence[Sequence[str]]:
        pip = [self._python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        create = [sys.executable, "-m", "venv", str(self._environment)]
        return [*([] if self._environment.exists() else [create]), [*pip, f"{peer.name}=={peer.version}"]]

    def _node_commands(self, peer: Peer) -> Sequence[Sequence[str]]:
        self._modules.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "bench" / "peer_loop.mjs", self._node_loop)  # Node looks for packages beside the file
        npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        return [[*npm, "--prefix", str(self._modules), f"{peer.name}@{peer.version}"]]
