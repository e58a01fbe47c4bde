"""Whether the tests run under Wine, which has the share rules of Windows but not every call; the tests say which."""

import pytest

from conformance.system.platform import under_wine

__all__ = ["long_names_are_refused", "under_wine"]

long_names_are_refused = pytest.mark.skipif(under_wine(), reason="Wine calls a file missing whose name is too long")
