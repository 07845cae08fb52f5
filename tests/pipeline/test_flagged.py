"""What is flagged stays in the denominator and leaves every count after it."""

import pytest

from matsearch.cli.console import funnel_sentence
from matsearch.core.config import parse_config
from matsearch.core.thresholds import FAR_GEOMETRY_FLAG, TOO_GOOD_FLAG
from matsearch.pipeline.result import SearchResult
from matsearch.testing.samples import sample_campaign, sample_candidate

CONFIG = {"name": "sample", "system": {"elements": ["Na", "Cl"]}}
HULL = {"name": "embedded-v1", "complete": False}


@pytest.fixture
def record():
    config = parse_config(CONFIG).model_dump(mode="json")
    return sample_campaign(config=config, provenance={"hull": HULL})


def result_of(record, *flags):
    energies = (0.05, 0.02, -0.2, -0.3)
    batch = [
        sample_candidate(i, energy_above_hull=e, structure_key=str(i), flags=f)
        for i, (e, f) in enumerate(zip(energies, flags, strict=True))
    ]
    return SearchResult(record, tuple(batch))


def test_flagged_crystals_stay_in_the_denominator_alone(record):
    result = result_of(record, (), (FAR_GEOMETRY_FLAG,), (TOO_GOOD_FLAG,), (FAR_GEOMETRY_FLAG, TOO_GOOD_FLAG))
    funnel = result.funnel
    assert (funnel.distinct, funnel.flagged) == (4, 3)
    assert (funnel.metastable, funnel.near_stable, funnel.below_hull, funnel.unmatched) == (1, 0, 0, 1)
    assert result.flag_counts == {FAR_GEOMETRY_FLAG: 2, TOO_GOOD_FLAG: 2}
    assert [c.slot for c in result.ranked] == [0, 3, 2, 1]
    assert "3 flagged (2 far from known geometry, 2 too good to be true)" in funnel_sentence(result)


def test_a_flag_that_costs_nothing_is_counted_nowhere(record):
    result = result_of(record, (), ("another",), (), ())
    assert (result.funnel.flagged, result.funnel.metastable, result.funnel.below_hull) == (0, 4, 2)
    assert result.flag_counts == {}
    assert [c.slot for c in result.ranked] == [3, 2, 1, 0]
    assert "none flagged" in funnel_sentence(result)
