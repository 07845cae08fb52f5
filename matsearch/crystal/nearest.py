"""The known crystal that a crystal is most like, whatever its elements."""

from collections.abc import Mapping

import numpy as np
from pymatgen.core import Structure

from matsearch.core.records import NearestKnown
from matsearch.crystal.fingerprint import distances, fingerprint
from matsearch.crystal.matching import WINDOW, isotypic

TRIED = 10
"""Known crystals that are compared by the matcher; of 1,074 left out one at a time, 939 had an isotype, nearly all of
them as the first."""

SAME_GAP = 0.01
"""Fingerprints that differ by less say nothing of which is the likest."""


class KnownArrangements:
    """Known crystals by fingerprint.

    Parameters
    ----------
    known : mapping of str to Structure
        Crystals by id; at least one.
    """

    def __init__(self, known: Mapping[str, Structure]) -> None:
        self._names = sorted(known)
        self._structures = [known[name] for name in self._names]
        self._formulas = [structure.composition.reduced_formula for structure in self._structures]
        self._kinds = [structure.composition.anonymized_formula for structure in self._structures]
        self._prints = np.array([fingerprint(structure) for structure in self._structures])

    def nearest(self, structure: Structure, same: str | None = None) -> NearestKnown:
        """Return the known crystal with the most similar fingerprint.

        Among the nearest of the same kind of formula (AB2, ...) an isotype is preferred, the likest first.

        Parameters
        ----------
        same : str, optional
            The known crystal that this one was found to be: it is the answer, if it is among the known.
        """
        gaps = distances(fingerprint(structure), self._prints)
        order = self._ordered(gaps, structure.composition.reduced_formula)
        kind = structure.composition.anonymized_formula
        alike = [i for i in order if self._kinds[i] == kind and gaps[i] <= WINDOW][:TRIED]
        if same in self._names:
            chosen, found = self._names.index(same), True
        else:
            isotype = next((i for i in alike if isotypic(self._structures[i], structure)), None)
            chosen, found = (order[0] if isotype is None else isotype), isotype is not None
        return NearestKnown(
            known_id=self._names[chosen],
            formula=self._formulas[chosen],
            distance=float(gaps[chosen]),
            isotypic=found,
        )

    def _ordered(self, gaps: np.ndarray, formula: str) -> list[int]:
        """Return the known crystals from the likest on; those as like as each other by formula, then by id."""
        own = [name != formula for name in self._formulas]
        return np.lexsort((np.arange(len(gaps)), own, np.round(gaps / SAME_GAP))).tolist()
