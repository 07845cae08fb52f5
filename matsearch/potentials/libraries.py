"""Potentials of other packages: MACE, SevenNet, what matcalc names, and any ASE calculator.

Each is an ASE calculator by import path and arguments, built in this process or, with ``potential.python``, under
another interpreter. It is identified by the sha256 of its file of weights, where there is one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matsearch.core.config import PotentialSection
from matsearch.core.errors import ConfigError
from matsearch.core.keys import content_key
from matsearch.core.potential_rules import WEIGHTS
from matsearch.core.protocols import Potential, PotentialInfo
from matsearch.core.schemes import MP_GGA_RAW, get_scheme
from matsearch.potentials.ase_calculators import ASEPotential
from matsearch.potentials.entry import PotentialEntry, Version
from matsearch.potentials.looking import describe, file_sha256, given_weights
from matsearch.potentials.torchsim import TorchSimModel, TorchSimPotential, usable


@dataclass(frozen=True)
class Library:
    """How a package makes calculators of its pretrained models.

    Attributes
    ----------
    calculator : str
        Import path of what returns a calculator.
    model : str
        Its argument that takes a file of weights, or a model's name.
    arguments : dict
        Its other arguments.
    locate : str or None
        Import path of the function from a model's name to its file, which may download it; None where there is no
        such file, so that the model's parameters are hashed.
    torch_sim : TorchSimModel or None
        Its model for torch-sim, which then computes many crystals in one pass, where torch-sim is installed.
    """

    calculator: str
    model: str
    arguments: dict[str, Any]
    locate: str | None = None
    torch_sim: TorchSimModel | None = None

    def __call__(self, section: PotentialSection, entry: PotentialEntry) -> Potential:
        """Return the potential of a section; of a version, or of a file of weights."""
        path = given_weights(section, entry) if section.weights is not None else None
        version = section.version or (None if path else entry.default_version)
        scheme_id = _scheme(section, entry, version)
        if path:
            describe(section, entry, {"calculator": self.calculator})
            model, sha256 = str(path), file_sha256(path, section.sha256)
        else:
            model, sha256 = self._pretrained(section, entry, str(version))
        setup = {"calculator": self.calculator, "arguments": {self.model: model, **self.arguments}}
        info = _info(section, entry, version or Path(model).name, sha256, scheme_id)
        if self.torch_sim and section.python is None and usable():
            return TorchSimPotential(info, setup, self.torch_sim)
        return _potential(section, info, setup)

    def _pretrained(self, section: PotentialSection, entry: PotentialEntry, version: str) -> tuple[str, str]:
        setup: dict[str, Any] = {"calculator": self.calculator}
        known = entry.versions.get(version)
        if known is None and not section.allow_import:
            raise ConfigError(
                f"potential.version: {version!r} is no version of {entry.name} that is known here, and its library "
                "reads, or downloads and reads, whatever it finds by that name",
                "set potential.allow_import: true if you trust that, or choose one of "
                f"{', '.join(entry.versions)}",
            )
        if section.python is None or (known and known.folder == "cache"):
            describe(section, entry, setup)
            path = entry.weights_path(version)
            if path:
                return str(path), file_sha256(path)
        if self.locate:
            facts = describe(section, entry, {**setup, "locate": self.locate, "version": version}, version)
            return facts["weights"], file_sha256(Path(facts["weights"]))
        setup |= {"arguments": {self.model: version, **self.arguments}, "tensors": True}
        facts = describe(section, entry, setup, version)
        return version, content_key("model/1", [entry.name, version, facts["tensors"]])


def _load_ase(section: PotentialSection, entry: PotentialEntry) -> Potential:
    calculator = str(section.calculator)
    code = describe(section, entry, {"calculator": calculator, "code": True})["code"]
    path = given_weights(section, entry) if section.weights is not None else None
    weights = file_sha256(path, section.sha256) if path else None
    arguments = {k: str(path) if v == WEIGHTS else v for k, v in section.arguments.items()}
    sha256 = content_key("ase/1", [calculator, section.arguments, code, weights])
    info = _info(section, entry, calculator, sha256, str(section.scheme))
    return _potential(section, info, {"calculator": calculator, "arguments": arguments})


def _info(
    section: PotentialSection, entry: PotentialEntry, version: str, sha256: str, scheme_id: str
) -> PotentialInfo:
    return PotentialInfo(
        name=entry.name,
        version=version,
        sha256=sha256,
        scheme_id=scheme_id,
        elements=frozenset(section.elements) if section.elements else get_scheme(scheme_id).elements,
        gives=entry.gives,
    )


def _potential(section: PotentialSection, info: PotentialInfo, setup: dict[str, Any]) -> Potential:
    if section.python is None:
        return ASEPotential(info, setup)
    from matsearch.potentials.remote import RemotePotential

    return RemotePotential(info, section.python, setup)


def _scheme(section: PotentialSection, entry: PotentialEntry, version: str | None) -> str:
    known = entry.versions.get(version or "")
    told = known.scheme_id if known else None
    if told is None and section.scheme is None:
        what = f"version {version!r} of {entry.name}" if version else f"the file {section.weights}"
        names = ", ".join(name for name, item in entry.versions.items() if item.scheme_id)
        raise ConfigError(
            f"potential.scheme: not known for {what}",
            "state it" + (f", or give potential.version if it is one of {names}" if names else ""),
        )
    if told and section.scheme not in {None, told}:
        raise ConfigError(
            f"potential.scheme: {entry.name} {version} is {told}, not {section.scheme}",
            "leave out scheme, or version if the weights are others",
        )
    return str(told or section.scheme)


def _cached(scheme_id: str, name: str) -> Version:
    return Version(scheme_id=scheme_id, folder="cache", weights=f"mace/{name}")


MACE_MP = PotentialEntry(
    name="mace-mp",
    title="MACE",
    versions={
        "medium-mpa-0": _cached("mace-mp", "macempa0mediummodel"),
        "medium-0b3": _cached("mace-mp", "macemp0b3mediummodel"),
        "small": _cached("mace-mp", "20231210mace128L0_energy_epoch249model"),
        "medium": _cached("mace-mp", "20231203mace128L1_epoch199model"),
        "large": _cached("mace-mp", "MACE_MPtrj_20229model"),
        "mace-matpes-pbe-0": _cached("mace-matpes-pbe", "MACEmatpespbeomatftmodel"),
        "mace-matpes-r2scan-0": _cached("mace-matpes-r2scan", "MACEmatpesr2scanomatftmodel"),
    },
    licence="MIT; weights of the MatPES versions: Academic Software License",
    package="mace",
    distribution="mace-torch",
    extra="mace",
    pickled=True,
    load=Library(
        calculator="mace.calculators:mace_mp",
        model="model",
        arguments={"device": "cpu", "default_dtype": "float64"},
        locate="mace.calculators.foundations_models:download_mace_mp_checkpoint",
        torch_sim=TorchSimModel(
            model="mace.calculators.mace_torchsim:MaceTorchSimModel",
            network=lambda calculator: calculator.models[0],
        ),
    ),
)

SEVENNET = PotentialEntry(
    name="sevennet",
    title="SevenNet",
    versions={
        name: Version(scheme_id=MP_GGA_RAW, folder="package", weights=f"pretrained_potentials/{file}")
        for name, file in (
            ("7net-0", "SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"),
            ("7net-l3i5", "SevenNet_l3i5/checkpoint_l3i5.pth"),
        )
    },
    licence="MIT",
    package="sevenn",
    distribution="sevenn",
    extra="sevennet",
    pickled=True,
    load=Library(
        calculator="sevenn.calculator:SevenNetCalculator",
        model="model",
        arguments={"device": "cpu"},
        locate="sevenn.util:pretrained_name_to_path",
        torch_sim=TorchSimModel(
            model="sevenn.torchsim:SevenNetModel", network=lambda calculator: calculator.model
        ),
    ),
)

MATCALC = PotentialEntry(
    name="matcalc",
    title="matcalc",
    versions={
        f"{architecture}-MatPES-{functional}-{release}": Version(
            scheme_id=f"{architecture}-matpes-{functional}".lower()
        )
        for architecture, release in (("TensorNet", "2025.2"), ("M3GNet", "2025.2"), ("CHGNet", "2025.2.10"))
        for functional in ("PBE", "r2SCAN")
    },
    licence="BSD-3-Clause; of the models: their own",
    package="matcalc",
    distribution="matcalc[matgl]",
    extra="matcalc",
    load=Library(calculator="matcalc:load_fp", model="name", arguments={}),
)

ASE = PotentialEntry(
    name="ase",
    title="any ASE calculator",
    versions={},
    licence="its own",
    pickled=True,
    load=_load_ase,
)
