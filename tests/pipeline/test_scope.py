"""Limits through the pipeline: refused when the tools are built, kept by sanity, checked again after relaxation."""

import pytest

from matsearch.core.config import SanitySection, parse_config
from matsearch.core.errors import ConfigError
from matsearch.core.slots import Limits
from matsearch.core.verdict import FailureKind
from matsearch.parse.sanity import check_sanity
from matsearch.pipeline.scope import outside_limits
from matsearch.pipeline.tools import build_tools
from matsearch.testing.samples import sample_candidate, sample_relaxation, sample_structure, sample_verdict

SALTS = Limits(elements=("Cl", "Li", "Na", "O"), max_atoms=8)


def tools(**system):
    document = {"name": "scope", "potential": {"name": "toy"}, "reference": {"source": "toy"}}
    return build_tools(parse_config({**document, "system": system}))


def test_the_tools_carry_every_limit():
    limits = tools(
        elements=["Al", "C", "Ti"],
        max_atoms=8,
        n_elements=[2, 3],
        anions=["C"],
        oxidation_states={"Ti": [4, 3]},
        spacegroups=["cubic", 1],
        max_cost=500,
    ).limits
    assert limits == Limits(
        elements=("Al", "C", "Ti"),
        max_atoms=8,
        n_elements=(2, 3),
        anions=("C",),
        oxidation_states=(("Ti", (3, 4)),),
        spacegroups=(1, *range(195, 231)),
        max_cost=500.0,
    )


def test_what_nothing_can_keep_is_refused_before_anything_runs():
    with pytest.raises(
        ConfigError, match=r"system\.formulas: AlC is outside the system's limits: C is the most"
    ):
        tools(formulas=["AlC"], anions=["Al"])


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        ({"anions": ("Cl",), "spacegroups": (225,), "n_elements": (2, 2)}, None),
        ({"anions": ("O",)}, FailureKind.OUTSIDE_LIMITS),
        ({"n_elements": (3, 3)}, FailureKind.OUTSIDE_LIMITS),
        ({"spacegroups": (221,)}, FailureKind.OUTSIDE_LIMITS),
        ({"max_cost": 50.0}, FailureKind.OUTSIDE_LIMITS),
        ({"oxidation_states": (("Na", (2,)),)}, FailureKind.CHARGE_UNBALANCED),
    ],
)
def test_sanity_refuses_what_breaks_a_limit(limits, kind):
    [checked] = check_sanity([sample_candidate()], SALTS.evolve(**limits), SanitySection())
    assert (checked.verdict and checked.verdict.kind) is kind


def test_a_crystal_that_relaxed_out_of_its_space_group_ends():
    strained = sample_structure()
    strained.lattice = strained.lattice.from_parameters(4, 4, 4.6, 60, 60, 60)
    batch = [
        sample_candidate(0, relaxation=sample_relaxation()),
        sample_candidate(1, relaxation=sample_relaxation(strained)),
        sample_candidate(2, relaxation=sample_relaxation(strained), verdict=sample_verdict()),
        sample_candidate(3),
    ]
    kept, ended, *others = outside_limits(batch, SALTS.evolve(spacegroups=(225,)))
    assert (kept, *others) == (batch[0], *batch[2:])
    assert ended.candidate_id == batch[1].candidate_id
    assert ended.relaxation == batch[1].relaxation
    assert ended.verdict.kind is FailureKind.OUTSIDE_LIMITS
    assert ended.verdict.detail.startswith("relaxed to space group")
    assert outside_limits(batch, SALTS) == batch
