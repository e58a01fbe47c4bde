"""``python -m stress``: the same as ``pulse stress``, where no such command is installed.

`multiprocessing` does not import a main module of this name again in the processes of a run, which saves seconds.
"""

import sys

from stress.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
