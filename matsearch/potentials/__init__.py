"""The one registry of potentials, by name."""

from matsearch.potentials.registry import find_entry, load_from, load_potential, potential_entries

__all__ = ["find_entry", "load_from", "load_potential", "potential_entries"]
