"""What the tests of `pulse observe` share: none leaves a folder watched, which other parts of the kit take note of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.oracle.inotify import FolderWatch


@pytest.fixture(autouse=True)
def no_folder_stays_watched() -> Iterator[None]:
    before = FolderWatch.watching
    yield
    assert FolderWatch.watching == before
