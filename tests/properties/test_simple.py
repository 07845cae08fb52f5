import pytest

from matsearch.core.errors import ConfigError
from matsearch.properties import evaluators_for
from matsearch.properties.simple import DeformationEnergy, Density
from matsearch.testing.maps import PropertyEvaluatorContract
from matsearch.testing.samples import sample_candidate, sample_relaxation


@pytest.mark.parametrize("kind", [DeformationEnergy, Density])
class TestContract(PropertyEvaluatorContract):
    @pytest.fixture
    def evaluator(self, kind):
        return kind()

    @pytest.fixture
    def batch(self):
        return [sample_candidate(i, relaxation=sample_relaxation()) for i in range(3)]


def test_density_of_rock_salt():
    (candidate,) = Density().evaluate([sample_candidate(relaxation=sample_relaxation())])
    assert candidate.properties["density"].value == pytest.approx(2.163, abs=0.005)


def test_deformation_energy_is_relaxed_minus_proposed():
    (candidate,) = DeformationEnergy().evaluate([sample_candidate(relaxation=sample_relaxation())])
    assert candidate.objective("deformation_energy") == pytest.approx(-0.2)


def test_an_objective_nobody_computes_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"'hardness'.*|known: .*density"):
        evaluators_for(["energy_above_hull", "hardness"])
    assert [e.name for e in evaluators_for(["energy_above_hull", "density"])] == ["density"]
