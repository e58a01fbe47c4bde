"""What a program can do outside of the sandbox, and cannot do in it; each attack is shown to work without."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.contract.errors import ManifestError
from conformance.subject import sandbox
from conformance.subject.accounts import account_of, give
from conformance.subject.children import kill_children, spawn
from conformance.subject.forking import Forked, serving_forks
from conformance.subject.launch import LaunchOptions, forked_modules, spawned
from conformance.subject.sandbox import Sandbox, require_means, require_to_start, visible_variables
from tests.conformance.subject.conftest import load

if sys.platform != "linux":
    pytest.skip("only Linux has the namespaces of the sandbox", allow_module_level=True)

SECRET, USER = "a secret", "nobody"
# The names in capital letters are those of `Machine.places`.
ATTACKS = {
    "write into the home folder": "Path(HOME, 'planted').write_text('x')",
    "write beside its own files": "Path(OWN, 'planted').write_text('x')",
    "write into the machine's /tmp": "Path(TEMPORARY, 'planted').write_text('x')",
    "write into the kit's state": "Path(STATE, 'planted').write_text('x')",
    "read a secret in the home folder": "print(Path(HOME, 'secret').read_text())",
    "read the kit's state": "print(Path(STATE, 'secret').read_text())",
    "read a token in the environment": "print(os.environ['SOME_TOKEN'])",
    "read the environment of another process": "Path(f'/proc/{VICTIM}/environ').read_bytes()",
    "reach the files of another process": "os.listdir(f'/proc/{VICTIM}/root')",
    "connect to the loopback of the machine": "socket.create_connection(('127.0.0.1', int(PORT)), 5)",
    "connect to a socket of the machine": "socket.socket(socket.AF_UNIX).connect(SOCKET)",
    "connect to an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0' + ABSTRACT)",
    "signal a process": "os.kill(int(VICTIM), signal.SIGCONT)",
    "signal a process by a descriptor": "signal.pidfd_send_signal(os.pidfd_open(int(VICTIM)), signal.SIGCONT)",
    "limit a process": "resource.prlimit(int(VICTIM), resource.RLIMIT_NOFILE, (99, 99))",
    "trace a process": "call('ptrace', 0x4206, int(VICTIM), 0, 0)",  # PTRACE_SEIZE
    "leave shared memory": "Path('/dev/shm', SHARED).write_text('x')",
    "see shared memory of System V": "call('shmat', int(SEGMENT), 0, 0o10000)",
}
AS_ROOT = {
    "write into a file of the system": "os.close(os.open('/etc/hostname', os.O_WRONLY))",
    "read the users' passwords": "Path('/etc/shadow').read_bytes()[0]",
    "mount": (
        "os.path.exists(HOME) and call('unshare', 0x20000); "  # outside: where the machine does not see it
        "os.path.exists(HOME) and call('mount', b'none', b'/', None, 0x44000, None); "
        "call('mount', b'none', os.fsencode(os.environ['TMPDIR']), b'tmpfs', 0, None)"
    ),
    "make a device": "os.mknod(Path(os.environ['TMPDIR'], 'device'), stat.S_IFBLK, os.makedev(7, 200))",
    "open a device": "os.close(os.open('/dev/kmsg', os.O_WRONLY))",
    "change the kernel's settings": "os.close(os.open('/proc/sys/kernel/panic', os.O_WRONLY))",
    "open a file by its handle": (
        "handle = (ctypes.c_uint * 34)(128); "
        "call('name_to_handle_at', -100, os.fsencode(OWN), handle, ctypes.byref(ctypes.c_int()), 0); "
        "call('open_by_handle_at', os.open(OWN, os.O_RDONLY), handle, os.O_RDONLY)"
    ),
    "enter the namespaces of another process": "call('setns', os.open(f'/proc/{VICTIM}/ns/ipc', os.O_RDONLY), 0)",
}
_PROGRAM = """\
import ctypes, os, resource, signal, socket, stat, sys
from pathlib import Path
globals().update(argument.split("=", 1) for argument in sys.argv[2:])
def call(name, *arguments):
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
try:
    exec(sys.argv[1])
except (OSError, KeyError, IndexError) as error:
    sys.exit(f"refused: {error!r}")
print("done")
"""


# In the sandbox these have a place of their own, which is gone with the process.
CONTAINED = ("leave shared memory",)


@dataclass(frozen=True)
class Machine:
    """Where an attack happens: the program's own folder, the folder in which it works, and all the rest."""

    own: Path
    work: Path
    sandbox: Sandbox
    places: Mapping[str, object]
    children: Path

    def run(self, attack: str, *, inside: bool, user: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the program with this attack, in the sandbox or not."""
        options = LaunchOptions(self.children, self.work, sandbox=self.sandbox if inside else None, user=user)
        launcher = self.sandbox.prefix((self.own,), becomes=user is not None) if inside else ()
        launcher = (*launcher, *(account_of(user).prefix() if user else ()))
        places = [f"{name}={value}" for name, value in self.places.items()]
        words = (*launcher, sys.executable, "-c", _PROGRAM, attack, *places)
        child = spawn(words, folder=self.own, children=self.children, environment=options.child_environment())
        printed = child.communicate(b"", 60).decode()
        return subprocess.CompletedProcess(words, child.process.returncode, printed, child.stderr())


def leftovers(machine: Machine) -> list[Path]:
    """What an attack has left on the machine."""
    places = [machine.places[name] for name in ("HOME", "OWN", "TEMPORARY", "STATE")]
    shared = Path("/dev/shm", str(machine.places["SHARED"]))
    return [path for path in [*(Path(str(place), "planted") for place in places), shared] if path.exists()]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    folders = {name: tmp_path / name for name in ("home", "own", "temporary", "state", "work", "children")}
    for folder in folders.values():
        folder.mkdir()
    for name in ("home", "state"):
        (folders[name] / "secret").write_text(SECRET, encoding="utf-8")
    (folders["work"] / "home").mkdir()
    monkeypatch.setenv("HOME", str(folders["home"]))
    monkeypatch.setenv("TMPDIR", str(folders["temporary"]))
    monkeypatch.setenv("SOME_TOKEN", SECRET)
    shared = abstract = f"sandbox-{os.getpid()}"
    segment = subprocess.run(["ipcmk", "-M", "1"], capture_output=True, text=True, check=True).stdout.split()[-1]
    box = Sandbox(folders["work"] / "home", (folders["work"],), concealed=(folders["state"],))
    name = str(folders["home"] / "s")
    with (
        subprocess.Popen(["sleep", "600"]) as victim,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as unnamed,
    ):
        named.bind(name)
        named.listen()
        unnamed.bind(f"\0{abstract}")
        unnamed.listen()
        places = {
            **{name.upper(): folder for name, folder in folders.items()},
            "VICTIM": victim.pid,
            "PORT": listener.getsockname()[1],
            "SOCKET": name,
            "ABSTRACT": abstract,
            "SHARED": shared,
            "SEGMENT": segment,
        }
        yield Machine(folders["own"], folders["work"], box, places, folders["children"])
        victim.kill()
    kill_children(folders["children"])
    subprocess.run(["ipcrm", "-m", segment], check=True)
    Path("/dev/shm", shared).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def sandboxed(machine: Machine) -> None:
    """Skips the tests where no sandbox can be made."""
    try:
        require_means((), None)
        require_to_start(machine.sandbox.prefix((machine.own,)), machine.own, dict(os.environ))
    except ManifestError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("attack", [*ATTACKS, *AS_ROOT])
def test_what_works_outside_fails_in_the_sandbox(machine: Machine, attack: str) -> None:
    if attack in AS_ROOT and os.geteuid() != 0:
        pytest.skip("only root may do that")
    code = {**ATTACKS, **AS_ROOT}[attack]
    inside = machine.run(code, inside=True)
    before = leftovers(machine)
    outside = machine.run(code, inside=False)
    assert (outside.returncode, outside.stdout.splitlines()[-1:]) == (0, ["done"]), outside.stderr
    if attack in CONTAINED:
        assert inside.returncode == 0
        assert leftovers(machine) != []  # what it has left from outside
    else:
        assert "refused" in inside.stderr
        assert inside.returncode == 1
    assert SECRET not in inside.stdout
    assert before == []


@pytest.mark.parametrize("attack", ["signal a process", "read a secret in the home folder", "leave shared memory"])
def test_another_user_may_be_in_the_sandbox_too(machine: Machine, tmp_path: Path, attack: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may start programs as another user")
    tmp_path.chmod(0o755)
    give(machine.work, USER)
    found = machine.run(f"print('as', os.getuid()); {ATTACKS[attack]}", inside=True, user=USER)
    assert found.stdout.splitlines()[0] == f"as {account_of(USER).uid}"
    assert ("refused" in found.stderr) == (attack not in CONTAINED)
    assert leftovers(machine) == []


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("its folder of temporary files", "Path(os.environ['TMPDIR'], 'x').write_text('x')"),
        ("its home folder", "assert HOME != os.environ['HOME']; Path.home().joinpath('x').write_text('x')"),
        ("a /tmp of its own", "Path('/tmp/x').write_text('x')"),
        ("the ordinary devices", "assert open('/dev/urandom', 'rb').read(1); Path('/dev/null').write_text('x')"),
        ("its own limits", "resource.prlimit(os.getpid(), resource.RLIMIT_NOFILE, (99, 99))"),
        ("its own processes", "os.kill(os.posix_spawn('/bin/sleep', ['sleep', '600'], os.environ), signal.SIGKILL)"),
        (
            "a loopback of its own",
            "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())",
        ),
    ],
)
def test_what_a_program_needs_is_there(machine: Machine, what: str, code: str) -> None:
    found = machine.run(code, inside=True)
    assert (found.returncode, found.stdout) == (0, "done\n"), f"{what}: {found.stderr}"


def test_nothing_stands_between_the_program_and_the_kit(machine: Machine) -> None:
    """Its process id, its parent and how it ends are those that the kit sees."""
    launcher = machine.sandbox.prefix((machine.own,))
    script = "echo $$ $PPID; kill -TERM $$"
    child = spawn(
        (*launcher, "sh", "-c", script), folder=machine.own, children=machine.children, environment=dict(os.environ)
    )
    assert child.communicate(b"", 60).split() == [b"%d" % child.process.pid, b"%d" % os.getpid()]
    assert child.process.returncode == -15


@pytest.mark.parametrize("ignore", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_what_it_inherits_is_what_it_inherits_without_and_in_a_fork(
    machine: Machine, make_manifest: Callable[..., Path], inside: bool, ignore: bool
) -> None:
    manifest = load(make_manifest(["true"], mode="oneshot"))
    box = machine.sandbox if inside else None
    options = LaunchOptions(machine.children, machine.work, sandbox=box, umask=0o027, ignore_signals=ignore)
    command = ("sh", "-c", "umask; pwd; ls /proc/self/fd; grep -E 'SigIgn|SigBlk' /proc/self/status")
    expected = f"0027\n{manifest.folder}\n0\n1\n2\n3\n" + "".join(
        f"{name}:\t{bits:016x}\n" for name, bits in (("SigBlk", 0), ("SigIgn", ignore and 1 << 24))
    )
    started = spawned(manifest, options, command)
    assert started.communicate(b"", 60).decode() == expected
    with serving_forks(machine.children, forked_modules(manifest, sandbox=inside)):
        forked = spawned(manifest, options, command)
        assert isinstance(forked.process, Forked) == (inside and not ignore)
        assert forked.communicate(b"", 60).decode() == expected


def test_it_keeps_the_capabilities_over_files_and_gains_no_right(machine: Machine) -> None:
    code = "print(*(line for line in open('/proc/self/status') if line.startswith(('Cap', 'NoNew'))), sep='')"
    found = dict(line.split(":\t") for line in machine.run(code, inside=True).stdout.splitlines() if ":\t" in line)
    over_files = 0b11011 if os.geteuid() == 0 else 0  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID
    assert [int(found[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")] == [over_files] * 2 + [0] * 2
    assert int(found["CapBnd"], 16) == 0b11011
    assert found["NoNewPrivs"] == "1"


def test_a_namespace_of_a_namespace_gives_nothing_back(machine: Machine) -> None:
    """Where a program may make namespaces of its own, what is read-only or hidden stays so in them."""
    script = "mount -o remount,bind,rw /etc; umount -l /etc; cat /etc/shadow; >/etc/hostname"
    words = (*machine.sandbox.prefix((machine.own,)), "unshare", "--user", "--mount", "sh", "-c", script)
    before = Path("/etc/hostname").read_bytes()
    child = spawn(words, folder=machine.own, children=machine.children, environment=dict(os.environ))
    assert child.communicate(b"", 60) == b""
    assert child.process.returncode != 0
    assert Path("/etc/hostname").read_bytes() == before


def test_set_up_commands_have_the_network_of_the_machine(machine: Machine) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {machine.places['PORT']})); print('connected')"
    words = (*machine.sandbox.prefix((machine.own,), network=True), sys.executable, "-c", code)
    child = spawn(words, folder=machine.own, children=machine.children, environment=dict(os.environ))
    assert child.communicate(b"", 60) == b"connected\n"


def test_the_environment_is_a_list_of_names_and_set_up_commands_have_the_proxy() -> None:
    given = {"PATH": "/bin", "LC_ALL": "C", "GITHUB_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "k", "HTTPS_PROXY": "p"}
    assert visible_variables(given) == {"PATH": "/bin", "LC_ALL": "C"}
    assert visible_variables(given, network=True) == {"PATH": "/bin", "LC_ALL": "C", "HTTPS_PROXY": "p"}


def test_elsewhere_than_on_linux_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ManifestError, match="only Linux has the namespaces"):
        require_means((), None)


def test_a_kernel_that_cannot_hold_signals_back_needs_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_landlock", lambda: 5)
    with pytest.raises(ManifestError, match="cannot keep a program from killing your other processes"):
        require_means((), None)
    require_means((), USER)


def test_what_is_to_be_shown_must_be_there_and_not_be_the_home_folder(machine: Machine) -> None:
    home = Path(str(machine.places["HOME"]))
    for folder, why in ((home, "it is your home folder"), (home / "missing", "there is no such folder")):
        with pytest.raises(ManifestError, match=f"--sandbox-read {folder}: {why}"):
            require_means((folder,), None)
    with pytest.raises(ManifestError, match="it is your home folder, and would be shown; move the manifest"):
        require_to_start(machine.sandbox.prefix(), home, {})


def test_where_namespaces_are_not_to_be_had_it_says_what_to_do(machine: Machine) -> None:
    nowhere = ("sh", "-c", "echo 'sandbox: namespaces are not allowed: Operation not permitted' >&2; exit 1", "sh")
    text = "cannot be made here: namespaces are not allowed: Operation not permitted; run it as root, or allow user"
    with pytest.raises(ManifestError, match=text):
        require_to_start(nowhere, machine.own, {})
