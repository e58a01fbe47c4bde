"""The settings of Hypothesis in every run of the suite, whatever the machine's own are."""

from __future__ import annotations

import hypothesis
from hypothesis.internal.conjecture import providers

__all__ = ["use_profile"]


def use_profile() -> None:
    """Load the settings. A test takes those that hold when its module is imported, so this comes before that."""
    # Not the profile that Hypothesis takes by itself under CI: there the seed would mean nothing.
    usual = hypothesis.settings.get_profile("default")
    hypothesis.settings.register_profile("pulse", usual, database=None, deadline=None, report_multiple_bugs=False)
    hypothesis.settings.load_profile("pulse")
    _draw_no_constants_of_loaded_modules()


def _draw_no_constants_of_loaded_modules() -> None:
    # In a checkout Hypothesis also draws constants that occur in the modules that happen to be loaded. The controlling
    # process has loaded others than a worker has, and one seed would mean two runs. There is no public switch.
    if hasattr(providers, "_local_constants"):
        none_yet = providers._local_constants
        providers._get_local_constants = lambda: none_yet
