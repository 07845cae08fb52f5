"""Campaigns stored by every released version must open and say what they said."""

import gzip
import json
from pathlib import Path

import pytest

from matsearch.core.campaign import CandidateQuery
from matsearch.pipeline.result import load_result
from matsearch.store import open_repository

VERSIONS = sorted(path.name for path in Path(__file__).parent.glob("v*"))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stored_campaign_opens_and_says_what_it_said(version, tmp_path):
    folder = Path(__file__).parent / version
    expected = json.loads((folder / "expected.json").read_text())
    path = tmp_path / "campaign.sqlite"
    path.write_bytes(gzip.decompress((folder / "campaign.sqlite.gz").read_bytes()))
    repository = open_repository(f"sqlite:///{path}", create=False)
    try:
        record = repository.get_campaign(expected["campaign_id"])
        result = load_result(repository, record)
        assert repository.count_candidates(CandidateQuery(campaign_id=record.campaign_id)) == len(result.candidates)
        assert repository.work_summary(record.campaign_id).lost == 0
    finally:
        repository.close()
    assert result.rows() == expected["rows"]
    assert result.funnel.document() == expected["funnel"]
    assert [c.verdict.kind.value if c.verdict else None for c in result.candidates] == expected["verdicts"]


def test_version_one_is_kept():
    assert "v1" in VERSIONS
