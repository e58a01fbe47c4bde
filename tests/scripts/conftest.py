"""What the tests of the scripts share."""

import sys
from pathlib import Path

# The distributions leave `scripts` out. At the end of the path: everything else is still what is installed.
sys.path.append(str(Path(__file__).resolve().parents[2]))
