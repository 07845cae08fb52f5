"""The vocabulary every other package shares: records, protocols, keys, random streams, configuration."""
