import pytest

from matsearch.cli.debug import debug_candidate
from matsearch.core.config import parse_config
from matsearch.core.errors import InputError
from matsearch.pipeline.campaign import open_campaign
from matsearch.store import open_repository
from matsearch.testing.samples import sample_candidate

CODE = {
    "name": "ase",
    "calculator": "matsearch.potentials.toy:ToyCalculator",
    "scheme": "toy",
    "allow_import": True,
}


@pytest.fixture
def stored(tmp_path):
    """A campaign whose author said that code may run, and the id of its one candidate."""
    config = parse_config(
        {
            "name": "code",
            "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4},
            "potential": CODE,
            "reference": {"source": "toy"},
        }
    )
    uri = f"sqlite:///{tmp_path}/code.sqlite"
    repository = open_repository(uri)
    try:
        record = open_campaign(config, repository)
        candidate = sample_candidate(campaign_id=record.campaign_id)
        repository.put_candidates([candidate])
    finally:
        repository.close()
    return uri, candidate.candidate_id


def test_code_that_a_store_names_needs_a_word_of_its_reader(stored, capsys):
    uri, candidate_id = stored
    with pytest.raises(InputError, match=r"names code to run: matsearch\.potentials\.toy:ToyCalculator"):
        debug_candidate(candidate_id, "parse", uri, allow_import=False, as_json=True)
    debug_candidate(candidate_id, "parse", uri, allow_import=True, as_json=True)
    assert candidate_id in capsys.readouterr().out
