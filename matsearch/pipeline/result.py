"""A campaign as its user reads it: ranked crystals, funnel, table."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from matsearch.core.campaign import CampaignRecord, CandidateQuery
from matsearch.core.config import SearchConfig, parse_config
from matsearch.core.errors import InputError, ReferenceHullError, SchemeMismatchError
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.core.selection_sections import Objective
from matsearch.core.thresholds import NO_REWARD_FLAGS, earns_no_reward
from matsearch.crystal.ions import ion_summary, moment_summary
from matsearch.pipeline.fronts import keeps_constraints, rank_fronts
from matsearch.pipeline.funnel import Funnel, count_funnel, distinct_scored
from matsearch.pipeline.own_hull import energies_above_own_hull, is_confirmed, reference_hull_of
from matsearch.select.orders import best_rank

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class SearchResult:
    """A campaign and all its candidates, read once.

    Attributes
    ----------
    record : CampaignRecord
        What was asked, by which versions, and the state.
    candidates : tuple of Candidate
        In the order of their birth, those that failed too.
    """

    record: CampaignRecord
    candidates: tuple[Candidate, ...]

    @cached_property
    def funnel(self) -> Funnel:
        """How far the proposals came."""
        return count_funnel(self.record, self.candidates)

    @cached_property
    def ranked(self) -> tuple[Candidate, ...]:
        """Distinct scored crystals, best first, those that earn no reward last.

        By the objectives in their order, ties by the next; with several and the scheme ``pareto`` by front first.
        """
        fronts = self._fronts if self._config.selection.scheme == "pareto" else {}
        return tuple(
            sorted(
                distinct_scored(self.candidates),
                key=lambda c: (
                    earns_no_reward(c.flags),
                    fronts.get(c.candidate_id, math.inf),
                    *best_rank(c, self._objectives),
                ),
            )
        )

    @cached_property
    def _config(self) -> SearchConfig:
        return parse_config(self.record.config)

    @property
    def _objectives(self) -> tuple[Objective, ...]:
        return self._config.objectives

    @cached_property
    def _fronts(self) -> dict[str, int]:
        """Fronts by candidate id, from 1; none with one objective."""
        several = len(self._objectives) > 1
        return rank_fronts(distinct_scored(self.candidates), self._objectives) if several else {}

    @cached_property
    def flag_counts(self) -> dict[str, int]:
        """Distinct crystals by each flag that keeps them from reward; one crystal may have several."""
        counts = Counter(flag for c in self.ranked for flag in c.flags)
        return {flag: counts[flag] for flag in NO_REWARD_FLAGS if counts[flag]}

    def rows(self, n: int | None = None) -> list[dict[str, Any]]:
        """Return the table of the best ``n`` crystals (all of them by default) as JSON types.

        Every crystal has a column for each property that any of them has, and, where any candidate of the campaign has
        them (not in campaigns of older versions), for prototype, nearest known crystal and charge balance; for ions and
        moments where any was asked for its charges; for the uncertainty of the energy above hull (eV/atom) where the
        campaign asks other potentials; for the front where it has several objectives; for what DFT said where any
        candidate was sent; for the energy above the campaign's own hull (eV/atom) where anything is confirmed.
        """
        asked_others = bool(self.record.config.get("opinions"))
        are_named = any(candidate.nearest_known is not None for candidate in self.candidates)
        asked_charges = any(candidate.oxidation_states is not None for candidate in self.candidates)
        were_sent = any(candidate.verification for candidate in self.candidates)
        has_own_hull = any(is_confirmed(candidate) for candidate in self.candidates)
        properties = list(dict.fromkeys(name for candidate in self.ranked for name in candidate.properties))
        return [
            row(i, candidate, properties)
            | (self._front_column(candidate) if len(self._objectives) > 1 else {})
            | (kind_columns(candidate) if are_named else {})
            | (uncertainty_column(candidate) if asked_others else {})
            | (charge_columns(candidate) if asked_charges else {})
            | (dft_columns(candidate) if were_sent else {})
            | (self._own_hull_column(candidate) if has_own_hull else {})
            for i, candidate in enumerate(self.ranked[:n], start=1)
        ]

    def _front_column(self, candidate: Candidate) -> dict[str, int | None]:
        """Return the front, from 1; None for a crystal that is flagged or breaks a hard constraint."""
        keeps = keeps_constraints(candidate, self._objectives)
        return {"front": self._fronts.get(candidate.candidate_id) if keeps else None}

    def _own_hull_column(self, candidate: Candidate) -> dict[str, float | None]:
        """Return the energy above reference and confirmed finds together, in eV/atom."""
        return {"energy_above_own_hull": self._above_own_hull.get(candidate.candidate_id)}

    @cached_property
    def _above_own_hull(self) -> dict[str, float]:
        """By candidate id; empty where the campaign's reference is not at hand, which must not take the table away."""
        try:
            hull = reference_hull_of(self.record)
        except (ReferenceHullError, InputError, SchemeMismatchError):
            return {}
        return energies_above_own_hull(self.record, self.candidates, hull)

    def to_dataframe(self) -> "DataFrame":
        """Return the ranked table as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.rows())


def load_result(repository: Repository, record: CampaignRecord) -> SearchResult:
    """Read a campaign's candidates."""
    candidates = repository.query_candidates(CandidateQuery(campaign_id=record.campaign_id))
    return SearchResult(record, tuple(candidates))


def row(rank: int, candidate: Candidate, properties: Sequence[str]) -> dict[str, Any]:
    """Return one line of the ranked table, with a column for each of the properties; None where it is not known."""
    placement, relaxation, match = candidate.placement, candidate.relaxation, candidate.match
    return {
        "rank": rank,
        "candidate_id": candidate.candidate_id,
        "formula": candidate.formula,
        "spacegroup": candidate.spacegroup,
        "n_atoms": len(candidate.structure) if candidate.structure is not None else None,
        "energy_above_hull": placement.energy_above_hull if placement else None,
        "formation_energy_per_atom": placement.formation_energy_per_atom if placement else None,
        "energy_per_atom": relaxation.energy_per_atom if relaxation else None,
        **{
            name: candidate.properties[name].value if name in candidate.properties else None
            for name in properties
        },
        "generation": candidate.generation,
        "operator": candidate.lineage.operator,
        "known_phase": match.known_id if match else None,
        "match": _match_word(candidate),
        "flags": " ".join(candidate.flags),
    }


def uncertainty_column(candidate: Candidate) -> dict[str, float | None]:
    """Return the uncertainty of the energy above hull in eV/atom; None where no other potential has an answer."""
    placement = candidate.placement
    return {"energy_above_hull_uncertainty": placement.energy_above_hull_uncertainty if placement else None}


def kind_columns(candidate: Candidate) -> dict[str, str | float | None]:
    """Return prototype label, the known crystal it is most like with the distance of their fingerprints, and balance."""
    nearest = candidate.nearest_known
    return {
        "prototype": candidate.prototype,
        "nearest_known": nearest.known_id if nearest else None,
        "nearest_known_distance": nearest.distance if nearest else None,
        "charge_balance": candidate.charge_balance,
    }


def charge_columns(candidate: Candidate) -> dict[str, str | None]:
    """Return ions (``Li+ Fe2+ P5+ O2-``) and moments by element (``Fe 3.62..3.65``, Bohr magnetons) in words."""
    charges, relaxation = candidate.oxidation_states, candidate.relaxation
    symbols = [site.specie.symbol for site in relaxation.structure] if relaxation else []
    return {
        "ions": ion_summary(symbols, charges.states) if charges and relaxation else None,
        "moments": moment_summary(symbols, relaxation.magmoms) if relaxation and relaxation.magmoms else None,
    }


def dft_columns(candidate: Candidate) -> dict[str, str | float | None]:
    """Return what DFT said, in one word, and the energy above the hull of what was computed alike, in eV/atom."""
    verified = candidate.verification
    return {
        "dft": verified.standing.value if verified else None,
        "dft_energy_above_hull": verified.energy_above_hull if verified else None,
    }


def _match_word(candidate: Candidate) -> str | None:
    if candidate.match is None:
        return None
    if candidate.match.kind == "composition_and_energy":
        return "composition_and_energy_match"
    return "kept" if candidate.match.own_root else "rediscovery"
