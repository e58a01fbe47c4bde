"""``python -m conformance.syscalls.strace LOG --target PATH``."""

import sys

from conformance.syscalls.strace.parser import main

if __name__ == "__main__":
    sys.exit(main())
