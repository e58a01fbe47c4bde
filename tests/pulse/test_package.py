"""The package as a whole: its public names, and what it needs."""

import subprocess
import sys

import pulse


def test_every_public_name_is_there() -> None:
    assert all(hasattr(pulse, name) for name in pulse.__all__)
    assert len(set(pulse.__all__)) == len(pulse.__all__)


def test_importing_it_needs_only_the_standard_library() -> None:
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import pulse, pulse.cli, pulse.serve, pulse.selftest, pulse._windows\n"
        "import pulse._publisher, pulse._run_status, pulse._signals, pulse._sigterm, pulse._stderr\n"
        "added = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(added - set(sys.stdlib_module_names) - {'pulse'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_importing_it_loads_nothing_that_only_a_run_needs() -> None:
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"  # what measures coverage is loaded already
        "import pulse\n"
        "print(sorted({'logging', 'queue', 'signal', 'subprocess'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
