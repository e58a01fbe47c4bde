"""``pulse stress --dask``: the harness on all machines of a Dask cluster, in one folder that all of them see.

Each worker counts as a machine, and runs the harness's load with writer numbers of its own. The machines' loads start
together; each machine judges its own readers (`stress.cluster.tally`), and the rest is compared here
(`stress.cluster.merge`). Times of two machines are never compared: their clocks may differ by hours.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.contract.errors import ImplementationError
from conformance.reporting.header import kit_version
from conformance.runner.target_folders import PREFIX
from stress.cluster.machine import Machine, MachinePlan
from stress.cluster.merge import Ending, LastRead, OfMachine, judge_ending, merge, named_systems, scenario_of_all
from stress.cluster.tally import marks_from_json
from stress.load.sampler import Show
from stress.record.folder_record import FolderRecord, Sample
from stress.record.histogram import Histogram
from stress.record.json_codec import from_json
from stress.record.scenario import Scenario
from stress.reporting.live import View

__all__ = ["PATIENCE_SECONDS", "Cluster", "ClusterError", "ClusterUsageError", "connected", "parse_place"]

PATIENCE_SECONDS = 90.0
"""How long a machine may take to see what others have done, as mounts cache attributes and names: NFS for at most 60 s
(nfs(5), ``acregmax`` and ``acdirmax``), sshfs for 20 s (sshfs(1), ``dcache_timeout``), unless configured otherwise."""
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 60.0  # for a worker to answer; no request takes long
_STOP_SECONDS = 60.0  # after Ctrl-C
_LOOK_SECONDS = 0.2  # between two rounds of requests


class ClusterError(RuntimeError):
    """The cluster failed during a run: there is no verdict."""


class ClusterUsageError(ValueError):
    """The cluster cannot be used like this; the message says what to do."""


@dataclass
class _Worker:
    """One machine: its name in messages, its Dask address, its actor, and its own path of the common folder, if any."""

    name: str
    address: str
    actor: Any
    folder: str | None

    def ask(self, what: str, *arguments: Any) -> Any:
        """Call a method of `stress.cluster.machine.Machine` there. Raises ClusterError when the machine is lost."""
        try:
            return getattr(self.actor, what)(*arguments).result(timeout=_ANSWER_SECONDS)
        except TimeoutError as error:
            raise ClusterError(
                f"machine {self.name} gave no answer within {_ANSWER_SECONDS:g} s; look at its Dask worker"
            ) from error
        except NotADirectoryError:
            raise
        except Exception as error:
            raise ClusterError(
                f"machine {self.name} ({self.address}) failed: {error!r}; look at the log of its Dask worker"
            ) from error


def parse_place(text: str) -> tuple[str, str]:
    """Read ``WORKER=PATH``. Raises ValueError."""
    worker, _, path = text.rpartition("=")
    if not worker or not path:
        raise ValueError(f"{text!r} is not WORKER=PATH; write a worker's name or address, and its folder")
    return worker, path


@contextlib.contextmanager
def connected(address: str, places: Sequence[tuple[str, str]] = ()) -> Iterator[Cluster]:
    """Connect to the scheduler at this address, such as ``tcp://host:8786``, and to all its workers.

    ``places`` are (name or address of a worker, its path of the common folder). Raises ClusterUsageError.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterUsageError('--dask needs Dask: pip install "pulse-kit[cluster]"') from error
    try:
        client = Client(address, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]  # distributed has no type
    except (OSError, ValueError) as error:
        raise ClusterUsageError(
            f"--dask {address}: no Dask scheduler answers there ({error}); start one with `dask scheduler`"
        ) from error
    with client:
        workers = _workers(client, dict(places))
        try:
            for worker in workers:
                if (version := worker.ask("version")) != kit_version():
                    raise ClusterUsageError(
                        f"machine {worker.name} has version {version} of the kit, this one {kit_version()}: "
                        "install the same one on all"
                    )
            yield Cluster(workers)
        finally:
            for worker in workers:
                with contextlib.suppress(ClusterError):
                    worker.ask("end")


def _workers(client: Any, places: Mapping[str, str]) -> list[_Worker]:
    known = client.scheduler_info(n_workers=-1)["workers"]
    if len(known) < 2:
        raise ClusterUsageError(
            f"--dask: the cluster has {len(known)} workers; start one on each machine, at least two: `dask worker`"
        )
    by_name = sorted((str(about["name"]), address) for address, about in known.items())
    names = {address: name for name, address in by_name}
    for one in places:
        if one not in names and one not in names.values():
            listed = ", ".join(f"{name} ({address})" for address, name in names.items())
            raise ClusterUsageError(f"--dask-dir {one}=…: there is no such worker; there are {listed}")
    workers = []
    # All submitted before any result is awaited: each worker imports the kit.
    futures = {
        address: client.submit(
            Machine,
            actor=True,
            workers=[address],
            allow_other_workers=False,
            pure=False,
            key=f"pulse-{secrets.token_hex(8)}",
        )
        for address in sorted(names, key=lambda one: (names[one], one))
    }
    for address, future in futures.items():
        name = names[address]
        try:
            actor = future.result(timeout=_ANSWER_SECONDS)
        except Exception as error:
            raise ClusterUsageError(
                f"machine {name} ({address}) cannot run the kit: {error!r}; install it in the Python of its Dask "
                'worker: pip install "pulse-kit[cluster]"'
            ) from error
        workers.append(_Worker(name, address, actor, places.get(name, places.get(address))))
    return workers


class Cluster:
    """The machines of a run. Made by `connected`."""

    def __init__(self, workers: Sequence[_Worker]) -> None:
        self._workers = workers

    def scenario_of_all(self, scenario: Scenario) -> Scenario:
        """What all machines do together when each of them does this."""
        return scenario_of_all(scenario, len(self._workers))

    def file_system(self, folder: str) -> str:
        """The file systems of the common folder on all machines: ``ext4 and fuse.sshfs on 2 machines``.

        Raises ClusterUsageError when a machine has no such folder.
        """
        return named_systems([self._file_system(worker, folder) for worker in self._workers])

    def run(self, plan: MachinePlan, show: Show) -> FolderRecord:
        """Carry out the plan on each machine, in a new folder in the plan's folder.

        The scenario is each machine's, and each does an equal part of its goal. Ctrl-C ends the run early: the record
        is then not complete. Raises ClusterUsageError, ClusterError, ImplementationError.
        """
        scenario, folder = plan.scenario, plan.folder
        inner = f"{PREFIX}{secrets.token_hex(8)}"
        places = [f"{(worker.folder or folder).rstrip('/')}/{inner}" for worker in self._workers]
        system = self.file_system(folder)
        first = self._workers[0]
        try:
            first.ask("make", places[0])
        except NotADirectoryError as error:
            raise ClusterUsageError(f"machine {first.name}: {error}") from error
        try:
            self._wait_until_seen(places)
            for number, (worker, place) in enumerate(zip(self._workers, places, strict=True)):
                part = _part(scenario, number, len(places))
                worker.ask("start", dataclasses.replace(plan, scenario=part, folder=place).to_json())
            try:
                machines = _Conversation(self._workers, scenario, folder, system, show).results()
            finally:
                for worker in self._workers:
                    with contextlib.suppress(ClusterError):
                        worker.ask("end")
            ending = self._end(places, scenario, machines) if all(one.record.complete for one in machines) else None
            return merge(folder, scenario, machines, ending)
        finally:
            self._remove(places)

    def _file_system(self, worker: _Worker, folder: str) -> str:
        try:
            return str(worker.ask("file_system", worker.folder or folder))
        except NotADirectoryError as error:
            raise ClusterUsageError(f"machine {worker.name}: {error}; --dask-dir gives a machine its own") from error

    def _wait_until_seen(self, places: Sequence[str]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        for worker, place in zip(self._workers, places, strict=True):
            while not worker.ask("sees", place):
                if time.monotonic() > deadline:
                    raise ClusterUsageError(
                        f"machine {worker.name} did not see {place} within {PATIENCE_SECONDS:g} s; the "
                        "folder must be the same one on all machines"
                    )
                time.sleep(_LOOK_SECONDS)

    def _remove(self, places: Sequence[str]) -> None:
        """Have the first machine that is not lost remove the folder."""
        for worker, place in zip(self._workers, places, strict=True):
            with contextlib.suppress(ClusterError):
                worker.ask("remove", place)
                return

    def _end(self, places: Sequence[str], scenario: Scenario, machines: Sequence[OfMachine]) -> Ending:
        """Read the targets on all machines until nothing is wrong, or `PATIENCE_SECONDS` have passed."""
        start = time.monotonic()
        names = list(scenario.names)
        marks = [one.marks for one in machines]
        while True:
            reads = tuple(
                LastRead(
                    worker.name, target, _identity(look["identity"]), look.get("kind", "missing"), look.get("text", "")
                )
                for worker, place in zip(self._workers, places, strict=True)
                for target, look in enumerate(worker.ask("look", place, names))
            )
            waited = time.monotonic() - start
            if not judge_ending(reads, marks, 0.0) or waited > PATIENCE_SECONDS:
                break
            time.sleep(_LOOK_SECONDS)
        left = self._workers[0].ask("beside", places[0], names, list(machines[0].keeps))
        return Ending(reads, tuple(left), waited)


def _identity(value: Sequence[int] | None) -> tuple[int, int] | None:
    return None if value is None else (value[0], value[1])


def _part(scenario: Scenario, number: int, machines: int) -> Scenario:
    """The scenario of one machine: its own writer numbers, and its part of the goal."""
    goal = scenario.goal and dataclasses.replace(scenario.goal, count=-(-scenario.goal.count // machines))
    return dataclasses.replace(scenario, first_writer=1 + number * scenario.writers, goal=goal)


class _Conversation:
    """The exchange with the processes of all machines, from their start to their results."""

    def __init__(self, workers: Sequence[_Worker], scenario: Scenario, folder: str, system: str, show: Show) -> None:
        self._workers = workers
        self._scenario, self._folder, self._system, self._show = scenario, folder, system, show
        self._ready: set[str] = set()
        self._results: dict[str, Mapping[str, Any]] = {}
        self._failures: dict[str, Mapping[str, Any]] = {}
        self._views: dict[str, Mapping[str, Any]] = {}
        self._shown: Sample | None = None

    def results(self) -> list[OfMachine]:
        """Have all start together, and wait for what each of them saw. Raises what `Cluster.run` does."""
        try:
            self._hear_until(lambda: len(self._ready) == len(self._workers))
            self._send("go")
            self._hear_until(self._all_have_ended)
        except KeyboardInterrupt:
            self._send("stop")
            deadline = time.monotonic() + _STOP_SECONDS
            self._hear_until(lambda: self._all_have_ended() or time.monotonic() > deadline)
            if not self._all_have_ended():
                raise
        return [
            OfMachine(
                worker.name,
                from_json(self._results[worker.name]["record"]),
                marks_from_json(self._results[worker.name]["marks"]),
                tuple(self._results[worker.name]["keeps"]),
            )
            for worker in self._workers
        ]

    def _all_have_ended(self) -> bool:
        return len(self._results) == len(self._workers)

    def _send(self, word: str) -> None:
        for worker in self._workers:
            worker.ask("say", word)

    def _hear_until(self, done: Callable[[], bool]) -> None:
        while not done():
            for worker in self._workers:
                for message in worker.ask("heard"):
                    self._take(worker.name, message)
            if self._views:
                self._show(self._view())
            time.sleep(_LOOK_SECONDS)

    def _take(self, name: str, message: Mapping[str, Any]) -> None:
        if "ready" in message:
            self._ready.add(name)
        elif "view" in message:
            self._views[name] = message["view"]
        elif "result" in message:
            self._results[name] = message["result"]
            self._ready.add(name)  # a machine that was interrupted never sent it
        elif "failed" in message:
            self._fail(name, message)
        elif name not in self._results:
            raise ClusterError(f"machine {name}: the process of the load ended by itself: {message['stderr']}")

    def _fail(self, name: str, message: Mapping[str, Any]) -> None:
        text = f"machine {name}: {message['text']}"
        if message["failed"] == "usage":
            raise ClusterUsageError(text)
        if message["failed"] == "implementation":
            raise ImplementationError(text, message["stderr"])
        if message["failed"] == "interrupted":
            raise KeyboardInterrupt
        raise ClusterError(text)

    def _view(self) -> View:
        """All machines' views as one; the time is that of the machine that is furthest."""
        views = list(self._views.values())
        counts: Counter[str] = Counter()
        for view in views:
            counts.update(view["counts"])
        sums = {
            name: sum(view["now"][name] for view in views)
            for name in ("reads", "changes", "writes", "refused", "wrong")
        }
        seconds = max(view["now"]["seconds"] for view in views)
        now = Sample(seconds=seconds, **sums, temps=max(view["now"]["temps"] for view in views))
        before, self._shown = self._shown, now
        shares = [view["share"] for view in views if view["share"] is not None]
        limit = self._scenario.seconds
        return View(
            folder=self._folder,
            file_system=self._system,
            phase=views[0]["phase"],
            now=now,
            before=before,
            distinct=sum(view["distinct"] for view in views),
            acknowledged=sum(view["acknowledged"] for view in views),
            counts=counts,
            staleness=Histogram(),
            seconds_left=None if limit is None else max(0.0, limit - seconds),
            goal_share=min(shares) if shares else None,
            kills=0,
        )
