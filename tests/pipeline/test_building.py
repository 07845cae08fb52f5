from types import SimpleNamespace

import pytest
import yaml
from pymatgen.core import Lattice, Structure

from matsearch.core.config import parse_config
from matsearch.core.errors import InputError, ReferenceHullError
from matsearch.core.sections import ReferenceSection
from matsearch.core.slots import Limits
from matsearch.crystal.files import read_structures
from matsearch.crystal.known import embedded_set
from matsearch.crystal.scope import allows
from matsearch.hull.cards import card_path
from matsearch.hull.sources import load_reference
from matsearch.pipeline.building import build_reference
from matsearch.pipeline.funnel import below_hull_word
from matsearch.pipeline.reference_phases import ReferencePhase, reference_phases
from matsearch.testing.samples import sample_structure

ELEMENTS = ("Al", "C", "Ti")
LIMITS = Limits(elements=ELEMENTS, max_atoms=8)
CONFIG = parse_config(
    {
        "name": "build",
        "system": {"elements": list(ELEMENTS)},
        "potential": {"name": "toy"},
        "relax": {"fmax": 0.3, "max_steps": 60, "stop_above": None, "stop_at_known": False},
        "reference": {"source": "toy"},
        "execution": {"workers": 0},
    }
)
CARBIDE = sample_structure("Ti", "C", 4.33)
SQUEEZED = sample_structure("Ti", "C", 3.9)
LOOSE = CONFIG.model_copy(update={"relax": CONFIG.relax.model_copy(update={"fmax": 1e6})})
"""Relaxes nothing: the crystals given are what the set is made of."""


def elements_and(*phases):
    return (
        *(ReferencePhase(p.name, p.structure) for p in reference_phases(LIMITS).phases if _pure(p)),
        *phases,
    )


def _pure(phase):
    return phase.structure.composition.is_element


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("MATSEARCH_REFERENCES", str(tmp_path / "library"))
    return tmp_path / "library"


def test_phases_are_the_known_the_given_and_the_decorated_ones():
    known = {p.name: p for p in reference_phases(LIMITS).phases}
    assert {"Ti-194", "Al-225", "TiC-225"} <= set(known)
    assert all(allows(LIMITS, p.structure.composition) and not p.hypothetical for p in known.values())
    chosen = reference_phases(LIMITS, [("mine", CARBIDE)], ["NaCl", "CsCl"])
    phases = {p.name: p for p in chosen.phases}
    assert len(phases) == len(chosen.phases)
    assert phases["file:mine"].structure == CARBIDE
    made = [name for name in phases if phases[name].hypothetical]
    assert sorted(made) == sorted(f"{t}:{f}" for t in ("NaCl", "CsCl") for f in ("TiC", "TiAl", "AlC"))
    assert list(phases) == [*known, "file:mine", *made]
    decorated = phases["NaCl:TiC"].structure
    assert sorted(site.specie.symbol for site in decorated) == ["C", "Ti"]
    # the more electropositive element takes the more electropositive one's place
    assert decorated[0].specie.symbol == "Ti"


def test_what_was_asked_for_and_does_not_fit_is_named():
    large = Structure(Lattice.cubic(9), ["Ti"] * 9, [[i / 9, 0, 0] for i in range(9)])
    chosen = reference_phases(LIMITS, [("other", sample_structure()), ("large", large)], ["MgAl2O4", "NaCl"])
    assert chosen.left_out["file:other"] == "outside the system: it holds Cl, Na"
    assert "file:large" in {p.name for p in chosen.phases}
    assert chosen.left_out["MgAl2O4"].startswith("no fitting pattern")
    known = {p.phase_id for p in embedded_set().within(frozenset(ELEMENTS)) if len(p.literature) > 8}
    small = reference_phases(LIMITS.model_copy(update={"max_atoms": 1}))
    assert small.left_out["TiC-225"] == "too many atoms: 2, at most 1 are relaxed"
    assert {name for name, reason in chosen.left_out.items() if reason.startswith("too many")} == known


def test_several_of_a_formula_from_one_prototype_are_numbered():
    names = {p.name for p in reference_phases(LIMITS, prototypes=["GdFeO3", "CdI2", "Mg", "PbFCl"]).phases}
    numbered = {name for name in names if ":" in name and name[-2:] == "-2"}
    assert numbered
    assert {name.removesuffix("-2") for name in numbered} <= names


def test_all_prototypes_may_be_asked_for():
    some = reference_phases(LIMITS).phases
    assert len(reference_phases(LIMITS, prototypes=["all"]).phases) > len(some) + 10


def test_unknown_prototypes_are_refused():
    with pytest.raises(InputError, match="no prototype NoSuch"):
        reference_phases(LIMITS, prototypes=["NaCl", "NoSuch"])


def test_a_set_is_built_once_and_serves_as_a_hull(library, repository):
    phases = reference_phases(LIMITS, [("mine", CARBIDE)], ["NaCl", "CsCl"]).phases
    built = build_reference("my-set", phases, CONFIG, repository)
    assert set(built.phases) | set(built.left_out) == {p.name for p in phases}
    assert built.left_out["file:mine"] == "the same crystal as another: TiC-225"
    began = repository.work_summary("reference my-set").started
    again = build_reference("my-set", phases, CONFIG, repository)
    assert repository.work_summary("reference my-set").started == began
    assert again.reference == built.reference
    hull = load_reference(ReferenceSection(source="my-set"), ELEMENTS)
    assert hull.info.scheme_id == "toy"
    assert {p.phase_id for p in hull.phases()} == set(built.phases)
    assert all(p.structure is not None for p in hull.phases())
    assert built.hypothetical
    assert {p.phase_id for p in hull.phases() if p.hypothetical} == set(built.hypothetical)
    assert f"{len(built.hypothetical)} of them hypothetical" in built.reference.card.description


def test_a_crystal_keeps_its_first_name_and_its_lowest_energy(library, repository):
    mixed = elements_and(
        ReferencePhase("known", SQUEEZED),
        ReferencePhase("file:x", CARBIDE),
        ReferencePhase("NaCl:TiC", SQUEEZED, True),
    )
    built = build_reference("named", mixed, LOOSE, repository)
    assert {n for n in built.phases if n in {"known", "file:x", "NaCl:TiC"}} == {"known"}
    (phase,) = load_reference(ReferenceSection(source="named"), ELEMENTS).phases("TiC")
    assert phase.structure.volume == pytest.approx(CARBIDE.volume)
    assert not phase.hypothetical


def test_a_set_built_again_on_another_day_is_the_same_one(library, repository):
    phases = elements_and(ReferencePhase("TiC", CARBIDE))
    path = card_path(build_reference("dated", phases, CONFIG, repository).reference.path)
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "date": "2020-02-02"}))
    assert build_reference("dated", phases, CONFIG, repository).reference.date == "2020-02-02"


@pytest.mark.parametrize("name", ["a/b", "x.json", "", "toy", "embedded-v9", "taken"])
def test_a_name_that_cannot_be_used_is_refused_before_any_work(library, repository, name):
    first = elements_and()
    if name == "taken":
        build_reference(name, first, CONFIG, repository)
    began = repository.work_summary(f"reference {name}").started
    more = elements_and(ReferencePhase("TiC", CARBIDE))
    with pytest.raises(InputError, match="name") as caught:
        build_reference(name, more, CONFIG, repository)
    assert "\n" not in str(caught.value)
    assert repository.work_summary(f"reference {name}").started == began


def test_an_element_without_a_phase_is_named_before_any_work(library, repository):
    salts = [
        ReferencePhase("TiC-225", CARBIDE),
        ReferencePhase("Ti-1", Structure(Lattice.cubic(2.5), ["Ti"], [[0, 0, 0]])),
    ]
    with pytest.raises(ReferenceHullError, match="no phase of pure Al, C is among those given"):
        build_reference("half", salts, CONFIG, repository)
    assert repository.work_summary("reference half").started == 0
    assert not library.exists()


def test_an_element_whose_phases_do_not_converge_is_named_with_the_reason(library, repository):
    hasty = CONFIG.model_copy(
        update={"relax": CONFIG.relax.model_copy(update={"fmax": 1e-6, "max_steps": 1})}
    )
    off = Structure(Lattice.cubic(4.4), ["Ti", "Ti"], [[0, 0, 0], [0.4, 0.45, 0.5]])
    phases = [p for p in elements_and() if "Ti" not in p.structure.composition.chemical_system]
    with pytest.raises(
        ReferenceHullError, match=r"no phase of pure .*Ti could be relaxed \(.*Ti-1: not_converged"
    ):
        build_reference("hasty", [*phases, ReferencePhase("Ti-1", off)], hasty, repository)
    assert not library.exists()


def test_files_of_one_stem_have_names_of_their_own(tmp_path):
    for name in ("a.cif", "a.vasp", "b.cif"):
        CARBIDE.to(filename=str(tmp_path / name), fmt="cif" if name.endswith("cif") else "poscar")
    assert [name for name, _ in read_structures(tmp_path)] == ["a.cif", "a.vasp", "b"]


@pytest.mark.parametrize(("name", "word"), [("embedded-v2", "embedded"), ("embeddedness", "reference")])
def test_only_the_embedded_set_is_called_so(name, word):
    record = SimpleNamespace(provenance={"hull": {"name": name, "complete": False}})
    assert below_hull_word(record) == f"below_{word}_hull"
