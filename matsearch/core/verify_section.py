"""The ``verify`` section: who is sent to DFT, by which code, with which settings."""

import itertools
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from matsearch.core.potential_rules import IMPORT_PATH
from matsearch.core.section import Section
from matsearch.core.sections import PotentialSection
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES


class PromotionSection(Section):
    """Who is sent: the sampling rule, which is written down before anything runs."""

    survivors: Annotated[int, Field(ge=0, description="Predicted to be under the threshold.")] = 6
    controls: Annotated[
        int, Field(ge=0, description="Predicted to be over it: they show what the screening misses.")
    ] = 0
    threshold: Annotated[
        float, Field(description="eV/atom above the hull, exclusive: what is to be confirmed.")
    ] = 0.1
    sample: Annotated[
        Literal["best", "stratified", "all"],
        Field(
            description="The most promising; or at random from each stratum, from which the rate of all can be estimated; "
            "or everybody, however many, known, flagged and far above the hull too."
        ),
    ] = "best"
    strata: Annotated[
        tuple[float, ...],
        Field(
            description="Limits between the strata of energy above hull below the threshold, eV/atom, rising."
        ),
    ] = (0.0, 0.03)
    uncertainty: Annotated[
        float,
        Field(gt=0, description="Of an energy above hull without opinions, eV/atom (standard deviation)."),
    ] = 0.05
    diversity: Annotated[
        float,
        Field(ge=0, le=1, description="0: the most promising alone; 1: unlike those chosen before alone."),
    ] = 0.3
    core_hours: Annotated[
        float | None,
        Field(
            gt=0, description="Predicted cost of all chosen together, reference phases apart; null: no limit."
        ),
    ] = None
    flagged: Annotated[bool, Field(description="Send flagged crystals too, last.")] = False

    @model_validator(mode="after")
    def _rising(self) -> "PromotionSection":
        limits = (*self.strata, self.threshold)
        if any(a >= b for a, b in itertools.pairwise(limits)):
            raise ValueError(f"strata must rise and stay below the threshold, got {list(limits)}")
        if self.survivors + self.controls == 0:
            raise ValueError("survivors and controls are both 0: nobody would be sent")
        return self


class GpawSection(Section):
    """GPAW with plane waves: settings that change the answer."""

    functional: Annotated[
        Literal["PBE", "PBE+U", "r2SCAN"],
        Field(description="PBE+U: the Materials Project's U values, where it uses them."),
    ] = "PBE"
    cutoff: Annotated[
        float,
        Field(
            ge=200,
            description="Plane waves, eV. Below 700 stresses are wrong: refused where a cell relaxes, or with O, F or N.",
        ),
    ] = 700.0
    kpoint_density: Annotated[
        float, Field(gt=0, le=20, description="K-points per inverse angstrom, Gamma included.")
    ] = 3.5
    smearing: Annotated[float, Field(gt=0, description="Fermi-Dirac width, eV.")] = 0.05
    fmax: Annotated[float, Field(gt=0, description="Convergence of forces and cell, eV/angstrom.")] = 0.03
    max_steps: Annotated[
        int, Field(ge=1, description="Ionic steps before not_converged. Raise it to go on.")
    ] = 60
    max_scf_iterations: Annotated[int, Field(ge=1, description="Before scf_not_converged.")] = 333
    keep_symmetry: Annotated[bool, Field(description="Keep the space group while relaxing.")] = True


class VaspSection(Section):
    """VASP by an atomate2 Maker."""

    maker: Annotated[
        str,
        Field(
            description="MPGGADoubleRelaxStaticMaker, MP24DoubleRelaxStaticMaker, another Maker of "
            "atomate2.vasp.flows.mp, or package.module:Name with allow_import."
        ),
    ] = "MPGGADoubleRelaxStaticMaker"
    arguments: Annotated[dict[str, Any], Field(description="Given to the Maker by name.")] = {}
    allow_import: Annotated[bool, Field(description="The code that maker names may run.")] = False
    scheme: Annotated[
        str | None, Field(description="Energy scheme of the results, where the Maker does not say it.")
    ] = None
    incar: Annotated[dict[str, Any], Field(description="INCAR settings over those of the Maker.")] = {}
    kpoints: Annotated[
        dict[str, Any], Field(description="User KPOINTS settings over those of the Maker, as in pymatgen.")
    ] = {}
    potcar_functional: Annotated[
        str | None, Field(description="As pymatgen's user_potcar_functional, such as PBE_54.")
    ] = None
    magnetic_orderings: Annotated[
        Literal["seeded", "none"],
        Field(description="seeded: MAGMOM begins with the moments of the potential; none: with the Maker's."),
    ] = "seeded"
    n_orderings: Annotated[
        int,
        Field(
            ge=1, description="Orderings of the moments computed of a magnetic crystal, the lowest counts."
        ),
    ] = 1

    @model_validator(mode="after")
    def _import_allowed(self) -> "VaspSection":
        import re

        if ":" in self.maker and not re.fullmatch(IMPORT_PATH, self.maker):
            raise ValueError(f"maker: {self.maker!r} is no package.module:Name")
        if ":" in self.maker and not self.allow_import:
            raise ValueError(f"maker: {self.maker} names code; set verify.vasp.allow_import: true")
        return self


class RunSection(Section):
    """How calculations are run. Changes no answer."""

    cores: Annotated[
        int | None, Field(ge=1, description="Processes of one calculation; null: all there are.")
    ] = None
    time_limit_h: Annotated[float, Field(gt=0, description="Hours of one calculation before time_out.")] = (
        24.0
    )
    tries: Annotated[
        int,
        Field(
            ge=1,
            description="How often a calculation is tried that ran out of time or memory or was killed, in all. "
            "Raise it to try failed ones again.",
        ),
    ] = MAX_TRANSIENT_RETRIES + 1
    folder: Annotated[
        str | None,
        Field(description="Where calculations keep their files; null: matsearch-dft beside the store."),
    ] = None
    python: Annotated[str | None, Field(description="Python interpreter that has GPAW; null: this one.")] = (
        None
    )
    mpirun: Annotated[
        str, Field(description="Command that starts processes, such as 'srun'; used with more than one core.")
    ] = "mpirun"


class VerifySection(Section):
    """Verification of the survivors by an independent calculation."""

    backend: Annotated[
        Literal["gpaw", "vasp", "potential"],
        Field(description="potential: another potential stands in for DFT, to try things out."),
    ] = "gpaw"
    promotion: PromotionSection = PromotionSection()
    gpaw: GpawSection = GpawSection()
    vasp: VaspSection = VaspSection()
    potential: Annotated[
        PotentialSection | None,
        Field(
            description="Of backend potential: what stands in for DFT. Its scheme need not be the search's."
        ),
    ] = None
    phases: Annotated[
        bool,
        Field(description="Compute the phases that verdicts need; false: every verdict stays indicative."),
    ] = True
    polymorph_window: Annotated[
        float,
        Field(ge=0, description="Known polymorphs within so much of the lowest are needed too, eV/atom."),
    ] = 0.025
    substitutes: Annotated[
        bool,
        Field(
            description="Compute small allotropes with a published offset in place of dear or magnetic elements."
        ),
    ] = True
    run: RunSection = RunSection()

    @model_validator(mode="after")
    def _potential_named(self) -> "VerifySection":
        if self.backend == "potential" and self.potential is None:
            raise ValueError(
                "backend potential needs verify.potential, such as {name: chgnet, version: r2scan}"
            )
        return self
