"""Importing this does once what every run would do again: `trials` preloads it, and each run is a fork of that process.

It comes before the modules of the suite, whose tests take the settings of Hypothesis that hold when they are imported.
"""

import importlib

from _pytest.config import default_plugins
from hypothesis import strategies
from hypothesis.configuration import notice_initialization_restarted, set_hypothesis_home_dir

from conformance.mutation.registry import all_mutants, all_variants
from conformance.runner.hypothesis_profile import use_profile
from conformance.system.file_hashes import kit_files
from conformance.system.run_folders import temporary

use_profile()
kit_files()
all_mutants()
all_variants()
for plugin in default_plugins:
    importlib.import_module(f"_pytest.{plugin}")
# The categories of all characters, which Hypothesis also keeps in a file of its home folder.
with temporary("pulse-mutants-") as folder:
    set_hypothesis_home_dir(str(folder))
    strategies.text().validate()
    set_hypothesis_home_dir(None)
notice_initialization_restarted(warn=False)  # its plugin for pytest would warn that this was early, as it is meant
