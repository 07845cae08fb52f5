"""The text of a reply to crystals or verdicts."""
