"""Independent calculations: what was asked, with which settings, and what came out. DFT of any code has this one form."""

from typing import Annotated, Any

from pydantic import Field

from matsearch.core.keys import content_key
from matsearch.core.model import Record
from matsearch.core.records import Frame
from matsearch.core.structures import StructureField
from matsearch.core.verdict import FailureKind, Verdict

UNFINISHED = frozenset(
    {
        FailureKind.NOT_CONVERGED,
        FailureKind.SCF_NOT_CONVERGED,
        FailureKind.TIME_OUT,
        FailureKind.OUT_OF_MEMORY,
        FailureKind.WORKER_DIED,
    }
)
"""Ends of calculations whose ionic steps are good as far as they go."""


class DftSettings(Record):
    """What decides a calculation's answer: code, functional and the parameters of both.

    Energies with the same ``key`` may stand on one hull; any others meet through formation energies alone.

    Attributes
    ----------
    code : str
        ``GPAW``, ``VASP``, or the name of a potential that stands in for a DFT code.
    functional : str
        ``PBE``, ``PBE+U`` or ``r2SCAN``; of a potential the one it was fitted to.
    scheme_id : str
        The energy scheme of its energies.
    parameters : dict
        JSON types: cut-off, k-points, smearing, convergence, the relaxation's own. Never cores or time limits.
    limits : dict
        JSON types: ``max_steps``, ``max_scf_iterations``, ``tries``. They say how long a calculation is gone on with, and
        change no answer of one that ends well: no part of ``key``.
    """

    code: str
    functional: str
    scheme_id: str
    parameters: dict[str, Any] = {}
    limits: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """Content key of the settings, limits apart."""
        return content_key("dft-settings/1", {k: v for k, v in self.document().items() if k != "limits"})


class DftTask(Record):
    """One calculation to do.

    Attributes
    ----------
    key : str
        Content key over structure, initial moments and settings: who asks again for the same gets the answer kept.
    label : str
        For people: ``LiAl (LiAl-227)`` or a candidate's id and formula.
    magmoms : tuple of float or None
        Initial moments in Bohr magnetons, one a site, where something suggests them; None lets the chemistry decide.
    box : bool
        A molecule alone in a large cell: ions move, the cell stays, one k-point.
    """

    key: str
    label: str
    structure: StructureField
    settings: DftSettings
    magmoms: tuple[float, ...] | None = None
    box: bool = False

    @property
    def folder_name(self) -> str:
        """Of its files: the first 16 digits of its key."""
        return self.key[:16]


class IonicSteps(Record):
    """Steps of a calculation, however it ended: what a potential can learn from.

    Attributes
    ----------
    frames : tuple of Frame
        At least one; in each the electrons converged.
    hubbards : dict of str to float
        U in eV by element; empty for plain functionals.
    software : str
        Code and version.
    """

    frames: Annotated[tuple[Frame, ...], Field(min_length=1)]
    settings: DftSettings
    hubbards: dict[str, float] = {}
    software: str


class DftCalculation(Record):
    """A calculation that ended well, with emmet's field names where emmet has the field.

    Attributes
    ----------
    initial_structure, structure : Structure
        Before and after.
    energy, energy_per_atom : float
        Of the final structure, uncorrected, in eV and eV/atom.
    forces : tuple of 3-tuples
        In eV/angstrom.
    stress : 3x3 tuple or None
        In GPa, tension positive.
    magmoms : tuple of float or None
        In Bohr magnetons, one a site; None without spin.
    frames : tuple of Frame
        Every ionic step, the first at the geometry given, the last the final one.
    hubbards : dict of str to float
        U in eV by element; empty for plain functionals.
    run_type : str
        As in a ComputedEntry: ``GGA``, ``GGA+U`` or ``r2SCAN``.
    software : str
        Code and version.
    n_electrons, n_kpoints : int
        Valence electrons; irreducible k-points.
    spin_polarized : bool
    n_steps : int
        Ionic steps.
    cores : int
        Processes of the calculation.
    core_hours : float
        Wall time by cores, all attempts of it that are known.
    directory : str
        Where its files are, or were.
    """

    initial_structure: StructureField
    structure: StructureField
    energy: float
    energy_per_atom: float
    forces: tuple[tuple[float, float, float], ...]
    stress: tuple[tuple[float, float, float], ...] | None = None
    magmoms: tuple[float, ...] | None = None
    frames: tuple[Frame, ...] = ()
    settings: DftSettings
    hubbards: dict[str, float] = {}
    run_type: str
    software: str
    n_electrons: int
    n_kpoints: int
    spin_polarized: bool
    n_steps: int
    cores: int
    core_hours: float
    directory: str = ""

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return self.structure.composition.reduced_formula

    @property
    def steps(self) -> IonicSteps | None:
        """Its ionic steps with what they were computed with; None where none was kept."""
        if not self.frames:
            return None
        return IonicSteps(
            frames=self.frames, settings=self.settings, hubbards=self.hubbards, software=self.software
        )


class DftOutcome(Record):
    """What one task came to: a calculation or a verdict, never both.

    Attributes
    ----------
    unfinished : IonicSteps or None
        Beside a verdict of ``UNFINISHED``: the steps before it.
    core_hours : float
        Spent, also on what failed.
    """

    key: str
    calculation: DftCalculation | None = None
    verdict: Verdict | None = None
    unfinished: IonicSteps | None = None
    core_hours: float = 0.0
