"""The known crystal that a crystal is most like, whatever its elements."""

from collections.abc import Mapping

import numpy as np
from pymatgen.core import Structure

from matsearch.core.records import NearestKnown
from matsearch.crystal.fingerprint import distances, fingerprint
from matsearch.crystal.matching import WINDOW, isotypic


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
        self._prints = np.array([fingerprint(structure) for structure in self._structures])

    def nearest(self, structure: Structure) -> NearestKnown:
        """Return the known crystal with the most similar fingerprint.

        Of those within ``WINDOW`` that have the same kind of formula (AB2, ...), an isotype is preferred.
        """
        gaps = distances(fingerprint(structure), self._prints)
        order = np.argsort(gaps, kind="stable")
        kind = structure.composition.anonymized_formula
        near = [i for i in order if gaps[i] <= WINDOW]
        alike = [i for i in near if self._structures[i].composition.anonymized_formula == kind]
        isotype = next((i for i in alike if isotypic(self._structures[i], structure)), None)
        chosen = order[0] if isotype is None else isotype
        return NearestKnown(
            known_id=self._names[chosen],
            formula=self._structures[chosen].composition.reduced_formula,
            distance=float(gaps[chosen]),
            isotypic=isotype is not None,
        )
