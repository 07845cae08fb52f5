"""The ways of relaxing that are compared. A new one is a line in this table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from matsearch.core.errors import InputError

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Arm:
    """One way of relaxing.

    Attributes
    ----------
    way : str
        ``reference`` (``chgnet.model.StructOptimizer``, one crystal after another), ``matsearch`` (its engine) or
        ``evaluations`` (no relaxation: what one evaluation of energy, forces and stress costs on one thread).
    threads : int or None
        Of the reference; None leaves the choice to its libraries.
    relax, execution, potential : mapping
        What differs from the defaults of :class:`RelaxSection`, :class:`ExecutionSection` and :class:`PotentialSection`.
    """

    name: str
    way: str
    threads: int | None = None
    relax: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)
    potential: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """Return all that decides what the arm does, as JSON types."""
        return asdict(self)


def _engine(
    name: str,
    relax: Mapping[str, Any] = NOTHING,
    execution: Mapping[str, Any] = NOTHING,
    potential: Mapping[str, Any] = NOTHING,
) -> Arm:
    return Arm(
        name,
        "matsearch",
        relax=dict(relax),
        execution={"workers": 2, **execution},
        potential=dict(potential),
    )


LIBRARY = {
    "name": "ase",
    "calculator": "chgnet.model.dynamics:CHGNetCalculator",
    "arguments": {"use_device": "cpu", "on_isolated_atoms": "error"},
    "scheme": "chgnet-0.3.0",
    "allow_import": True,
}
"""The package's own calculator."""

ONE_THREAD = "chgnet, 1 thread"
"""The arm whose energies and verdicts the others are compared with."""

EVALUATIONS = "evaluations"

ARMS = (
    Arm("chgnet, default threads", "reference"),
    Arm(ONE_THREAD, "reference", threads=1),
    Arm(EVALUATIONS, "evaluations", threads=1),
    _engine("matsearch"),
    _engine("matsearch, no early stopping", relax={"stop_above": None}),
    _engine("matsearch, fire", relax={"optimizer": "fire"}),
    _engine("matsearch, lbfgs", relax={"optimizer": "lbfgs"}),
    _engine("matsearch, one crystal a pass", execution={"max_batch_atoms": 1}),
    _engine("matsearch, the package's calculator", potential=LIBRARY),
    _engine("matsearch, 1 worker", execution={"workers": 1}),
    _engine("matsearch, batched in one process", execution={"engine": "batched"}),
    _engine("matsearch, symmetry kept", relax={"keep_symmetry": True}),
    _engine("matsearch, cell as proposed", relax={"standard_cell": False}),
)

REFERENCES = tuple(arm.name for arm in ARMS if arm.way == "reference")


def chosen(names: Sequence[str] | None) -> list[Arm]:
    """Return the arms of these names, or all.

    Raises
    ------
    InputError
        If there is no arm of a name.
    """
    known = {arm.name: arm for arm in ARMS}
    unknown = set(names or ()) - known.keys()
    if unknown:
        raise InputError(f"no arm is called {sorted(unknown)[0]!r}", f"known: {'; '.join(known)}")
    return list(ARMS) if names is None else [known[name] for name in known if name in names]
