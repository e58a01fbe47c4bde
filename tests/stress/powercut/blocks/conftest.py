"""What the tests of recorded disks share."""

from __future__ import annotations

import pytest

from conformance.contract.errors import Unmeasured
from stress.disk import KINDS, require_means
from stress.powercut.blocks.fuse import require_fuse


@pytest.fixture
def means() -> None:
    """A root's loop devices and FUSE; without them a test is skipped."""
    try:
        require_means(KINDS["ext4"])
        require_fuse()
    except Unmeasured as reason:
        pytest.skip(str(reason))
