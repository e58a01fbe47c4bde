"""Four threads, each with a file of its own and at the same time, by names relative to the current folder."""

import os
import sys
import threading

assert sys.platform == "linux"  # mypy takes the rest for unreachable elsewhere

start = threading.Barrier(4)


def publish(number: int) -> None:
    start.wait()
    descriptor = os.open(f"worker{number}.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.writev(descriptor, [b"worker ", b"%d\n" % number])
    os.fdatasync(descriptor)
    os.close(descriptor)
    os.rename(f"worker{number}.tmp", f"worker{number}.json")


os.chdir(sys.argv[1])
threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os.sync()
