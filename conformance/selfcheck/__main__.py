"""``python -m conformance.selfcheck``, which is what ``tox -e mutants`` runs."""

import sys

from conformance.selfcheck.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
