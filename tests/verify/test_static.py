import pytest

from matsearch.potentials import load_potential
from matsearch.testing.maps import VerifierContract
from matsearch.testing.samples import sample_candidate, sample_relaxation
from matsearch.verify.static import StaticVerifier


class TestStatic(VerifierContract):
    @pytest.fixture
    def verifier(self):
        return StaticVerifier(load_potential("toy"))

    @pytest.fixture
    def batch(self):
        return [sample_candidate(i, relaxation=sample_relaxation()) for i in range(2)]
