import pytest

from matsearch.core.verified import Standing, Verified
from matsearch.verify.levels import confirmed_under, levels_of


def said(standing, energy, role="survivor"):
    return Verified(
        standing=standing,
        role=role,
        energy_above_hull=energy,
        predicted_energy_above_hull=0.0,
        threshold=0.1,
        settings_key="s",
        calculation_key="c",
    )


SAID = {
    "below": said(Standing.CONFIRMED, -0.02),
    "on": said(Standing.CONFIRMED, 0.0),
    "near": said(Standing.CONFIRMED, 0.0299),
    "over": said(Standing.CONFIRMED, 0.03),
    "hint": said(Standing.INDICATIVE, -0.5),
    "refuted": said(Standing.REFUTED, 0.2),
    "failed": said(Standing.FAILED, None),
    "waiting": said(Standing.PENDING, None),
    "control": said(Standing.CONFIRMED, -0.02, role="control"),
}


@pytest.mark.parametrize(
    ("level", "names"),
    [(0.1, {"below", "on", "near", "over"}), (0.03, {"below", "on", "near"}), (0.0, {"below"})],
)
def test_confirmed_survivors_under_a_limit(level, names):
    assert confirmed_under(SAID, level) == names


def test_a_known_phase_is_not_below_the_hull():
    assert confirmed_under(SAID, 0.0, {"below"}) == set()
    assert "below" in confirmed_under(SAID, 0.03, {"below"})


@pytest.mark.parametrize(
    ("thresholds", "levels"),
    [
        ([0.1], (0.1, 0.03, 0.0)),
        ([0.05], (0.05, 0.03, 0.0)),
        ([0.1, 0.0], (0.0,)),
        ([0.2], (0.2, 0.1, 0.03, 0.0)),
        ([-0.05], (-0.05,)),
    ],
)
def test_limits_go_from_the_lowest_threshold_down(thresholds, levels):
    assert levels_of(thresholds) == levels
