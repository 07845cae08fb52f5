"""From a slot to a call: the slot decides all of it, and what is shown is never a template."""

from types import SimpleNamespace

import pytest
from pymatgen.core import Structure

from matsearch.core.language_model import LanguageModelSection
from matsearch.core.protocols import Limits, Slot
from matsearch.core.records import Parent
from matsearch.crystal.languages import LANGUAGES
from matsearch.propose.llm import prompts
from matsearch.propose.llm.requests import Requests
from matsearch.testing.samples import sample_structure

PAIRS = (("Na", "Cl"), ("Li", "F"), ("K", "Br"), ("Mg", "O"), ("Ca", "S"))
PARENTS = tuple(
    Parent(parent_id=f"p{i}", structure=sample_structure(*pair), energy_above_hull=0.0125 if i else None)
    for i, pair in enumerate(PAIRS)
)


def slot_of(number: int = 0, seed: int = 0, parents=PARENTS, **limits) -> Slot:
    return Slot(
        campaign_id="c",
        generation=2,
        slot=number,
        seed=seed,
        parents=parents,
        limits=Limits(elements=("Cl", "Na", "O"), max_atoms=14, **limits),
    )


def requests_of(*, predict: bool = False, **section) -> Requests:
    return Requests(LanguageModelSection(model="some-model", **section), predict=predict)


def test_the_same_slot_asks_the_same():
    one, other = requests_of(), requests_of()
    other.request(slot_of(1), 5)
    assert one.request(slot_of(4), 5) == other.request(slot_of(4), 5)


def test_parents_and_templates_are_prepared_once_for_all_slots(monkeypatch):
    done = []

    def write(structure):
        done.append(structure)
        return "a crystal"

    def compiled(text):
        done.append(text)
        return from_string(text)

    from_string = prompts._TEMPLATES.from_string
    prompts._compiled.cache_clear()
    monkeypatch.setitem(LANGUAGES, "poscar", SimpleNamespace(write=write))
    monkeypatch.setattr(prompts._TEMPLATES, "from_string", compiled)
    requests = requests_of(parents=5)
    for number in range(9):
        assert requests.request(slot_of(number), 5).messages[0].content.count("a crystal\n") == len(PARENTS)
    assert len(done) == len(PARENTS) + 3


@pytest.mark.parametrize("changed", [{"number": 1}, {"seed": 1}, {"parents": ()}])
def test_another_slot_is_another_call(changed):
    requests = requests_of()
    assert requests.request(slot_of(), 5).key != requests.request(slot_of(**changed), 5).key


def test_what_changes_no_answer_is_not_in_the_key():
    request = requests_of().request(slot_of(), 5)
    assert request.evolve(campaign_id="other", slot=9, generation=0).key == request.key
    assert request.evolve(model="another").key != request.key


def test_the_prompt_says_what_is_asked():
    text = requests_of(parents=2).request(slot_of(), 3).messages[0].content
    assert "Propose 3 new" in text
    assert "Elements: Cl, Na, O." in text
    assert "At most 14 atoms" in text
    assert '"poscar"' in text


def test_a_formula_asks_for_structure_prediction():
    request = requests_of(predict=True).request(slot_of(formulas=("NaCl",)), 5)
    assert request.prompt_id.startswith("csp/")
    assert "Formula: NaCl, exactly" in request.messages[0].content


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_parents_are_shown_in_the_language_and_can_be_read_back(language):
    request = requests_of(language=language, parents=3).request(slot_of(), 5)
    assert len(request.parents) == len({p.parent_id for p in request.parents}) == 3
    for parent in request.parents:
        text = LANGUAGES[language].write(parent.structure, 4)
        assert text in request.messages[0].content
        shown: Structure = LANGUAGES[language].read(text).structure
        assert shown.composition.reduced_formula == parent.structure.composition.reduced_formula


def test_shorter_prompts_lose_parents_and_nothing_else():
    request = requests_of(parents=3).request(slot_of(), 5)
    full, *shorter = (messages[0].content for messages in (request.messages, *request.shorter))
    assert len(shorter) == 3
    for n, text in zip((2, 1, 0), shorter, strict=True):
        shown = [p for p in request.parents if LANGUAGES["poscar"].write(p.structure, 4) in text]
        assert shown == list(request.parents[:n])
        assert text.split("\n\n")[-2:] == full.split("\n\n")[-2:]
        assert text.startswith(full[:200])


def test_energies_are_shown_where_they_are_known():
    text = requests_of(parents=5).request(slot_of(), 5).messages[0].content
    assert text.count("energy above hull 0.013 eV/atom") + text.count("energy above hull 0.012 eV/atom") == 4
    assert "None" not in text


def test_text_output_asks_for_no_schema():
    assert requests_of(output="text").request(slot_of(), 5).reply_schema is None
    assert requests_of().request(slot_of(), 5).reply_schema["required"] == ["crystals"]


def test_the_hash_covers_the_parts():
    hashes = {requests_of(language=language).sha256 for language in LANGUAGES}
    assert len(hashes) == len(LANGUAGES)
