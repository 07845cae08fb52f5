"""The contract of result caches."""

import math
from typing import Any

import pytest

from matsearch.core.errors import StoreError
from matsearch.core.protocols import ResultCache
from matsearch.core.verdict import FailureKind
from matsearch.testing.samples import sample_verdict

HOSTILE: dict[str, Any] = {
    "dots.in.keys": {"a.b": 1, ".": 2, "": 3},
    "$where": "function() { return true }",
    "$set": {"$gt": "", "$ne": None},
    "'; DROP TABLE results; --": '"quoted"',
    "unicode": "Å ³ 結晶 \U0001f48e \u0000 \ud800",
    "_id": "not this one",
    "__proto__": {"@module": "os", "@class": "system"},
    "numbers": [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1, 1.0, 2**53 + 1, 2**80, -(2**63)],
    "empty": [None, True, False, [], {}, ""],
}
"""JSON that a database may stumble over."""


class ResultCacheContract:
    """What every result cache must keep.

    Subclass it as ``TestMine`` and override the fixture ``cache`` with one that yields an empty cache, each test
    another one, and closes it.
    """

    @pytest.fixture
    def cache(self) -> ResultCache:
        """Return the cache under test, empty."""
        raise NotImplementedError

    def test_is_a_result_cache(self, cache: ResultCache) -> None:
        """It has the methods."""
        assert isinstance(cache, ResultCache)

    def test_keys_without_a_result_are_left_out(self, cache: ResultCache) -> None:
        """Nothing is made up."""
        cache.put_result("known", {"energy": -1.5}, "campaign")
        assert cache.get_results(["unknown", "known"]) == {"known": {"energy": -1.5}}
        assert cache.get_results([]) == {}
        assert cache.get_results(key for key in ("known", "known")) == {"known": {"energy": -1.5}}

    def test_the_first_document_stays(self, cache: ResultCache) -> None:
        """A second one is refused, whoever brings it."""
        assert cache.put_result("key", {"energy": 1.0}, "campaign") is True
        assert cache.put_result("key", {"energy": 2.0}, "campaign") is False
        assert cache.put_result("key", {"energy": 3.0}, "another") is False
        assert cache.get_results(["key"]) == {"key": {"energy": 1.0}}

    def test_any_json_comes_back_as_it_was(self, cache: ResultCache) -> None:
        """Values, types and order of keys; hostile ones too."""
        cache.put_result("key", HOSTILE, "campaign")
        found = cache.get_results(["key"])["key"]
        assert found == HOSTILE
        assert list(found) == list(HOSTILE)
        kinds = [isinstance(number, float) for number in found["numbers"]]
        assert kinds == [isinstance(number, float) for number in HOSTILE["numbers"]]
        assert math.copysign(1.0, found["numbers"][1]) == -1.0
        assert found["empty"][1] is True

    def test_hostile_keys_and_owners(self, cache: ResultCache) -> None:
        """They are names, nothing else."""
        names = ["$where", "a.b", "' OR 1=1 --", "%", "*", "ключ", '{"$gt": ""}', "a/../b", "x" * 500]
        for number, name in enumerate(names):
            assert cache.put_result(name, {"number": number}, name)
        assert cache.get_results(names) == {name: {"number": n} for n, name in enumerate(names)}

    def test_changing_a_document_changes_no_record(self, cache: ResultCache) -> None:
        """Neither the one given nor the one got is shared."""
        document: dict[str, Any] = {"list": [1]}
        cache.put_result("key", document, "campaign")
        document["list"].append(2)
        cache.get_results(["key"])["key"]["list"].append(3)
        assert cache.get_results(["key"]) == {"key": {"list": [1]}}

    @pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, b"bytes", object()])
    def test_what_json_cannot_say_is_refused(self, cache: ResultCache, value: Any) -> None:
        """With a clear error, and nothing is stored."""
        with pytest.raises(StoreError, match="cannot be stored"):
            cache.put_result("key", {"deep": [{"value": value}]}, "campaign")
        assert cache.get_results(["key"]) == {}
        assert cache.put_result("key", {"value": 1.0}, "campaign")

    def test_a_thousand_keys_at_once(self, cache: ResultCache) -> None:
        """More than one query may hold."""
        keys = [f"{number:064x}" for number in range(1200)]
        for key in keys[::100]:
            cache.put_result(key, {"key": key}, "campaign")
        assert cache.get_results(keys) == {key: {"key": key} for key in keys[::100]}
        assert cache.transient_counts(keys) == {}

    def test_transient_ends_are_counted_by_key(self, cache: ResultCache) -> None:
        """Whoever worked; they leave no result, and a result leaves the count."""
        for owner in ("campaign", "another"):
            cache.begin("key", owner)
            cache.put_transient("key", sample_verdict(FailureKind.TIME_OUT), owner)
        cache.put_transient("nobody saw it begin", sample_verdict(FailureKind.WORKER_DIED), "campaign")
        assert cache.get_results(["key"]) == {}
        cache.begin("key", "campaign")
        assert cache.put_result("key", {}, "campaign")
        counts = cache.transient_counts(["key", "nobody saw it begin", "unknown"])
        assert counts == {"key": 2, "nobody saw it begin": 1}

    def test_a_beginning_is_no_result(self, cache: ResultCache) -> None:
        """Work that began is neither a result nor a transient end."""
        cache.begin("key", "campaign")
        assert cache.get_results(["key"]) == {}
        assert cache.transient_counts(["key"]) == {}
