"""Make the stored campaign that every later version must open: ``tests/golden/vN/``.

Run it once for a new schema version, never again for an old one.
"""

import gzip
import json
import tempfile
from pathlib import Path

import matsearch
from matsearch.core.campaign import SCHEMA_VERSION

FOLDER = Path(__file__).parents[1] / "tests" / "golden" / f"v{SCHEMA_VERSION}"


def main() -> None:
    """Run a small toy search and keep its store and what it says."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "campaign.sqlite"
        result = matsearch.search(
            "toy",
            store=f"sqlite:///{path}",
            population={"proposals": 6, "parents": 3},
            budget={"generations": 2},
            system={"elements": ["Ti", "Al", "C"], "max_atoms": 4},
        )
        content = path.read_bytes()
    expected = {
        "campaign_id": result.record.campaign_id,
        "rows": result.rows(),
        "funnel": result.funnel.document(),
        "verdicts": [c.verdict.kind if c.verdict else None for c in result.candidates],
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "campaign.sqlite.gz").write_bytes(gzip.compress(content, mtime=0))
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
