"""``python -m stress``: what ``pulse stress`` does, where no command of that name is installed.

The processes of a run do not import a main module of this name again (`multiprocessing`), which saves them seconds.
"""

import sys

from stress.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
