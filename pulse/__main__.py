"""``python -m pulse``: the same as the ``pulse`` command."""

import sys

from pulse.cli import main

if __name__ == "__main__":
    sys.exit(main())
