"""What the tests of the benchmarks share."""

import sys
from pathlib import Path

# The wheel leaves `bench` out. At the end of the path: everything else is still what is installed.
sys.path.append(str(Path(__file__).resolve().parents[2]))
