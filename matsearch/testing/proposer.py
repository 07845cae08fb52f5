"""The contract of a Proposer. Subclass it and give the fixture ``proposer``."""

import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.protocols import Proposer
from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.testing.samples import sample_structure

SLOTS = 8


class ProposerContract:
    """What every proposer must keep.

    Subclasses define a fixture ``proposer`` and may override ``slot_of``.
    """

    @pytest.fixture
    def proposer(self) -> Proposer:
        """Return the proposer under test."""
        raise NotImplementedError

    def slot_of(self, number: int, seed: int = 7) -> Slot:
        """Return a slot over Na-Cl-O with two parents."""
        half = 2.75
        lattice = Lattice([[0, half, half], [half, 0, half], [half, half, 0]])
        antifluorite = Structure(lattice, ["O", "Na", "Na"], [[0, 0, 0], [0.25] * 3, [0.75] * 3])
        named = (("NaCl-225", sample_structure()), ("Na2O-225", antifluorite))
        parents = tuple(Parent(parent_id=name, structure=s, roots=(name,)) for name, s in named)
        return Slot(
            campaign_id="contract",
            generation=1,
            slot=number,
            seed=seed,
            parents=parents,
            limits=Limits(elements=("Cl", "Na", "O"), max_atoms=12),
        )

    def test_is_a_proposer(self, proposer: Proposer) -> None:
        """It has the protocol's shape."""
        assert isinstance(proposer, Proposer)

    def test_same_slot_same_proposals(self, proposer: Proposer) -> None:
        """A slot is answered from the slot alone, whatever was asked before."""
        first = [c.document() for c in proposer.propose(self.slot_of(3))]
        proposer.propose(self.slot_of(4))
        assert [c.document() for c in proposer.propose(self.slot_of(3))] == first

    def test_every_slot_is_answered(self, proposer: Proposer) -> None:
        """A slot gives at least one candidate; one without a structure carries a verdict."""
        for number in range(SLOTS):
            proposals = proposer.propose(self.slot_of(number))
            assert proposals
            assert all((c.structure is None) == (c.verdict is not None) for c in proposals)

    def test_ids_are_unique_and_name_their_birth(self, proposer: Proposer) -> None:
        """Ids differ between slots and indices; generation and slot are those asked."""
        proposals = [c for number in range(SLOTS) for c in proposer.propose(self.slot_of(number))]
        assert len({c.candidate_id for c in proposals}) == len(proposals)
        assert {c.slot for c in proposals} == set(range(SLOTS))
        assert {(c.campaign_id, c.generation, c.proposer) for c in proposals} == {
            ("contract", 1, proposer.name)
        }

    def test_lineage_names_parents(self, proposer: Proposer) -> None:
        """Parents are among those given, and the roots are theirs, sorted."""
        for number in range(SLOTS):
            for candidate in proposer.propose(self.slot_of(number)):
                assert set(candidate.lineage.parent_ids) <= {"NaCl-225", "Na2O-225"}
                assert candidate.lineage.roots == tuple(sorted(set(candidate.lineage.parent_ids)))

    def test_parents_are_not_changed(self, proposer: Proposer) -> None:
        """The structures given stay as they were."""
        slot = self.slot_of(5)
        before = slot.document()
        proposer.propose(slot)
        assert slot.document() == before

    def test_seeds_differ(self, proposer: Proposer) -> None:
        """Another seed gives other proposals."""
        one = [
            c.document()["structure"]
            for i in range(SLOTS // 2)
            for c in proposer.propose(self.slot_of(i, seed=1))
        ]
        two = [
            c.document()["structure"]
            for i in range(SLOTS // 2)
            for c in proposer.propose(self.slot_of(i, seed=2))
        ]
        assert one != two
