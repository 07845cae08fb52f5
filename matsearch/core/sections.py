"""The sections of a search's configuration: keys, defaults and what each may be."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from matsearch.core.element_groups import known_elements
from matsearch.core.language_model import CallsSection
from matsearch.core.potential_rules import IMPORT_PATH, VERSION, check_potential, known_scheme
from matsearch.core.section import Section


class PotentialSection(Section):
    """The potential that relaxes. `matsearch potentials list` shows what there is."""

    name: Annotated[
        str,
        Field(
            description="chgnet, mace-mp, sevennet, matcalc, ase, or toy (no chemistry: for trying things out)."
        ),
    ] = "chgnet"
    version: Annotated[
        str | None,
        Field(pattern=VERSION, description="For chgnet: 0.3.0, 0.2.0 or r2scan. Null: the first."),
    ] = None
    weights: Annotated[str | None, Field(description="File of weights, for mace-mp, sevennet and ase.")] = (
        None
    )
    sha256: Annotated[
        str | None, Field(pattern="^[0-9a-f]{64}$", description="Of that file; another one is refused.")
    ] = None
    calculator: Annotated[
        str | None,
        Field(
            pattern=IMPORT_PATH,
            description="For ase: package.module:Name of a calculator, or of what returns one.",
        ),
    ] = None
    arguments: Annotated[
        dict[Annotated[str, Field(min_length=1)], str | int | float | bool | None],
        Field(description="Given to the calculator by name; '{weights}' stands for the file of weights."),
    ] = {}
    allow_import: Annotated[
        bool,
        Field(description="The code that this section names may run: calculator, pickled weights, python."),
    ] = False
    scheme: Annotated[str | None, Field(description="Energy scheme, where the version does not say it.")] = (
        None
    )
    elements: Annotated[
        tuple[str, ...] | None, Field(min_length=1, description="Those it was made for. Null: the scheme's.")
    ] = None
    python: Annotated[
        str | None,
        Field(description="Python interpreter of another environment, in which the potential runs."),
    ] = None

    @field_validator("scheme")
    @classmethod
    def _known_scheme(cls, scheme_id: str | None) -> str | None:
        return known_scheme(scheme_id)

    @field_validator("elements")
    @classmethod
    def _known_elements(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if symbols is None else known_elements(symbols)

    @model_validator(mode="after")
    def _consistent(self) -> "PotentialSection":
        check_potential(self)
        return self


class RelaxSection(Section):
    """How crystals are relaxed, and which ends are not believed."""

    fmax: Annotated[float, Field(gt=0, description="Convergence of forces and cell, eV/angstrom.")] = 0.1
    max_steps: Annotated[int, Field(ge=1, description="Optimizer steps before not_converged.")] = 300
    optimizer: Annotated[
        Literal["fire-lbfgs", "lbfgs", "fire"],
        Field(description="FIRE to the basin and L-BFGS to its ground; or one of them all the way."),
    ] = "fire-lbfgs"
    keep_symmetry: Annotated[bool, Field(description="Keep the space group of the proposal.")] = False
    standard_cell: Annotated[
        bool,
        Field(
            description="Relax the standard primitive cell: other settings of a crystal are the same work."
        ),
    ] = True
    stop_above: Annotated[
        float | None,
        Field(
            description="End what cannot come under this energy above hull, eV/atom; null: end nothing early."
        ),
    ] = 0.5
    stop_at_known: Annotated[
        bool, Field(description="Near a known crystal's geometry, go on from there.")
    ] = True
    max_volume_ratio: Annotated[float, Field(gt=1, description="Above it: exploded (relaxed/proposed).")] = (
        3.0
    )
    min_volume_ratio: Annotated[float, Field(gt=0, lt=1, description="Below it: collapsed.")] = 0.3
    min_distance: Annotated[
        float, Field(gt=0, description="Atoms closer than this (angstrom): overlapping.")
    ] = 0.6
    max_energy_per_atom: Annotated[float, Field(gt=0, description="Above |this| (eV/atom): exploded.")] = (
        200.0
    )


class SanitySection(Section):
    """What a proposal must look like before any work is spent on it."""

    min_distance_ratio: Annotated[
        float, Field(gt=0, lt=1.5, description="Shortest distance over the sum of covalent radii.")
    ] = 0.5
    min_volume_per_atom: Annotated[float, Field(gt=0, description="Cubic angstrom per atom.")] = 3.0
    max_volume_per_atom: Annotated[float, Field(gt=0, description="Cubic angstrom per atom.")] = 120.0
    charge_balance: Annotated[
        Literal["record", "require"],
        Field(description="Of crystals with an anion former: said of each, or required."),
    ] = "record"


class ReferenceSection(Section):
    """The hull that energies are measured against. What is null is as the set's card says."""

    source: Annotated[
        str,
        Field(
            description="'embedded', 'toy', another name that `matsearch references list` knows, or a file of entries "
            "(.json or .csv, also .gz, .bz2 or .xz)."
        ),
    ] = "embedded"
    scheme: Annotated[
        str | None, Field(description="Scheme of the energies, after corrections. Without a card: required.")
    ] = None
    corrections: Annotated[
        Literal["none", "mp2020", "mixing"] | None,
        Field(description="Applied to the entries when they are read. Without a card: none."),
    ] = None
    software: Annotated[
        str | None, Field(description="The code of the entries, where they do not name it, such as VASP.")
    ] = None
    complete: Annotated[
        bool | None,
        Field(
            description="It holds every known phase of the system: 'stable' may be said. Without a card: false."
        ),
    ] = None


class SeedSection(Section):
    """Where the first parents come from."""

    source: Annotated[
        str,
        Field(description="'embedded' (known crystals of the system), or a folder or file of CIF/POSCAR."),
    ] = "embedded"
    score: Annotated[
        bool,
        Field(
            description="Relax and place the seeds first: then prompts and selection know how stable they are."
        ),
    ] = False
    templates: Annotated[
        bool, Field(description="Substitution may borrow patterns of other chemistries.")
    ] = True
    exclude: Annotated[
        tuple[str, ...], Field(description="Formulas or ids left out of seeds and templates.")
    ] = ()
    exclude_isotypes: Annotated[
        tuple[str, ...],
        Field(
            description="Ids of embedded phases left out with all their isotypes, whatever their elements."
        ),
    ] = ()


class BudgetSection(Section):
    """When to stop. May be raised later: the campaign goes on."""

    generations: Annotated[int, Field(ge=1, description="How many.")] = 5
    calls: Annotated[
        int | None, Field(ge=1, description="Calls of the language model, failed ones too; null: no limit.")
    ] = None
    tokens: Annotated[
        int | None,
        Field(ge=1, description="Tokens in and out; needs an endpoint that tells them; null: no limit."),
    ] = None
    cost: Annotated[
        float | None, Field(gt=0, description="USD, by execution.calls' prices; null: no limit.")
    ] = None


class ExecutionSection(Section):
    """How it is run. Changes no answer."""

    workers: Annotated[
        int | None, Field(ge=0, description="Processes; 0 is in this one; null: settings.")
    ] = None
    engine: Annotated[
        Literal["auto", "processes", "batched"],
        Field(
            description="A pool of one-thread processes, or many crystals in one pass; auto: batched on a GPU."
        ),
    ] = "auto"
    device: Annotated[str, Field(pattern="^(cpu|cuda(:[0-9]+)?)$", description="cpu, cuda or cuda:1.")] = (
        "cpu"
    )
    max_batch_atoms: Annotated[
        int | None,
        Field(
            ge=1, description="Atoms in one pass, of one process or of the device; null: 64, on a GPU 4096."
        ),
    ] = None
    time_limit_s: Annotated[
        float,
        Field(
            gt=0,
            description="Seconds of one relaxation (its share of its passes), and of silence before a process is killed.",
        ),
    ] = 300.0
    batch_size: Annotated[
        int, Field(ge=0, description="Candidates a Screen job; 0 is the whole generation.")
    ] = 0
    calls: CallsSection = CallsSection()
