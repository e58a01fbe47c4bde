"""A correct writer that attacks its judge: ``python implementation.py ATTACK``.

Each attack is bounded in count and in time, so that one that succeeds does no harm beyond its namespaces.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.hostile import beside, files, printed, processes  # noqa: F401  # each adds its attacks
from tests.hostile.server import ATTACKS, Server

__all__ = ["ATTACKS", "main"]


def main(name: str) -> None:
    """Serve, with this attack."""
    server = Server()
    ATTACKS[name](server)
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1])
