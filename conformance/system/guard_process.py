"""``python guard_process.py PID SECONDS``: lets the process PID go on when something stops it (SIGSTOP).

It looks every SECONDS, and acts when PID was stopped in several looks in a row: as it is in the same process group,
Ctrl-Z stops it, too. A process that is stopped again and again is asked to end. For each time it prints a line, and it
ends with its standard input, that is with PID. Linux only; it imports nothing of the kit, so that it starts at once.
"""

import os
import select
import signal
import sys

assert sys.platform == "linux"

LOOKS = 3
MOST = 3  # times that it is let go on


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal (proc_pid_stat(5)). Raises OSError when there is none."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def main(pid: int, seconds: float) -> None:
    """Watch a process to its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it ends when PID has ended, and not before
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    looks = times = 0
    while not select.select([0], [], [], seconds)[0]:
        looks = looks + 1 if is_stopped(pid) else 0
        if looks < LOOKS:
            continue
        looks, times = 0, times + 1
        if times > MOST:
            os.write(2, b"pulse: the main process was stopped (SIGSTOP) again and again; the run ends\n")
            os.kill(pid, signal.SIGTERM)
        else:
            os.write(2, b"pulse: the main process was stopped (SIGSTOP); it goes on\n")
        os.write(1, b".")
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), float(sys.argv[2]))
    except OSError:
        sys.exit(0)  # the process has ended, or those that would hear of it
