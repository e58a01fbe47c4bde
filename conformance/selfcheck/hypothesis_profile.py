"""Importing this loads the suite's settings of Hypothesis: `trials` preloads it before the modules that need them."""

from conformance.runner.hypothesis_profile import use_profile

use_profile()
