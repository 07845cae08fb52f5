"""The part of the repositories' contract that is about work in flight and leases."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from matsearch.core.campaign import WorkSummary
from matsearch.core.errors import CampaignBusyError
from matsearch.core.protocols import Repository
from matsearch.core.verdict import FailureKind
from matsearch.store import lease
from matsearch.testing.samples import sample_verdict


@contextmanager
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    """Give a living process of this host, killed in the end."""
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class WorkContract:
    """Work begun and how it ended. Needs the fixture ``repository``."""

    def test_work_in_flight_is_what_never_ended(self, repository: Repository) -> None:
        """Begun, finished, transient; the rest is lost."""
        for key in ("a", "b", "c", "d"):
            repository.begin(key, "campaign")
        repository.put_result("a", {}, "campaign")
        repository.put_transient("b", sample_verdict(FailureKind.TIME_OUT), "campaign")
        summary = repository.work_summary("campaign")
        assert summary == WorkSummary(started=4, finished=1, transient=1)
        assert summary.lost == 2
        assert repository.work_summary("other") == WorkSummary(started=0, finished=0, transient=0)

    def test_repeats_are_counted(self, repository: Repository) -> None:
        """A beginning that was lost stays lost when the work is done again."""
        repository.begin("key", "campaign")
        repository.begin("key", "campaign")
        repository.put_transient("key", sample_verdict(FailureKind.TIME_OUT), "campaign")
        repository.begin("key", "campaign")
        repository.put_result("key", {}, "campaign")
        assert repository.work_summary("campaign") == WorkSummary(started=3, finished=1, transient=1)
        repository.put_result("key", {}, "campaign")
        assert repository.work_summary("campaign").lost == 1

    def test_two_campaigns_that_ask_for_the_same_key(self, repository: Repository) -> None:
        """Both ended, though only one result was kept."""
        for owner in ("one", "two"):
            repository.begin("key", owner)
        assert repository.put_result("key", {"by": "one"}, "one") is True
        assert repository.work_summary("two").lost == 1
        assert repository.put_result("key", {"by": "two"}, "two") is False
        for owner in ("one", "two"):
            assert repository.work_summary(owner) == WorkSummary(started=1, finished=1, transient=0)

    def test_an_end_without_a_beginning_is_no_work(self, repository: Repository) -> None:
        """Never fewer than none lost, however often the same is said."""
        for _ in range(3):
            repository.put_result("key", {}, "campaign")
            repository.put_transient("key", sample_verdict(FailureKind.TIME_OUT), "campaign")
        assert repository.work_summary("campaign") == WorkSummary(started=0, finished=0, transient=0)
        repository.begin("other", "campaign")
        for _ in range(3):
            repository.put_result("other", {}, "campaign")
        assert repository.work_summary("campaign") == WorkSummary(started=1, finished=1, transient=0)


class LeaseContract:
    """One driver a campaign. Needs the fixture ``repository``."""

    def test_renewed_and_released(self, repository: Repository) -> None:
        """The holder may take it again; another one when it was given back."""
        with other_process() as process:
            theirs, mine = lease.owner(process.pid), lease.owner()
            repository.acquire("campaign", mine)
            repository.acquire("campaign", mine)
            repository.release("campaign", theirs)
            with pytest.raises(CampaignBusyError):
                repository.acquire("campaign", theirs)
            repository.acquire("another campaign", theirs)
            repository.release("campaign", mine)
            repository.release("campaign", mine)
            repository.acquire("campaign", theirs)

    def test_a_living_holder_is_named(self, repository: Repository) -> None:
        """By host and process, so that one can find it."""
        with other_process() as process:
            holder = lease.owner(process.pid)
            repository.acquire("campaign", holder)
            with pytest.raises(CampaignBusyError, match=f"{process.pid} on {holder.split(':')[0]}"):
                repository.acquire("campaign", lease.owner())

    def test_a_dead_process_holds_nothing(self, repository: Repository) -> None:
        """A killed driver of this host is followed at once, even before its parent noticed."""
        with other_process() as process:
            repository.acquire("campaign", lease.owner(process.pid))
            process.kill()
            deadline = time.monotonic() + 10
            while lease.holds(lease.owner(process.pid), 0.0) and time.monotonic() < deadline:
                time.sleep(0.01)
            repository.acquire("campaign", lease.owner())

    def test_a_reused_process_id_holds_nothing(self, repository: Repository) -> None:
        """The same pid with another start is another process."""
        if not lease.owner().rpartition(":")[2]:
            pytest.skip("this system does not tell when a process started")
        host_and_pid = lease.owner().rpartition(":")[0]
        repository.acquire("campaign", f"{host_and_pid}:1")
        repository.acquire("campaign", lease.owner())

    def test_another_host_is_waited_for(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody can look there: its lease runs out without renewal, and not before."""
        repository.acquire("campaign", "far-away:1:1")
        start = time.time()
        monkeypatch.setattr(time, "time", lambda: start + lease.EXPIRY_S - 5)
        with pytest.raises(CampaignBusyError, match="process 1 on far-away"):
            repository.acquire("campaign", lease.owner())
        repository.acquire("campaign", "far-away:1:1")
        monkeypatch.setattr(time, "time", lambda: start + lease.EXPIRY_S + 5)
        with pytest.raises(CampaignBusyError, match="process 1 on far-away"):
            repository.acquire("campaign", lease.owner())
        monkeypatch.setattr(time, "time", lambda: start + 2 * lease.EXPIRY_S)
        repository.acquire("campaign", lease.owner())
        with pytest.raises(CampaignBusyError):
            repository.acquire("campaign", "far-away:1:1")

    def test_a_heartbeat_thread_may_renew(self, repository: Repository) -> None:
        """While the driver writes, in another thread, nothing fails and nothing is lost."""
        failures: list[BaseException] = []
        done = threading.Event()

        def beat() -> None:
            try:
                while not done.is_set():
                    repository.acquire("campaign", lease.owner())
            except BaseException as error:
                failures.append(error)
                raise

        heart = threading.Thread(target=beat)
        heart.start()
        keys = [f"key {number}" for number in range(30)]
        for key in keys:
            repository.begin(key, "campaign")
            repository.put_result(key, {"key": key}, "campaign")
        done.set()
        heart.join()
        assert not failures
        assert list(repository.get_results(keys)) == keys
        assert repository.work_summary("campaign") == WorkSummary(started=30, finished=30, transient=0)
