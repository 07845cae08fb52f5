"""The rule-based chemist answers what is asked, knows no compound and errs as it is told to."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Composition, Element, Structure

import matsearch.testing
from matsearch.core.language_model import LanguageModelSection
from matsearch.core.records import Parent
from matsearch.core.slots import Brief, Failed, Limits, Slot
from matsearch.crystal.languages import LANGUAGES
from matsearch.crystal.limits import shortest_contact_ratio
from matsearch.crystal.scope import allows, most_electronegative
from matsearch.parse.reply.reading import read_reply
from matsearch.propose.llm.requests import Requests
from matsearch.testing.chemist import Chemist
from matsearch.testing.chemist_crystals import NEAREST
from matsearch.testing.chemist_entries import HOSTILE, UNKNOWN_ELEMENT, entry_of
from matsearch.testing.chemist_mistakes import CRYSTAL_MISTAKES, REPLY_MISTAKES
from matsearch.testing.chemist_question import read_question
from matsearch.testing.chemist_types import TYPES
from matsearch.testing.samples import sample_structure

SOURCES = sorted(Path(matsearch.testing.__file__).parent.glob("chemist*.py"))
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PREDICTED = "NaCl CaF2 TiO2 SrTiO3 KZnF3 Ag6O2 Ag3O Bi2F8 Co2Sb2 Co4B2 Cr4Si4 Sr2O4 YMg3 Na3AlCl6 LiFePO4"

MISTAKES = REPLY_MISTAKES | CRYSTAL_MISTAKES

LOSSLESS = {
    *("prose", "fence", "several objects", "array", "raw newlines", "double escapes", "missing escapes"),
    *("missing brace", "curly quotes", "reasoning", "assistant first", "extra keys", "interleaved"),
    *("fractions", "contradictory formula", "hostile text", "wrong counts"),
}
"""Mistakes behind which the crystals are still what they were."""

NO_BRIEF = Brief()

HOPELESS = {"unknown element", "huge cell"}
OTHERS = {"truncated", "symmetry claim", "overlapping"}


def slot_of(
    formulas=(), parents=(), elements=("Cl", "Na", "O"), max_atoms=12, number=0, brief=NO_BRIEF, **more
):
    given = tuple(
        Parent(parent_id=str(i), structure=s, energy_above_hull=0.01) for i, s in enumerate(parents)
    )
    limits = Limits(elements=elements, max_atoms=max_atoms, formulas=formulas, **more)
    return Slot(campaign_id="c", generation=0, slot=number, seed=0, parents=given, limits=limits, brief=brief)


def messages_of(language="poscar", n=5, name=None, **slot):
    section = LanguageModelSection(model="any", language=language)
    request = Requests(section, name=name, predict=bool(slot.get("formulas"))).request(slot_of(**slot), n)
    assert name is None or request.prompt_id.startswith(f"{name}/")
    return [message.document() for message in request.messages]


def crystals_of(text):
    found = read_reply(text)
    assert all(one.verdict is None for one in found), [one.verdict for one in found]
    return [one.structure for one in found]


def compositions(text):
    return sorted(
        f.structure.composition.reduced_formula for f in read_reply(text) if f.structure is not None
    )


@pytest.fixture
def structures():
    """Three crystals whose coordinates are simple fractions."""
    rutile = next(kind for kind in TYPES if kind.name == "rutile")
    perovskite = next(kind for kind in TYPES if kind.name == "perovskite")
    return [sample_structure(), rutile.structure(("Sn", "O")), perovskite.structure(("La", "Fe", "O"))]


def reply_of(structures, language):
    return json.dumps({"crystals": [entry_of(structure, language) for structure in structures]})


@pytest.mark.parametrize("language", LANGUAGES)
def test_reads_what_is_asked(language):
    parents = (sample_structure(), sample_structure("K", "F", 5.3))
    question = read_question(messages_of(language, 4, parents=parents, max_atoms=16))
    assert (question.n, question.max_atoms, question.language) == (4, 16, language)
    assert question.elements == ("Cl", "Na", "O")
    assert question.formulas == ()
    assert {s.composition.reduced_formula for s in question.parents} == {"NaCl", "KF"}


def test_reads_formulas():
    asked = messages_of(formulas=("LaFeO3", "FeO"), elements=("Fe", "La", "O"), max_atoms=10)
    question = read_question(asked)
    assert question.formulas == ("FeO", "LaFeO3")
    assert question.elements == ("Fe", "La", "O")
    assert question.max_atoms == 10


KF = sample_structure("K", "F", 5.3)
FAILURES = (
    Failed(
        candidate_id="f",
        formula="RbI",
        structure=sample_structure("Rb", "I", 3.0),
        reason="overlapping: Rb-I of 1.5",
    ),
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "shown"), [("csg", 2), ("multi-objective", 2), ("mutate", 1), ("cross", 2), ("repair", 0)]
)
def test_reads_every_prompt_and_takes_no_failure_for_a_parent(name, shown, language):
    brief = Brief(
        failures=FAILURES, objectives=("Energy above hull: low.", "Band gap: at least 3 eV is required.")
    )
    question = read_question(
        messages_of(
            language,
            3,
            name,
            parents=(KF, sample_structure()),
            brief=brief,
            n_elements=(2, 3),
            anions=("Cl", "O"),
        )
    )
    assert (question.n, question.max_atoms, question.language, question.formulas) == (3, 12, language, ())
    assert (question.elements, question.n_elements, question.anions) == (
        ("Cl", "Na", "O"),
        (2, 3),
        ("Cl", "O"),
    )
    assert len(question.parents) == shown
    assert "RbI" not in {s.composition.reduced_formula for s in question.parents}
    assert [s.composition.reduced_formula for s in question.failed] == (["RbI"] if name == "repair" else [])


@pytest.mark.parametrize("name", ["csg", "csg-zero-shot", "mutate", "cross", "repair"])
@pytest.mark.parametrize(
    "limits", [{"anions": ("O",)}, {"n_elements": (3, 3)}, {"anions": ("Cl", "O"), "n_elements": (3, 4)}]
)
def test_keeps_to_the_limits_of_every_prompt(name, limits):
    elements = ("Al", "Cl", "F", "Mg", "Na", "O")
    slot = {
        "parents": (KF, sample_structure()),
        "brief": Brief(failures=FAILURES),
        "elements": elements,
        **limits,
    }
    crystals = crystals_of(Chemist()(messages_of(n=4, name=name, **slot), {"seed": 2}))
    assert len(crystals) == 4
    assert all(allows(slot_of(**slot).limits, crystal.composition) for crystal in crystals)


def test_reads_any_element():
    every = tuple(sorted(Element.from_Z(z).symbol for z in range(1, 95)))
    chosen = tuple(symbol for symbol in every if symbol not in {"He", "Ne", "Po"})
    asked = messages_of(elements=chosen, anions=("O", "S"))
    assert "Any element up to" in asked[0]["content"]
    assert read_question(asked).elements == chosen
    crystals = crystals_of(Chemist()(asked, {}))
    assert len(crystals) == 5
    assert {most_electronegative(crystal.composition.chemical_system.split("-")) for crystal in crystals} <= {
        "O",
        "S",
    }


def test_a_repair_begins_with_the_crystal_that_failed():
    """A failed crystal whose elements may stay: some answers keep its pattern at the usual volume."""
    failed = Failed(
        candidate_id="f", formula="NaCl", structure=sample_structure("Na", "Cl", 2.8), reason="bad volume"
    )
    asked = messages_of(n=6, name="repair", brief=Brief(failures=(failed,)), elements=("Cl", "Na"))
    crystals = crystals_of(Chemist()(asked, {}))
    assert any(len(c) == 2 and c.composition.reduced_formula == "NaCl" for c in crystals)
    assert all(shortest_contact_ratio(crystal) > NEAREST - 0.01 for crystal in crystals)


def test_answers_the_prompt_of_the_paper_with_the_elements_of_its_parents():
    crystals = crystals_of(
        Chemist()(messages_of(n=3, name="matllmsearch", parents=(KF, sample_structure())), {})
    )
    assert len(crystals) == 3
    assert all({site.specie.symbol for site in crystal} <= {"K", "F", "Na", "Cl"} for crystal in crystals)


def test_reads_other_words():
    text = "Please propose 3 crystals in the Li-Fe-P-O chemical system. Keep cells at 14 atoms or fewer, as 'cif'."
    question = read_question([{"role": "user", "content": text}])
    assert (question.n, question.max_atoms, question.language) == (3, 14, "cif")
    assert question.elements == ("Fe", "Li", "O", "P")


def test_reads_a_formula_in_a_sentence():
    text = "Propose 5 distinct candidate ground-state structures of La2FeO4: different space groups."
    question = read_question([{"role": "user", "content": text}])
    assert (question.n, question.formulas, question.elements) == (5, ("La2FeO4",), ("Fe", "La", "O"))


def test_takes_the_elements_of_the_parents_where_none_are_named():
    text = "Propose 2 new crystals. Modify this one:\n\n" + LANGUAGES["poscar"].write(
        sample_structure("K", "F", 5.3)
    )
    question = read_question([{"role": "user", "content": text}])
    assert question.elements == ("F", "K")
    assert len(crystals_of(Chemist()([{"role": "user", "content": text}], {}))) == 2


def test_says_nothing_of_a_prompt_without_elements():
    assert json.loads(Chemist()([{"role": "user", "content": "Hello!"}], {})) == {"crystals": []}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("parents", [(), (sample_structure("K", "F", 5.3),)])
def test_answers_with_crystals_that_keep_to_the_limits(language, parents):
    text = Chemist()(messages_of(language, 6, parents=parents), {"seed": 1})
    assert [set(entry) for entry in json.loads(text)["crystals"]] == [{"formula", language}] * 6
    crystals = crystals_of(text)
    assert len(crystals) == 6
    for entry, crystal in zip(json.loads(text)["crystals"], crystals, strict=True):
        assert {site.specie.symbol for site in crystal} <= {"Cl", "Na", "O"}
        assert len(crystal) <= 12
        assert shortest_contact_ratio(crystal) > NEAREST - 0.01
        assert Composition(entry["formula"]).reduced_formula == crystal.composition.reduced_formula


@pytest.mark.parametrize("formula", ["LaFeO3", "Fe2O3", "FeO"])
def test_answers_a_formula_with_that_formula(formula):
    asked = messages_of(formulas=(formula,), elements=("Fe", "La", "O"), max_atoms=20)
    crystals = crystals_of(Chemist()(asked, {}))
    assert len(crystals) == 5
    assert {crystal.composition.reduced_formula for crystal in crystals} == {formula}
    assert all(len(crystal) <= 20 for crystal in crystals)


def test_a_formula_larger_than_the_cell_has_no_answer():
    text = "Propose 2 crystals. Formula: Fe2O3, exactly; at most 4 atoms."
    assert json.loads(Chemist()([{"role": "user", "content": text}], {})) == {"crystals": []}


def test_same_question_same_answer():
    asked = messages_of()
    assert Chemist(0.5, seed=3)(asked, {"seed": 1}) == Chemist(0.5, seed=3)(asked, {"seed": 1})
    answers = {Chemist(seed=s)(asked, {"seed": t}) for s, t in ((0, 1), (0, 2), (1, 1), (1, None))}
    assert len(answers) == 4
    assert Chemist()(messages_of(n=4), {"seed": 1}) != Chemist()(asked, {"seed": 1})


def test_knows_no_compound():
    formula = re.compile(r"(?<![A-Za-z0-9_])(?:[A-Z][a-z]?\d{0,2}){2,}(?![A-Za-z0-9_])")
    targets = set(PREDICTED.split())
    for path in [*BENCHMARKS.rglob("*.py"), *BENCHMARKS.rglob("*.yaml")]:
        targets |= set(formula.findall(path.read_text(encoding="utf-8")))
    known = {name for name in targets if all(map(Element.is_valid_symbol, re.findall("[A-Z][a-z]?", name)))}
    # capitals alone are words and acronyms as well
    known = {name for name in known if not name.isalpha() or not name.isupper()}
    assert len(SOURCES) > 4
    assert known > set(PREDICTED.split()) - {""}
    for path in SOURCES:
        words = set(re.findall(r"[A-Za-z0-9]+", path.read_text(encoding="utf-8")))
        assert not words & known, path


def test_knows_no_lengths():
    for kind in TYPES:
        assert kind.shape[0] == 1.0
        assert all(0.5 < ratio < 2.0 for ratio in kind.shape[:3])


def test_is_never_called_what_it_is_not():
    for path in SOURCES:
        assert not re.search(r"\bllms?\b|\bmodels?\b", path.read_text(encoding="utf-8"), re.IGNORECASE), path


def test_every_mistake_is_expected_somewhere():
    assert set(MISTAKES) == LOSSLESS | HOPELESS | OTHERS


@pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in MISTAKES for language in MISTAKES[name].languages]
)
def test_a_mistake_is_one(name, language, structures):
    rng = np.random.default_rng(0)
    proper = reply_of(structures, language)
    if name in REPLY_MISTAKES:
        wrong = REPLY_MISTAKES[name].make(proper, rng)
    else:
        make = CRYSTAL_MISTAKES[name].make
        wrong = json.dumps({"crystals": [make(s, language, rng) for s in structures]})
    assert wrong != proper
    expected = sorted(s.composition.reduced_formula for s in structures)
    if name in LOSSLESS:
        assert compositions(wrong) == expected
    elif name in HOPELESS:
        assert compositions(wrong) == []
        assert len(read_reply(wrong)) == len(structures)
    else:
        assert read_reply(wrong)


def test_mistakes_are_what_they_say(structures):
    rng = np.random.default_rng(0)

    def made(name, language="poscar"):
        return CRYSTAL_MISTAKES[name].make(structures[1], language, rng)[language]

    assert UNKNOWN_ELEMENT in made("unknown element")
    assert "Sn" not in made("unknown element")
    assert made("hostile text").startswith(HOSTILE)
    assert "3/10" in made("fractions")
    assert "1000000000.0 0.0 0.0" in made("huge cell")
    assert "F m -3 m" in made("symmetry claim", "cif")
    assert made("symmetry claim", "wyckoff")["spacegroup"] == 225
    elements, counts = made("interleaved").split("\n")[5:7]
    assert len(elements.split()) == len(counts.split()) > 2
    assert sum(map(int, made("wrong counts").split("\n")[6].split())) > len(structures[1])
    near = Structure.from_str(made("overlapping"), "poscar")
    assert near.distance_matrix[np.triu_indices(len(near), 1)].min() == pytest.approx(0.02, abs=0.002)


def test_mistakes_come_at_their_rate():
    asked = messages_of(n=10)
    wrong = different = total = 0
    for seed in range(50):
        proper, text = (Chemist(rate, seed)(asked, {}) for rate in (0.0, 0.3))
        if not is_json(text) or "\\\\n" in text:
            wrong += 1
            continue
        pairs = list(zip(json.loads(proper)["crystals"], json.loads(text)["crystals"], strict=True))
        different += sum(one != other for one, other in pairs)
        total += len(pairs)
    # 15 of 50 with a standard deviation of 3.2; 0.3 with one of 0.025
    assert 5 < wrong < 25
    assert different / total == pytest.approx(0.3, abs=0.075)


def is_json(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@pytest.mark.parametrize("mistakes", [REPLY_MISTAKES, CRYSTAL_MISTAKES])
def test_each_kind_of_mistake_can_be_made_in_each_language(mistakes):
    for language in LANGUAGES:
        assert any(language in mistake.languages for mistake in mistakes.values())
