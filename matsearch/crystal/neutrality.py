"""Which choices of charges make a cell neutral."""

from collections.abc import Sequence
from typing import NamedTuple


class Group(NamedTuple):
    """Atoms that must carry the same charge.

    Attributes
    ----------
    sites : tuple of int
        Their indices.
    choices : tuple of int
        The charges (e) that each of them may have.
    """

    sites: tuple[int, ...]
    choices: tuple[int, ...]


def neutral_choices(groups: Sequence[Group], charge: int) -> list[tuple[int, ...]]:
    """Return, for each group, the choices that occur in some neutral assignment of all groups.

    Sums reached from the left and from the right meet at each group, so the work grows with the number of groups
    times that of different sums, not with that of assignments.

    Parameters
    ----------
    groups : sequence of Group
        The atoms whose charge is open.
    charge : int
        Total charge (e) of all other atoms.
    """
    before = _sums(groups, charge)
    after = _sums(groups[::-1], 0)[::-1]
    return [
        tuple(
            choice
            for choice in group.choices
            if any(-(left + choice * len(group.sites)) in after[i + 1] for left in before[i])
        )
        for i, group in enumerate(groups)
    ]


def _sums(groups: Sequence[Group], start: int) -> list[set[int]]:
    """Return the sums reachable before each group, and after the last."""
    reached = [{start}]
    for group in groups:
        reached.append(
            {total + choice * len(group.sites) for total in reached[-1] for choice in group.choices}
        )
    return reached
