import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.campaign import CampaignState
from matsearch.core.config import parse_config
from matsearch.core.records import PropertyValue
from matsearch.core.selection_sections import Objective
from matsearch.core.thresholds import TOO_GOOD_FLAG
from matsearch.pipeline.fronts import MOST_LINES, count_fronts
from matsearch.pipeline.result import SearchResult
from matsearch.testing.samples import sample_campaign, sample_candidate

STABLE = Objective(name="energy_above_hull")
DENSE = Objective(name="density", direction="maximize")
STIFF = Objective(name="bulk_modulus", direction="maximize")


def born(slot, energy, density, generation=0, **fields):
    values = {"density": density, "bulk_modulus": fields.pop("stiffness", None)}
    units = {"density": "g/cm^3", "bulk_modulus": "GPa"}
    properties = {
        name: PropertyValue(value=value, unit=units[name], source="by hand")
        for name, value in values.items()
        if value is not None
    }
    return sample_candidate(slot, generation, energy_above_hull=energy, properties=properties, **fields)


def by_hand():
    """Three on the front, one behind it, one flagged, one without a density."""
    return [
        born(0, 0.30, 9.0),
        born(1, 0.10, 5.0),
        born(2, 0.20, 4.0),
        born(3, 0.00, 2.0, generation=1),
        born(4, -0.2, 20.0, flags=(TOO_GOOD_FLAG,)),
        born(5, 0.05, None),
    ]


def test_the_front_goes_from_the_best_of_one_objective_to_the_best_of_the_other():
    fronts = count_fronts(by_hand(), (STABLE, DENSE))
    assert [point.front for point in fronts.points] == [1, 1, 2, 1]
    (panel,) = fronts.panels
    assert [line.generation for line in panel.lines] == [0, 1]
    assert panel.lines[0].points == ((0.1, 5.0), (0.3, 9.0))
    assert panel.lines[1].points == ((0.0, 2.0), (0.1, 5.0), (0.3, 9.0))
    assert [axis.label for axis in fronts.axes] == [
        "energy above hull (eV/atom)",
        "density (g/cm\N{SUPERSCRIPT THREE})",
    ]
    assert fronts.axes[0].scale == (0.5, -0.1)


def test_what_is_to_be_high_begins_at_its_highest():
    (panel,) = count_fronts(by_hand(), (DENSE, STABLE)).panels
    assert panel.lines[-1].points == ((9.0, 0.3), (5.0, 0.1), (2.0, 0.0))


def test_what_breaks_a_constraint_is_in_no_front():
    kept = DENSE.model_copy(update={"at_least": 4.5})
    fronts = count_fronts(by_hand(), (STABLE, kept))
    assert [point.front for point in fronts.points] == [1, 1, None, None]
    assert fronts.panels[0].lines[-1].points == ((0.1, 5.0), (0.3, 9.0))
    none = DENSE.model_copy(update={"at_least": 20.0})
    assert count_fronts(by_hand(), (STABLE, none)).panels[0].lines == ()


def test_a_target_has_a_band_and_no_line():
    wanted = Objective(name="density", direction="target", target=4.5)
    fronts = count_fronts(by_hand(), (STABLE, wanted))
    assert (fronts.axes[1].target, fronts.axes[1].scale) == ((4.5, 4.5), None)
    assert fronts.panels[0].lines == ()
    assert [point.front for point in fronts.points] == [3, 1, 2, 1]


def test_three_objectives_are_three_panels_and_more_are_left_out():
    crystals = [born(i, 0.1 * i, 4.0, stiffness=100.0 + i) for i in range(3)]
    formation = Objective(name="formation_energy_per_atom")
    fronts = count_fronts(crystals, (STABLE, DENSE, STIFF, formation))
    assert [(panel.x, panel.y) for panel in fronts.panels] == [(0, 1), (0, 2), (1, 2)]
    assert (len(fronts.axes), fronts.n_objectives) == (3, 4)
    assert all(len(point.values) == 3 for point in fronts.points)
    assert fronts.panels[0].lines[-1].points == ((0.0, 4.0),), "of the two objectives alone"
    assert [point.front for point in fronts.points] == [1, 1, 1]


@pytest.mark.parametrize("objectives", [(STABLE,), (STABLE, STIFF)])
def test_without_several_objectives_or_their_values_there_is_no_front(objectives):
    assert count_fronts(by_hand(), objectives) is None


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(-0.09, 2), st.floats(0.5, 20)), min_size=1, max_size=20)
)
def test_few_lines_and_the_last_is_of_all(triples):
    crystals = [born(i, e, d, generation=g) for i, (g, e, d) in enumerate(triples)]
    (panel,) = count_fronts(crystals, (STABLE, DENSE)).panels
    generations = [line.generation for line in panel.lines]
    born_in = {g for g, _, _ in triples}
    assert len(generations) == min(MOST_LINES, len(born_in))
    assert (generations[0], generations[-1]) == (min(born_in), max(born_in))
    brute = {
        (e, d)
        for _, e, d in triples
        if not any(f <= e and c >= d and (f, c) != (e, d) for _, f, c in triples)
    }
    assert panel.lines[-1].points == tuple(sorted(brute))


def result(candidates, objectives, scheme):
    config = parse_config(
        {
            "name": "sample",
            "system": {"elements": ["Na", "Cl"]},
            "objectives": [o.model_dump(exclude_none=True) for o in objectives],
            "selection": {"scheme": scheme},
        }
    )
    state = CampaignState(campaign_id="sample-00000000")
    return SearchResult(
        sample_campaign(config=config.model_dump(mode="json"), state=state), tuple(candidates)
    )


def test_the_table_has_fronts_where_there_are_several_objectives():
    rows = result(by_hand(), (STABLE, DENSE), "pareto").rows()
    # the crystal on the second front comes after all of the first, though two of those are less stable
    assert [row["energy_above_hull"] for row in rows] == [0.0, 0.1, 0.3, 0.2, 0.05, -0.2]
    assert [row["front"] for row in rows] == [1, 1, 1, 2, None, None]
    rows = result(by_hand(), (STABLE, DENSE), "best").rows()
    assert [row["energy_above_hull"] for row in rows] == [0.0, 0.05, 0.1, 0.2, 0.3, -0.2]
    assert all("front" not in row for row in result(by_hand(), (STABLE,), "best").rows())
