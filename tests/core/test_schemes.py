from itertools import product

import pytest

from matsearch.core.errors import SchemeMismatchError
from matsearch.core.schemes import Route, get_scheme, require_comparable, schemes

CORRECTED, RAW, R2SCAN, MIXED = (
    "mp-gga-gga+u-mp2020",
    "mp-gga-gga+u-raw",
    "mp-r2scan",
    "mp-gga-gga+u-r2scan-mixed",
)

ALLOWED = {
    (RAW, CORRECTED): "mp2020",
    ("chgnet-0.3.0", CORRECTED): "same",
    ("chgnet-0.2.0", CORRECTED): "same",
    ("mace-mp", RAW): "same",
    ("mace-mp", CORRECTED): "mp2020",
    ("gpaw-pbe", CORRECTED): "formation+mp2020",
    ("gpaw-pbe", RAW): "formation",
    ("gpaw-pbe", "matpes-pbe"): "formation",
    ("gpaw-r2scan", R2SCAN): "formation",
    ("gpaw-r2scan", "matpes-r2scan"): "formation",
    ("chgnet-matpes-pbe", "matpes-pbe"): "same",
    ("m3gnet-matpes-pbe", "matpes-pbe"): "same",
    ("tensornet-matpes-pbe", "matpes-pbe"): "same",
    ("mace-matpes-pbe", "matpes-pbe"): "same",
    ("chgnet-matpes-r2scan", "matpes-r2scan"): "same",
    ("m3gnet-matpes-r2scan", "matpes-r2scan"): "same",
    ("tensornet-matpes-r2scan", "matpes-r2scan"): "same",
    ("mace-matpes-r2scan", "matpes-r2scan"): "same",
}
"""Every pair of two schemes that may meet: energies, hull. Each scheme also meets its own hull."""

ALONE = {CORRECTED, R2SCAN, MIXED, "matpes-pbe", "matpes-r2scan", "chgnet-r2scan", "gpaw-pbe+u", "toy"}
"""Schemes whose energies meet no other hull."""

KNOWN = sorted(ALONE | {energies for energies, _ in ALLOWED})


def test_the_schemes_are_those_listed_here():
    assert sorted(schemes()) == KNOWN


@pytest.mark.parametrize(("pair", "route"), ALLOWED.items())
def test_pairs_that_may_meet(pair, route):
    assert require_comparable(*pair) is Route(route)


@pytest.mark.parametrize("scheme_id", KNOWN)
def test_a_scheme_meets_its_own_hull(scheme_id):
    assert require_comparable(scheme_id, scheme_id) is Route.SAME


@pytest.mark.parametrize("energies", KNOWN)
def test_every_other_pair_is_refused(energies):
    allowed = {energies, *(hull for e, hull in ALLOWED if e == energies)}
    for hull in set(KNOWN) - allowed:
        with pytest.raises(SchemeMismatchError) as caught:
            require_comparable(energies, hull)
        assert energies in caught.value.message
        assert f"hull of {hull} " in caught.value.message
        assert not caught.value.message.endswith(": ")
        named = caught.value.remedy.removeprefix("use a hull of ").split(" or ")
        assert set(named) == allowed


@pytest.mark.parametrize(
    "pair", [("chgnet-0.3.0", "nobody"), ("nobody", "chgnet-0.3.0"), ("nobody", "nobody")]
)
def test_unknown_schemes_are_refused(pair):
    with pytest.raises(SchemeMismatchError, match="unknown energy scheme 'nobody'") as caught:
        require_comparable(*pair)
    assert all(scheme_id in caught.value.remedy for scheme_id in KNOWN)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("chgnet-r2scan", "matpes-r2scan"), "different zeros"),
        (("chgnet-0.3.0", RAW), "corrections that the other does not"),
        ((CORRECTED, "chgnet-0.3.0"), "that potential's errors"),
        ((R2SCAN, CORRECTED), "different functionals"),
        ((R2SCAN, MIXED), "only among the entries that were mixed"),
    ],
)
def test_the_reason_is_the_pairs_own(pair, reason):
    with pytest.raises(SchemeMismatchError, match=reason):
        require_comparable(*pair)


@pytest.mark.parametrize("scheme_id", KNOWN)
def test_schemes_are_whole(scheme_id):
    scheme = get_scheme(scheme_id)
    assert scheme.scheme_id == scheme_id
    assert scheme.software
    for target in scheme.routes:
        assert get_scheme(target).kind == "dft"


def test_a_route_in_two_steps_leads_where_the_direct_one_does():
    """MACE-MP over the raw scheme, or at once, to the corrected hull; so does GPAW."""
    steps = {
        (a, c): (require_comparable(a, b), require_comparable(b, c))
        for a, b, c in product(KNOWN, repeat=3)
        if {(a, b), (b, c), (a, c)} <= set(ALLOWED)
    }
    assert steps == {
        ("mace-mp", CORRECTED): (Route.SAME, Route.MP2020),
        ("gpaw-pbe", CORRECTED): (Route.FORMATION, Route.MP2020),
    }
