"""The thread that writes: when it writes, and how callers ask it to."""

import math
import threading

import pytest

from pulse import _publisher
from pulse._publisher import LONGEST_PAUSE, Pacing, Publisher


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Disk:
    """Counts writes; each takes ``seconds``, and succeeds or not."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.writes, self.seconds, self.works = clock, 0, 0.0, True

    def __call__(self) -> bool:
        self.writes += 1
        self.clock.now += self.seconds
        return self.works


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def disk(clock: Clock) -> Disk:
    return Disk(clock)


class TestPacing:
    def test_nothing_is_due_that_was_not_asked_for(self) -> None:
        pacing = Pacing(0.25, None)
        pacing.attempted(10.0, 10.0, True)
        assert pacing.due(False) == math.inf

    def test_the_first_write_is_due_at_once(self) -> None:
        assert Pacing(0.25, 10.0).due(True) == -math.inf

    def test_the_next_one_is_due_an_interval_after_the_start_of_the_last(self) -> None:
        pacing = Pacing(0.25, None)
        pacing.attempted(10.0, 10.1, True)
        assert pacing.due(True) == 10.25

    def test_a_slow_disk_is_busy_half_of_the_time_at_most(self) -> None:
        pacing = Pacing(0.25, None)
        pacing.attempted(10.0, 12.0, True)
        assert pacing.due(True) == 14.0

    def test_a_failing_disk_is_asked_ever_more_rarely(self) -> None:
        pacing = Pacing(0.25, None)
        pauses = []
        for _ in range(8):
            pacing.attempted(10.0, 10.0, False)
            pauses.append(pacing.due(True) - 10.0)
        assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
        pacing.attempted(50.0, 50.0, True)
        assert pacing.due(True) == 50.25

    def test_a_disk_that_fails_for_days_is_still_asked(self) -> None:
        pacing = Pacing(0.25, None)
        for _ in range(3000):
            pacing.attempted(10.0, 10.0, False)
        assert pacing.due(True) == 10.0 + LONGEST_PAUSE

    def test_a_heartbeat_is_due_without_being_asked_for(self) -> None:
        pacing = Pacing(0.25, 10.0)
        pacing.attempted(10.0, 10.0, True)
        assert (pacing.due(False), pacing.due(True)) == (20.0, 10.25)

    def test_a_heartbeat_is_no_way_around_the_pause_after_a_failure(self) -> None:
        pacing = Pacing(0.25, 0.5)
        pacing.attempted(10.0, 10.0, False)
        assert pacing.due(False) == 11.0


class TestTurns:
    """What the thread does, one turn at a time, without the thread."""

    @pytest.fixture
    def publisher(self, clock: Clock, disk: Disk) -> Publisher:
        return Publisher(disk, Pacing(0.25, 10.0), clock)

    def test_nothing_happens_before_someone_asks(self, publisher: Publisher, disk: Disk) -> None:
        assert publisher.turn() is None
        assert disk.writes == 0

    def test_requests_within_the_interval_become_one_write(
        self, publisher: Publisher, clock: Clock, disk: Disk
    ) -> None:
        for _ in range(5):
            publisher.nudge()
        assert disk.writes == 1
        assert publisher.turn() == pytest.approx(0.25)
        clock.now += 0.25
        assert publisher.turn() == pytest.approx(10.0)  # until the heartbeat
        assert disk.writes == 2

    def test_a_caller_that_waits_is_served_at_once(self, publisher: Publisher, disk: Disk) -> None:
        assert publisher.demand()
        assert publisher.demand()
        assert disk.writes == 2

    def test_a_demand_serves_what_was_asked_for(self, publisher: Publisher, clock: Clock, disk: Disk) -> None:
        publisher.demand()
        publisher.nudge()
        publisher.demand()
        clock.now += 1.0
        publisher.turn()
        assert disk.writes == 2

    def test_a_failed_write_is_tried_again_without_being_asked_for(
        self, publisher: Publisher, clock: Clock, disk: Disk
    ) -> None:
        disk.works = False
        assert publisher.demand()  # the attempt was finished
        assert publisher.turn() == pytest.approx(1.0)
        clock.now += 1.0
        disk.works = True
        publisher.turn()
        assert disk.writes == 2
        assert publisher.turn() == pytest.approx(10.0)

    def test_the_heartbeat_can_be_stopped(self, publisher: Publisher, clock: Clock, disk: Disk) -> None:
        publisher.demand()
        clock.now += 10.0
        publisher.turn()
        assert disk.writes == 2
        publisher.beat(None)
        publisher.demand()
        assert publisher.turn() is None

    def test_a_time_of_years_is_waited_for_in_days(self, clock: Clock, disk: Disk) -> None:
        publisher = Publisher(disk, Pacing(1e300, 1e300), clock)
        publisher.demand()
        publisher.nudge()
        assert publisher.turn() == 86400.0

    @pytest.mark.parametrize("error", [RuntimeError("a fault"), OverflowError("too long")])
    def test_a_write_that_raises_is_one_that_failed(self, clock: Clock, error: Exception) -> None:
        def fail() -> bool:
            raise error

        publisher = Publisher(fail, Pacing(0.25, None), clock)
        assert publisher.demand()
        assert publisher.turn() == pytest.approx(1.0)

    def test_an_interrupt_of_a_caller_that_writes_goes_on(self, clock: Clock) -> None:
        def interrupt() -> bool:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Publisher(interrupt, Pacing(0.25, None), clock).demand()


class TestThread:
    @pytest.mark.parametrize("error", [RuntimeError("a fault"), SystemExit(3)])
    def test_it_survives_whatever_a_write_raises(self, clock: Clock, error: BaseException) -> None:
        calls: list[int] = []

        def fail_once() -> bool:
            calls.append(1)
            if len(calls) == 1:
                raise error
            return True

        publisher = Publisher(fail_once, Pacing(0.0, None), clock)
        publisher.start()
        assert publisher.demand()
        assert publisher.demand()
        assert publisher.stop()
        assert len(calls) == 2

    def test_it_writes_what_is_asked_for_and_ends(self, clock: Clock) -> None:
        written = threading.Semaphore(0)
        threads: list[int] = []

        def write() -> bool:
            threads.append(threading.get_ident())
            written.release()
            return True

        publisher = Publisher(write, Pacing(0.0, None), clock)
        assert publisher.start()
        assert publisher.threaded
        publisher.nudge()
        assert written.acquire(timeout=120)
        assert publisher.demand()
        assert publisher.stop()
        assert not publisher.threaded
        assert threading.get_ident() not in threads
        assert len(threads) == 2

    def test_it_wakes_by_itself_for_what_is_not_due_yet(self) -> None:
        written = threading.Semaphore(0)
        now = iter([0.0, 0.0, 0.0, *[1.0] * 1000])  # the first write, and from then on later than the interval

        def write() -> bool:
            written.release()
            return True

        publisher = Publisher(write, Pacing(0.01, None), lambda: next(now))
        publisher.start()
        publisher.nudge()
        assert written.acquire(timeout=120)
        publisher.nudge()
        assert written.acquire(timeout=120)
        assert publisher.stop()

    def test_a_caller_does_not_wait_for_ever_for_a_disk_that_hangs(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_publisher, "PATIENCE", 0.01)
        let_go = threading.Event()
        publisher = Publisher(lambda: let_go.wait(120), Pacing(0.0, None), clock)
        publisher.start()
        thread = publisher._thread
        assert thread is not None
        assert not publisher.demand()
        assert not publisher.stop()
        let_go.set()
        thread.join(120)
        assert not thread.is_alive()

    def test_all_callers_wait_as_long_as_one_for_the_same_hang(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers, waits = threading.Event(), []

        class Waits(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                waits.append(timeout)
                return super().wait(0.01 if timeout else 0.0)

        monkeypatch.setattr(_publisher, "PATIENCE", 10.0)
        publisher = Publisher(lambda: answers.wait(120), Pacing(0.0, None), clock)
        publisher.start()
        thread = publisher._thread
        assert thread is not None
        real_join = thread.join
        monkeypatch.setattr(thread, "join", waits.append)
        with monkeypatch.context() as patch:
            patch.setattr(threading, "Event", Waits)
            assert not publisher.demand()  # the start
            assert not publisher.demand()
            publisher.renew()
            assert not publisher.demand()  # the end
            assert not publisher.stop()
        assert waits == [10.0, 0.0, 10.0, 0.0]
        answers.set()
        real_join(120)
        assert publisher._patient

    def test_without_a_thread_the_callers_do_the_work(
        self, clock: Clock, disk: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        publisher = Publisher(disk, Pacing(0.25, None), clock)
        assert not publisher.start()
        publisher.nudge()
        assert publisher.demand()
        assert publisher.stop()
        assert disk.writes == 2

    def test_an_end_that_no_one_waits_for_any_longer_is_written_when_the_disk_answers_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, answers = threading.Event(), threading.Event()
        written: list[int] = []

        def publish() -> bool:
            begun.set()
            answers.wait()
            written.append(len(written))
            return True

        publisher = Publisher(publish, Pacing(0.0, None), lambda: 0.0)
        assert publisher.start()
        thread = publisher._thread
        assert thread is not None
        publisher.nudge()
        assert begun.wait(120)
        monkeypatch.setattr(_publisher, "PATIENCE", 0.001)
        assert not publisher.demand()
        assert not publisher.stop()
        answers.set()
        thread.join(120)
        assert len(written) == 2
