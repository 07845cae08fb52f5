"""What proposers wrote to crystals or verdicts, and the sanity rules."""
