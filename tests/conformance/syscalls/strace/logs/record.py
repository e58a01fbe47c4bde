"""Records the logs beside it anew: ``python record.py FOLDER``. Needs strace, node, gcc; FOLDER is new and neutral.

What happens before a program's chdir to the folder is its start-up; only what makes processes is kept of it.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
QUIET = "trace=!futex,mmap,munmap,mprotect,madvise,brk,rt_sigprocmask,rt_sigaction,gettid"
MAKES_PROCESSES = re.compile(r"[ \]](execve|v?fork|clone3?)\(|<\.\.\. (execve|v?fork|clone3?) resumed>")


def trimmed(lines: list[str]) -> list[str]:
    start = next(number for number, line in enumerate(lines) if re.search(r'\bchdir\("/data/run"', line))
    dropped: set[str] = set()
    kept = []
    for number, line in enumerate(lines):
        thread = line.partition("[")[2].partition("]")[0] if line.startswith("[") else line.partition(" ")[0]
        begins, ends = line.endswith("<unfinished ...>"), " resumed>" in line
        if (ends and thread in dropped) or not (number >= start or MAKES_PROCESSES.search(line) or "attached" in line):
            (dropped.add if begins else dropped.discard)(thread)
            continue
        kept.append(line)
    return kept


def record(name: str, folder: Path, command: list[str], *options: str, to_file: bool = True) -> None:
    run = folder / "run"
    for path in run.iterdir():
        path.unlink()
    (run / "status.json").write_text("{}\n")
    log = folder / "log"
    output = ("-o", str(log)) if to_file else ()
    traced = ["strace", "-f", *options, *output, *command, str(run)]
    plain = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(traced, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=plain)
    lines = (log.read_bytes() if to_file else done.stderr).decode("utf-8", "surrogateescape").splitlines()
    neutral_names = {run: "/data/run", folder: "/data", sys.base_prefix: "/usr", Path.home(): "/home/user"}
    for found, neutral in neutral_names.items():
        lines = [line.replace(str(found), neutral) for line in lines]
    text = "".join(f"{line}\n" for line in trimmed(lines))
    (HERE / f"{name}.log").write_text(text, encoding="utf-8", errors="surrogateescape")


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    (folder / "run").mkdir(parents=True)
    for path in PROGRAMS.iterdir():
        shutil.copy(path, folder)
    subprocess.run(["gcc", "-static", "-o", "writer", "writer.c"], cwd=folder, check=True)
    python = [str(Path(sys.base_prefix) / "bin" / "python3"), "-I"]
    writer = [*python, "writer.py"]
    threads = [*python, "threads.py"]
    record("python", folder, writer, "-y")
    record("python-raw", folder, writer, "-yy", "-ttt", "-r", "-T", "-x", "-X", "raw")
    record("python-verbose", folder, writer, "-yy", "-tt", "-T", "-s", "100", "-X", "verbose")
    record("python-injected", folder, writer, "-y", "-e", "inject=fsync:error=ENOSPC:when=1")
    record("python-killed", folder, writer, "-y", "-e", "inject=rename:signal=SIGKILL:when=1")
    record("threads", folder, threads, "-y", "-e", QUIET)
    record("threads-stderr", folder, threads, "-y", "-T", "-e", QUIET, to_file=False)
    record("node", folder, ["node", "writer.mjs"], "-y", "-e", QUIET)
    record("static", folder, ["./writer"], "-y")
    record("shell", folder, ["sh", "writer.sh"], "-y", "-e", QUIET)


if __name__ == "__main__":
    main()
