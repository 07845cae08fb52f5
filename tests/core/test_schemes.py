import pytest

from matsearch.core.errors import SchemeMismatchError
from matsearch.core.schemes import MP_GGA, require_comparable


@pytest.mark.parametrize("pair", [("chgnet-0.3.0", MP_GGA), ("chgnet-0.3.0", "chgnet-0.3.0"), ("toy", "toy")])
def test_pairs_that_fit(pair):
    require_comparable(*pair)


@pytest.mark.parametrize(
    "pair",
    [
        ("chgnet-r2scan", MP_GGA),
        ("chgnet-0.3.0", "mp-gga-gga+u-raw"),
        (MP_GGA, "chgnet-0.3.0"),
        ("toy", MP_GGA),
        ("chgnet-0.3.0", "nobody"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(pair):
    with pytest.raises(SchemeMismatchError) as caught:
        require_comparable(*pair)
    assert caught.value.remedy
