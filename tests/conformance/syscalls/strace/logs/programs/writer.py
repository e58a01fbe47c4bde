"""The honest base: a new temp, write, fsync, rename, fsync of the folder."""

import os
import sys

assert sys.platform == "linux"  # mypy takes the rest for unreachable elsewhere

folder = sys.argv[1]
os.chdir(folder)
descriptor = os.open(f"{folder}/status.json.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
os.write(descriptor, b'{"epoch":1,"note":"\xc3\xa9"}\n')
try:
    os.fsync(descriptor)
except OSError:
    os.close(descriptor)
    os.unlink(f"{folder}/status.json.tmp")
    raise SystemExit(1) from None
os.close(descriptor)
os.replace(f"{folder}/status.json.tmp", f"{folder}/status.json")
parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
os.fsync(parent)
os.close(parent)
