"""The part of the repositories' contract that is about campaigns and candidates."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matsearch.core.campaign import CampaignState, CandidateQuery, GenerationSummary
from matsearch.core.errors import StoreError
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate, Lineage, Parent
from matsearch.core.verdict import FailureKind
from matsearch.testing.samples import sample_campaign, sample_candidate, sample_structure, sample_verdict

ENERGIES = (0.05, None, -0.2, 0.05, 0.0, None, 0.3, -0.0, 0.1, None, 0.05, -0.2)

MIXED = [
    sample_candidate(
        slot=number % 4,
        generation=number // 4,
        energy_above_hull=energy,
        verdict=sample_verdict(FailureKind.COLLAPSED if number < 6 else FailureKind.EXPLODED)
        if energy is None
        else None,
        duplicate_of="f" * 16 if number % 5 == 3 else None,
        structure=sample_structure("Na" if number % 3 else "K"),
    )
    for number, energy in enumerate(ENERGIES)
]
"""Candidates of one campaign with ties, missing energies, dead ones and duplicates."""


FILTERS: list[tuple[dict[str, Any], Callable[[Candidate], bool]]] = [
    ({}, lambda _: True),
    ({"generation": 1}, lambda c: c.generation == 1),
    ({"formula": "NaCl"}, lambda c: c.formula == "NaCl"),
    ({"formula": "$where"}, lambda _: False),
    ({"formula": '{"$gt": ""}'}, lambda _: False),
    ({"verdict_kind": "exploded"}, lambda c: c.verdict is not None and c.verdict.kind == "exploded"),
    ({"alive": True}, lambda c: c.alive),
    ({"alive": False}, lambda c: not c.alive),
    ({"unique": True}, lambda c: c.duplicate_of is None),
    ({"max_energy_above_hull": 0.05}, lambda c: _energy(c, math.inf) < 0.05),
    ({"id_prefix": MIXED[2].candidate_id[:3]}, lambda c: c.candidate_id[:3] == MIXED[2].candidate_id[:3]),
    ({"id_prefix": MIXED[2].candidate_id}, lambda c: c.candidate_id == MIXED[2].candidate_id),
    ({"id_prefix": MIXED[2].candidate_id + "0"}, lambda _: False),
    ({"id_prefix": ".*"}, lambda _: False),
    ({"id_prefix": "%"}, lambda _: False),
    ({"alive": True, "unique": True, "generation": 2}, lambda c: c.duplicate_of is None and c.alive and c.generation == 2),
]  # fmt: skip
"""Queries, and which candidates they ask for."""


def in_order(candidates: list[Candidate], sort: str) -> list[Candidate]:
    """Return candidates in the order of a query, by the words of its docstring."""

    def key(candidate: Candidate) -> tuple[Any, ...]:
        if sort == "birth":
            return candidate.generation, candidate.slot, candidate.index, candidate.candidate_id
        return _energy(candidate, math.inf), candidate.candidate_id

    return sorted(candidates, key=key)


def _energy(candidate: Candidate, missing: float) -> float:
    energy = candidate.objective("energy_above_hull")
    return missing if energy is None else energy


class CampaignContract:
    """Campaigns and their states. Needs the fixture ``repository``."""

    def test_a_campaign_is_created_once(self, repository: Repository) -> None:
        """The second of the same id changes nothing."""
        record = sample_campaign(config={"$where": 1, "a.b": "Å", "seed": 2**70})
        assert repository.get_campaign(record.campaign_id) is None
        assert repository.create_campaign(record) is True
        assert repository.create_campaign(record.evolve(name="other")) is False
        assert repository.get_campaign(record.campaign_id) == record

    def test_the_state_is_replaced(self, repository: Repository) -> None:
        """The last one counts, with its parents; the rest of the campaign stays."""
        record = sample_campaign()
        repository.create_campaign(record)
        summary = GenerationSummary(generation=0, asked=2, proposed=2, relaxed=1, scored=1)
        parent = Parent(parent_id="p", structure=sample_structure(), energy_above_hull=-0.1)
        state = record.state.evolve(generation=1, history=(summary,), parents=(parent,))
        repository.save_state(state)
        repository.save_state(state.evolve(status="finished"))
        assert repository.get_campaign(record.campaign_id) == record.evolve(
            state=state.evolve(status="finished")
        )
        assert repository.create_campaign(record) is False
        assert repository.list_campaigns() == [repository.get_campaign(record.campaign_id)]

    def test_a_state_needs_its_campaign(self, repository: Repository) -> None:
        """A state of an unknown campaign is an error."""
        with pytest.raises(StoreError, match="nowhere"):
            repository.save_state(CampaignState(campaign_id="nowhere"))

    def test_campaigns_are_listed_newest_first(self, repository: Repository) -> None:
        """By their own time, whenever they were stored."""
        assert repository.list_campaigns() == []
        for day in (2, 3, 1):
            created = f"2026-01-0{day}T00:00:00+00:00"
            repository.create_campaign(sample_campaign(f"day-{day}", created_at=created))
        assert [record.campaign_id for record in repository.list_campaigns()] == ["day-3", "day-2", "day-1"]


class CandidateContract:
    """Candidates and their queries. Needs the fixture ``repository``."""

    def test_a_candidate_comes_back(self, repository: Repository) -> None:
        """Equal in every field, by its id alone."""
        candidate = sample_candidate(
            energy_above_hull=-0.01,
            lineage=Lineage(operator="Å $where", details={"a.b": 1, "$gt": 0.1}),
            flags=("too_good_to_be_true",),
        )
        repository.put_candidates([candidate])
        assert repository.get_candidate(candidate.candidate_id) == candidate
        assert repository.get_candidate("0" * 16) is None

    def test_putting_again_replaces(self, repository: Repository) -> None:
        """By id: a candidate that went on is still one candidate."""
        born = [sample_candidate(slot) for slot in range(3)]
        repository.put_candidates(born)
        repository.put_candidates(iter([born[1].evolve(verdict=sample_verdict())]))
        repository.put_candidates([])
        query = CandidateQuery(campaign_id=born[0].campaign_id)
        assert [candidate.alive for candidate in repository.query_candidates(query)] == [True, False, True]
        assert repository.count_candidates(query) == 3

    @pytest.mark.parametrize("sort", ["birth", "energy_above_hull"])
    def test_filters_and_order(self, repository: Repository, sort: str) -> None:
        """Every filter, alone and together, in both orders; other campaigns do not mix in."""
        repository.put_candidates([*reversed(MIXED), sample_candidate(campaign_id="other")])
        for asked, wanted in FILTERS:
            query = CandidateQuery(campaign_id=MIXED[0].campaign_id, sort=sort, **asked)
            expected = in_order([candidate for candidate in MIXED if wanted(candidate)], sort)
            assert repository.query_candidates(query) == expected, asked
            assert repository.count_candidates(query) == len(expected), asked

    @pytest.mark.parametrize("sort", ["birth", "energy_above_hull"])
    def test_pages_are_slices(self, repository: Repository, sort: str) -> None:
        """Any page of any filter is that slice of the whole; the count is of the whole."""
        repository.put_candidates([*MIXED, sample_candidate(campaign_id="other", energy_above_hull=0.05)])

        @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(
            st.integers(0, 15), st.none() | st.integers(0, 15), st.sampled_from([None, True]), st.booleans()
        )
        def check(offset: int, limit: int | None, alive: bool | None, unique: bool) -> None:
            whole = CandidateQuery(sort=sort, alive=alive, unique=unique)
            page = whole.evolve(offset=offset, limit=limit)
            everything = repository.query_candidates(whole)
            end = None if limit is None else offset + limit
            assert repository.query_candidates(page) == everything[offset:end]
            assert repository.count_candidates(page) == len(everything)

        check()

    def test_a_candidate_without_a_structure(self, repository: Repository) -> None:
        """A slot that gave nothing is a candidate too."""
        verdict = sample_verdict(FailureKind.NO_REPLY)
        candidate = sample_candidate(structure=None, verdict=verdict)
        repository.put_candidates([candidate])
        assert repository.query_candidates(CandidateQuery(formula="")) == [candidate]

    def test_verdicts_are_counted(self, repository: Repository) -> None:
        """By kind, of one campaign; the living are left out."""
        repository.put_candidates([*MIXED, sample_candidate(campaign_id="other", verdict=sample_verdict())])
        assert repository.verdict_counts(MIXED[0].campaign_id) == {"collapsed": 2, "exploded": 1}
        assert repository.verdict_counts("unknown") == {}

    def test_changes_come_once_and_in_order(self, repository: Repository) -> None:
        """A cursor walks through all; one written again moves to the end."""
        ids = [candidate.candidate_id for candidate in MIXED]
        campaign = MIXED[0].campaign_id
        assert repository.changes_since(campaign, 0).candidate_ids == ()
        repository.put_candidates(MIXED[:7])
        repository.put_candidates([sample_candidate(campaign_id="other")])
        repository.put_candidates(MIXED[7:])
        first = repository.changes_since(campaign, 0, limit=5)
        second = repository.changes_since(campaign, first.cursor, limit=5)
        third = repository.changes_since(campaign, second.cursor, limit=5)
        assert [*first.candidate_ids, *second.candidate_ids, *third.candidate_ids] == ids
        repository.put_candidates([MIXED[3], MIXED[0]])
        again = repository.changes_since(campaign, third.cursor)
        assert again.candidate_ids == (ids[3], ids[0])
        nothing = repository.changes_since(campaign, again.cursor)
        assert nothing.candidate_ids == ()
        assert nothing.cursor == again.cursor
        rest = [candidate_id for candidate_id in ids if candidate_id not in {ids[0], ids[3]}]
        assert list(repository.changes_since(campaign, 0).candidate_ids) == [*rest, ids[3], ids[0]]
