"""Setup shared by the tests of the benchmarks."""

import sys
from pathlib import Path

# The wheel leaves `bench` out. At the end of the path, so that everything else still comes from the installed wheel.
sys.path.append(str(Path(__file__).resolve().parents[2]))
