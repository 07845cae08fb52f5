"""A campaign's own hull: the reference phases and what independent calculations confirmed of its finds.

It is a second hull, with a name of its own. The reference hull never changes, and what a campaign stores of its
candidates is measured against that one. A confirmed find stands as far above or below the reference hull as its
independent calculation put it among phases computed alike: the energy of that reaction carries over between schemes,
as a formation energy does, where total energies would not. All other candidates keep the potential's energy. The own
hull says which of them a confirmed find already beats: they are sent to DFT after the others and have a column in the
tables.
"""

from collections.abc import Sequence

from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import parse_config
from matsearch.core.errors import ReferenceHullError
from matsearch.core.keys import content_key
from matsearch.core.protocols import KnownPhase, ReferenceHull
from matsearch.core.records import Candidate
from matsearch.core.verified import Standing
from matsearch.hull.reference import CompiledReferenceHull
from matsearch.hull.sources import load_reference


def reference_hull_of(record: CampaignRecord) -> CompiledReferenceHull:
    """Return the reference hull that a campaign's candidates were placed against.

    Raises
    ------
    ReferenceHullError, InputError, SchemeMismatchError
        If it is not there any more, or is another one by now.
    """
    config = parse_config(record.config)
    hull = load_reference(config.reference, config.system.elements)
    sha256 = record.provenance["hull"]["sha256"]
    if hull.info.sha256 != sha256:
        raise ReferenceHullError(
            f"{record.campaign_id} was placed against another {hull.info.name} ({sha256[:12]}) than there is now "
            f"({hull.info.sha256[:12]})",
            "bring the former file back, or search anew with this one",
        )
    return hull


def own_hull(
    record: CampaignRecord, candidates: Sequence[Candidate], hull: ReferenceHull
) -> CompiledReferenceHull | None:
    """Return the reference phases and the confirmed candidates as one hull, named ``reference+campaign``.

    Parameters
    ----------
    candidates : sequence of Candidate
        Of the campaign, in any order.
    hull : ReferenceHull
        Against which they were placed.

    Returns
    -------
    CompiledReferenceHull or None
        None where nothing is confirmed.
    """
    confirmed = sorted((c for c in candidates if is_confirmed(c)), key=lambda c: c.candidate_id)
    if not confirmed:
        return None
    finds = [_phase(candidate) for candidate in confirmed]
    info = hull.info
    content = [info.sha256, [[p.phase_id, p.formula, p.energy_per_atom] for p in finds]]
    return CompiledReferenceHull(
        [*hull.phases(), *finds],
        info.elements,
        name=f"{info.name}+{record.campaign_id}",
        scheme_id=info.scheme_id,
        sha256=content_key("own-hull/1", content),
        complete=info.complete,
        date=info.date,
        corrections=info.corrections,
    )


def energies_above_own_hull(
    record: CampaignRecord, candidates: Sequence[Candidate], hull: ReferenceHull
) -> dict[str, float]:
    """Return the signed energy above the campaign's own hull, in eV/atom, of all placed candidates by id.

    A confirmed find is itself a phase of that hull: never below it. Empty where nothing is confirmed.
    """
    own = own_hull(record, candidates, hull)
    placed = [c for c in candidates if c.placement is not None and c.relaxation is not None]
    if own is None:
        return {}
    compositions = [c.relaxation.structure.composition for c in placed if c.relaxation]
    energies = [
        _energy_per_atom(c) * composition.num_atoms
        for c, composition in zip(placed, compositions, strict=True)
    ]
    above = own.energies_above_hull(compositions, energies, own.info.scheme_id)
    return {c.candidate_id: float(energy) for c, energy in zip(placed, above, strict=True)}


def is_confirmed(candidate: Candidate) -> bool:
    """Return whether an independent calculation confirmed a living, placed candidate."""
    verified = candidate.verification
    is_placed = candidate.alive and candidate.placement is not None and candidate.relaxation is not None
    return is_placed and verified is not None and verified.standing is Standing.CONFIRMED


def _phase(candidate: Candidate) -> KnownPhase:
    return KnownPhase(
        phase_id=candidate.candidate_id,
        formula=candidate.formula,
        energy_per_atom=_energy_per_atom(candidate),
        structure=candidate.best_structure,
        hypothetical=True,
    )


def _energy_per_atom(candidate: Candidate) -> float:
    """Return the energy on the scale of the reference hull, in eV/atom: the potential's, or where DFT put a confirmed find."""
    assert candidate.relaxation is not None  # noqa: S101 - only placed candidates come here
    assert candidate.placement is not None  # noqa: S101
    energy = candidate.relaxation.energy_per_atom + candidate.placement.correction_per_atom
    if not is_confirmed(candidate) or candidate.verification is None:
        return energy
    found = candidate.verification.energy_above_hull
    return energy if found is None else energy - candidate.placement.energy_above_hull + found
