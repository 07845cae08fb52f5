import pytest

from matsearch.core.boundary import RERAISE_VARIABLE
from matsearch.core.records import Candidate
from matsearch.pipeline.result import charge_columns
from matsearch.properties import charges
from matsearch.properties.charges import with_charges
from matsearch.testing.maps import failed
from matsearch.testing.samples import sample_candidate, sample_relaxation, sample_structure


def relaxed(first, second, length, *moments):
    relaxation = sample_relaxation(sample_structure(first, second, length)).evolve(magmoms=moments or None)
    return sample_candidate(relaxation=relaxation)


def test_the_map_is_total_and_leaves_the_dead_and_the_unrelaxed_alone():
    batch = [
        failed(sample_candidate(0)),
        sample_candidate(1),
        sample_candidate(2, relaxation=sample_relaxation()),
    ]
    mapped = with_charges(batch)
    assert [c.candidate_id for c in mapped] == [c.candidate_id for c in batch]
    assert mapped[:2] == batch[:2]
    assert mapped[2].oxidation_states.states == (1, -1)


def test_moments_of_the_relaxation_are_what_decides():
    (decided,) = with_charges([relaxed("Mn", "O", 4.45, 4.64, 0.04)])
    (unknown,) = with_charges([relaxed("Mn", "O", 4.45)])
    assert decided.oxidation_states.states == (2, -2)
    assert unknown.oxidation_states.states == (None, -2)
    assert unknown.oxidation_states.reason == "no moments to tell Mn by"


def test_states_survive_storage_and_old_documents_open():
    (candidate,) = with_charges([relaxed("Mn", "O", 4.45, 4.64, 0.04)])
    document = candidate.document()
    assert Candidate.model_validate(document).oxidation_states == candidate.oxidation_states
    del document["oxidation_states"]
    assert Candidate.model_validate(document).oxidation_states is None


@pytest.mark.parametrize("wrong", [(1.0,), (float("nan"), 0.0)])
def test_what_goes_wrong_ends_no_candidate(monkeypatch, wrong):
    monkeypatch.delenv(RERAISE_VARIABLE)
    (candidate,) = with_charges([relaxed("Mn", "O", 4.45, *wrong)])
    assert candidate.alive
    assert candidate.oxidation_states.states == (None, None)
    assert not candidate.oxidation_states.decided
    assert "InputError" in candidate.oxidation_states.reason


def test_a_bug_in_the_inference_ends_no_candidate(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("for the test")

    monkeypatch.delenv(RERAISE_VARIABLE)
    monkeypatch.setattr(charges, "infer_oxidation_states", broken)
    (candidate,) = with_charges([relaxed("Mn", "O", 4.45, 4.64, 0.04)])
    assert candidate.alive
    assert candidate.oxidation_states.reason == "not inferred: ZeroDivisionError: for the test"


def test_columns_of_the_table_are_words():
    (candidate,) = with_charges([relaxed("Mn", "O", 4.45, 4.64, 0.04)])
    assert charge_columns(candidate) == {"ions": "Mn2+ O2-", "moments": "Mn 4.64"}
    assert charge_columns(sample_candidate()) == {"ions": None, "moments": None}
