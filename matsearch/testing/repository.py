"""The contract of repositories."""

import hashlib
from collections.abc import Callable, Iterator

import pytest

from matsearch.core.campaign import CandidateQuery, WorkSummary
from matsearch.core.errors import StoreError
from matsearch.core.protocols import Repository, ResultCache
from matsearch.core.verdict import FailureKind
from matsearch.store import lease
from matsearch.testing.repository_candidates import MIXED, CampaignContract, CandidateContract
from matsearch.testing.repository_work import LeaseContract, WorkContract
from matsearch.testing.result_cache import HOSTILE, ResultCacheContract
from matsearch.testing.samples import sample_campaign, sample_verdict


class RepositoryContract(
    ResultCacheContract, CampaignContract, CandidateContract, WorkContract, LeaseContract
):
    """What every repository must keep.

    Subclass it as ``TestMine`` and override the fixture ``opener``: each test another store, empty, and each call
    another connection to it. A store that ends with its connection says ``persistent = False``.
    """

    persistent = True

    @pytest.fixture
    def opener(self) -> Callable[[], Repository]:
        """Return a function that opens the store under test."""
        raise NotImplementedError

    @pytest.fixture
    def repository(self, opener: Callable[[], Repository]) -> Iterator[Repository]:
        """Open the store under test."""
        repository = opener()
        yield repository
        repository.close()

    @pytest.fixture
    def cache(self, repository: Repository) -> ResultCache:
        """Return the repository: it is a result cache, too."""
        return repository

    @pytest.fixture
    def reopen(self, opener: Callable[[], Repository]) -> Iterator[Callable[[Repository], Repository]]:
        """Return a function that closes a repository and opens the store again."""
        if not self.persistent:
            pytest.skip("this store ends with its connection")
        opened: list[Repository] = []

        def again(repository: Repository) -> Repository:
            repository.close()
            opened.append(opener())
            return opened[-1]

        yield again
        for repository in opened:
            repository.close()

    def test_is_a_repository(self, repository: Repository) -> None:
        """It has the methods."""
        assert isinstance(repository, Repository)

    def test_calls_are_kept_once(self, repository: Repository) -> None:
        """An answered call is never replaced."""
        assert repository.get_call("key") is None
        assert repository.put_call("key", HOSTILE) is True
        assert repository.put_call("key", {"reply": "another"}) is False
        assert repository.get_call("key") == HOSTILE
        assert repository.get_results(["key"]) == {}

    def test_calls_are_listed_by_prefix(self, repository: Repository) -> None:
        """A campaign's lines are found by the beginning of their keys, sorted, and nobody else's."""
        for key in ("b/000002", "a/000001", "a/000000", "a", "ab/000000", "a/000001/x%_"):
            repository.put_call(key, {"is": key})
        assert list(repository.list_calls("a/").items()) == [
            (key, {"is": key}) for key in ("a/000000", "a/000001", "a/000001/x%_")
        ]
        assert repository.list_calls("c/") == {}

    @pytest.mark.parametrize("size", [0, 1000, 9 * 1024 * 1024])
    def test_blobs_come_back(self, repository: Repository, size: int) -> None:
        """Bytes of any size, by their sha256, also when stored twice."""
        content = (bytes(range(256)) * (size // 256 + 1))[:size]
        sha256 = hashlib.sha256(content).hexdigest()
        assert repository.get_blob(sha256) is None
        assert repository.put_blob(content) == sha256
        assert repository.put_blob(content) == sha256
        assert repository.get_blob(sha256) == content

    def test_reopening_finds_everything(
        self, repository: Repository, reopen: Callable[[Repository], Repository]
    ) -> None:
        """What a call acknowledged outlives the connection."""
        record = sample_campaign()
        repository.create_campaign(record)
        repository.put_candidates(MIXED)
        repository.put_call("call", {"reply": "x"})
        blob = repository.put_blob(b"content")
        repository.begin("transient", "campaign")
        repository.put_transient("transient", sample_verdict(FailureKind.TIME_OUT), "campaign")
        repository.put_result("key", {"energy": 1.0}, "campaign")
        repository.acquire("campaign", lease.owner())
        again = reopen(repository)
        assert again.list_campaigns() == [record]
        assert again.query_candidates(CandidateQuery()) == MIXED
        assert again.get_call("call") == {"reply": "x"}
        assert again.get_blob(blob) == b"content"
        assert again.transient_counts(["transient"]) == {"transient": 1}
        assert again.put_result("key", {"energy": 2.0}, "campaign") is False
        assert again.get_results(["key"]) == {"key": {"energy": 1.0}}
        cursor = again.changes_since(record.campaign_id, 0).cursor
        again.put_candidates(MIXED[:1])
        assert again.changes_since(record.campaign_id, cursor).candidate_ids == (MIXED[0].candidate_id,)

    def test_work_ends_where_it_did_not_begin(
        self, repository: Repository, reopen: Callable[[Repository], Repository]
    ) -> None:
        """Another connection may say how the work ended; saying it twice counts once."""
        for key in ("finished", "transient", "lost"):
            repository.begin(key, "campaign")
        again = reopen(repository)
        assert again.work_summary("campaign").lost == 3
        for _ in range(2):
            again.put_result("finished", {}, "campaign")
        again.put_transient("transient", sample_verdict(FailureKind.WORKER_DIED), "campaign")
        assert again.work_summary("campaign") == WorkSummary(started=3, finished=1, transient=1)

    def test_two_connections_see_each_other(
        self, repository: Repository, opener: Callable[[], Repository]
    ) -> None:
        """At once; and both end their own work on the same key."""
        if not self.persistent:
            pytest.skip("this store ends with its connection")
        other = opener()
        try:
            repository.begin("key", "campaign")
            other.begin("key", "campaign")
            assert other.put_result("key", {"by": "other"}, "campaign") is True
            assert repository.get_results(["key"]) == {"key": {"by": "other"}}
            assert repository.put_result("key", {"by": "first"}, "campaign") is False
            assert other.work_summary("campaign") == WorkSummary(started=2, finished=2, transient=0)
        finally:
            other.close()

    def test_a_closed_repository_says_so(self, repository: Repository) -> None:
        """With an error of our own; closing twice is nothing."""
        repository.close()
        repository.close()
        with pytest.raises(StoreError, match="closed"):
            repository.list_campaigns()
        with pytest.raises(StoreError, match="closed"):
            repository.put_candidates(MIXED)
