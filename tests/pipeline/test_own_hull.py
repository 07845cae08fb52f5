import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from matsearch.core.verified import Standing, Verified
from matsearch.pipeline.own_hull import energies_above_own_hull, own_hull
from matsearch.pipeline.result import load_result
from matsearch.pipeline.verification import conclude, plan_round
from matsearch.testing.samples import sample_campaign
from tests.pipeline.verifying import (
    CAMPAIGN,
    HULL_AT,
    PBE,
    PHASES,
    campaign_of,
    compute,
    config_with,
    load_reference,
    placed,
    stored,
)

RECORD = sample_campaign(CAMPAIGN)
FORMULAS = sorted(HULL_AT)
DFT_SAYS = {formula: 0.02 * (i - 1) for i, formula in enumerate(FORMULAS)}


@pytest.fixture(scope="module")
def hull(tmp_path_factory):
    config = config_with(tmp_path_factory.mktemp("reference"))
    return load_reference(config.reference, config.system.elements)


def verified(standing, role="survivor", energy=0.0):
    return Verified(
        standing=standing,
        role=role,
        energy_above_hull=energy,
        predicted_energy_above_hull=0.0,
        threshold=0.1,
        settings_key=PBE.key,
        calculation_key="k",
    )


def batch(hull, energies, confirmed):
    return [
        placed(
            f,
            energies[f],
            hull,
            slot=i,
            verification=verified(Standing.CONFIRMED, energy=DFT_SAYS[f]) if f in confirmed else None,
        )
        for i, f in enumerate(sorted(energies))
    ]


@given(
    energies=st.dictionaries(st.sampled_from(FORMULAS), st.floats(-0.3, 0.3), min_size=1),
    confirmed=st.sets(st.sampled_from(FORMULAS)),
)
def test_it_is_the_hull_of_reference_and_finds_together(hull, energies, confirmed):
    candidates = batch(hull, energies, confirmed)
    above = energies_above_own_hull(RECORD, candidates, hull)
    if not confirmed & energies.keys():
        assert own_hull(RECORD, candidates, hull) is None
        assert above == {}
        return
    finds = {f: HULL_AT[f] + DFT_SAYS[f] for f in confirmed & energies.keys()}
    entries = [
        PDEntry(Composition(f), e * Composition(f).num_atoms) for f, e in [*PHASES.items(), *finds.items()]
    ]
    diagram = PhaseDiagram(entries)
    for c in candidates:
        composition = c.structure.composition
        energy = finds.get(c.formula, c.relaxation.energy_per_atom)
        expected = energy - diagram.get_hull_energy_per_atom(composition)
        assert above[c.candidate_id] == pytest.approx(expected, abs=1e-6)
        assert c.formula not in finds or above[c.candidate_id] >= -1e-9


@pytest.mark.parametrize(
    "standing", [Standing.PENDING, Standing.INDICATIVE, Standing.REFUTED, Standing.FAILED, None]
)
def test_only_what_is_confirmed_enters(hull, standing):
    said = verified(standing) if standing else None
    assert own_hull(RECORD, [placed("Ti3Al", -0.1, hull, verification=said)], hull) is None


def test_its_name_and_hash_say_what_is_in_it(hull):
    below = verified(Standing.CONFIRMED, energy=-0.05)
    candidates = [
        placed(f, -0.05, hull, slot=i, verification=below) for i, f in enumerate(("Ti3Al", "TiAl3"))
    ]
    own = own_hull(RECORD, candidates, hull)
    assert own.info.name == f"{hull.info.name}+{CAMPAIGN}"
    assert (own.info.scheme_id, own.info.n_phases) == ("toy", hull.info.n_phases + 2)
    assert own_hull(RECORD, candidates[::-1], hull).info == own.info
    fewer = own_hull(RECORD, candidates[:1], hull).info.sha256
    assert len({own.info.sha256, hull.info.sha256, fewer}) == 3
    assert candidates[0].candidate_id in own.stable_ids
    assert hull.phases("Ti3Al") == ()


def test_a_find_stands_where_dft_put_it_on_the_reference_scale(hull):
    plain = placed("Ti3Al", -0.05, hull, verification=verified(Standing.CONFIRMED, energy=0.03))
    shifted = plain.evolve(placement=plain.placement.evolve(correction_per_atom=-0.2))
    (phase,) = own_hull(RECORD, [shifted], hull).phases("Ti3Al")
    assert phase.energy_per_atom == pytest.approx(plain.relaxation.energy_per_atom - 0.2 + 0.08)


@pytest.fixture
def concluded(repository, tmp_path):
    """Ti3Al far below the hull, confirmed; Ti2Al under the threshold of the reference, but over it with Ti3Al there."""
    config = config_with(tmp_path, promotion={"survivors": 1})
    crystals = {"Ti3Al": -0.09, "Ti2Al": 0.05, "TiAl3": 0.06}
    record = campaign_of(repository, config, crystals)
    plan = plan_round(record, config, repository, PBE)
    compute(plan, repository, {"Ti3Al": -0.09})
    return conclude(record, plan, repository)


def test_who_is_beaten_by_a_confirmed_find_is_sent_last(repository, concluded, tmp_path):
    next_one = config_with(tmp_path, promotion={"survivors": 2, "diversity": 0.0})
    plan = plan_round(concluded, next_one, repository, PBE)
    found = stored(repository)
    assert [p.candidate_id for p in plan.promoted] == [found[f].candidate_id for f in ("TiAl3", "Ti2Al")]
    # classes and predictions are those of the reference hull
    assert [p.energy_above_hull for p in plan.promoted] == pytest.approx([0.06, 0.05], abs=1e-6)


def test_the_table_has_it_beside_the_reference_hull(repository, concluded):
    rows = {row["formula"]: row for row in load_result(repository, concluded).rows()}
    assert rows["Ti3Al"]["dft"] == "confirmed"
    assert rows["Ti3Al"]["energy_above_hull"] == pytest.approx(-0.09, abs=1e-6)
    assert rows["Ti3Al"]["energy_above_own_hull"] == pytest.approx(0.0, abs=1e-9)
    assert rows["Ti2Al"]["energy_above_own_hull"] > 0.1 > rows["Ti2Al"]["energy_above_hull"]
    assert rows["Ti2Al"]["dft"] is None


def test_a_table_outlives_its_reference(repository, concluded, tmp_path):
    (tmp_path / "phases.json").unlink()
    rows = load_result(repository, concluded).rows()
    assert [row["energy_above_own_hull"] for row in rows] == [None] * 3
