"""Classical operators by name: the offline default, and the control that any claim about a language model needs.

Each is a module with a function of its own name. They know chemistry by tables (electronegativities, radii, valences,
statistics of known substitutions), never by energies. ``docs/operators.md`` says what each does.
"""

from matsearch.propose.change import Operator
from matsearch.propose.operators.decoration import decoration
from matsearch.propose.operators.heredity import heredity
from matsearch.propose.operators.insertion import insertion
from matsearch.propose.operators.permutation import permutation
from matsearch.propose.operators.random_symmetric import random_symmetric
from matsearch.propose.operators.rattle import rattle
from matsearch.propose.operators.strain import strain
from matsearch.propose.operators.substitution import substitution
from matsearch.propose.operators.supercell import supercell
from matsearch.propose.operators.vacancy import vacancy

OPERATORS: dict[str, Operator] = {
    "substitution": substitution,
    "decoration": decoration,
    "heredity": heredity,
    "strain": strain,
    "rattle": rattle,
    "permutation": permutation,
    "vacancy": vacancy,
    "insertion": insertion,
    "supercell": supercell,
    "random_symmetric": random_symmetric,
}
"""All operators, in the order of the configuration."""

BORROWERS = frozenset({"substitution", "decoration"})
"""Operators that take patterns of other chemistries, from parents or templates."""

WITHOUT_PARENTS = BORROWERS | {"random_symmetric"}
"""Operators that can act where a slot has no parents: on templates, or on nothing."""

BORROWERS = WITHOUT_PARENTS - {"random_symmetric"}
"""Operators that take patterns of other chemistries from templates."""
