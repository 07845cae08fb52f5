"""From a text to crystals and verdicts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.boundary import RERAISE_VARIABLE
from matsearch.core.verdict import FailureKind
from matsearch.parse.reply import reading
from matsearch.parse.reply.draft import MAX_DRAFTS, MAX_REPLY_BYTES, Draft
from matsearch.parse.reply.found import Found
from matsearch.parse.reply.reading import read_draft, read_reply

HEAD = "NaCl\n1.0\n0 2.8 2.8\n2.8 0 2.8\n2.8 2.8 0\nNa Cl\n1 1\ndirect\n"
POSCAR = HEAD + "0 0 0 Na\n0.5 0.5 0.5 Cl\n"
JSON = {"lattice": [4, 4, 4, 90, 90, 90], "sites": ["Na 0 0 0", "Cl 0.5 0.5 0.5"]}


def entry(said="NaCl", poscar=POSCAR):
    return json.dumps({"formula": said, "poscar": poscar})


def only(reply, **keys):
    (found,) = read_reply(reply, **keys)
    return found


def test_a_crystal_is_read():
    found = only(entry())
    assert found.structure.composition.formula == "Na1 Cl1"
    assert (found.said, found.verdict, found.repairs) == ("NaCl", None, ())


LABELLED = HEAD.replace("1 1", "2 2") + "0 0 0 Na\n.5 .5 0 Na\n{}.5 0 0 Cl\n0 .5 0 Cl\n"


@pytest.mark.parametrize("between", ["\n", "\n\n", "# Cl\n", "! chlorine\n", "\n// Cl\n\n"])
@pytest.mark.parametrize("wrap", ["Here:\n\n{}\nDone.", "```\n{}```\nDone.", "{}"])
def test_no_site_is_lost_for_what_stands_between_the_sites(between, wrap):
    found = only(wrap.format(LABELLED.format(between)))
    assert (found.structure.composition.formula, found.repairs) == ("Na2 Cl2", ())


@pytest.mark.parametrize("between", ["Cl atoms:\n", "...\n", "- chlorine\n\n"])
def test_sites_after_other_text_are_not_dropped(between):
    found = only("Here:\n\n" + LABELLED.format(between) + "Done.")
    assert found.verdict.kind is FailureKind.WRONG_COUNTS


@pytest.mark.parametrize("prose", ["2.8 3.1 are its distances.", "It is cubic.\nNa 0 0 0 is at the corner."])
def test_numbers_in_prose_after_the_sites_are_no_site(prose):
    found = only("Here:\n\n" + LABELLED.format("") + "\n" + prose)
    assert (found.structure.composition.formula, found.repairs) == ("Na2 Cl2", ())


@pytest.mark.parametrize("between", ["", "\n"])
@pytest.mark.parametrize("missing", range(2, 23))
def test_a_reply_that_ends_within_the_sites_is_cut_off(missing, between):
    found = only("Here:\n\n" + LABELLED.format(between)[:-missing], cut_off=True)
    assert found.verdict.kind is FailureKind.CUT_OFF


@pytest.mark.parametrize("wrap", ["Here:\n\n{}\nHope it helps", "```cif\n{}```\nDone.", "{}"])
def test_labels_of_atoms_in_a_cif_are_no_prose(wrap):
    cif = (
        "data_x\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta 90\n"
        "_cell_angle_gamma 90\nloop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n"
        "_atom_site_fract_y\n_atom_site_fract_z\nNa1 Na 0 0 0\nOax O .5 .5 .5\nOeq O .5 0 0\n"
    )
    assert only(wrap.format(cif)).structure.composition.formula == "Na1 O2"


@pytest.mark.parametrize(
    ("said", "repairs"),
    [
        ("Na2Cl", ("the reply says Na2Cl, its sites are NaCl",)),
        ("Na₂Cl", ("the reply says Na2Cl, its sites are NaCl",)),
        ("Na4 Cl4", ()),
        ("rock salt", ()),
        ("Zz2", ()),
        ("", ()),
        ("(" * 200, ()),
        ("Na" + "9" * 50, ("the reply says Na" + "9" * 50 + ", its sites are NaCl",)),
    ],
)
def test_the_sites_are_believed_over_the_formula(said, repairs):
    found = only(entry(said))
    assert (found.structure.composition.formula, found.repairs) == ("Na1 Cl1", repairs)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "  \n",
        "I cannot help with that.",
        "{}",
        "[[[{",
        "\0\x07\x1b[31m",
        "rock salt " * 200,
        "<think>" + entry(),
        "\ud800",
    ],
)
def test_a_reply_without_a_crystal_is_quoted_on_one_printable_line(reply):
    verdict = only(reply).verdict
    assert (verdict.kind, verdict.stage) == (FailureKind.NO_CRYSTAL, "parse")
    assert verdict.detail.isprintable()
    assert len(verdict.detail) < 130
    assert " ".join(reply.split())[:10].isprintable() is (" ".join(reply.split())[:10] in verdict.detail)


def test_a_reply_that_ends_before_its_first_crystal_was_cut_off():
    assert only("Let me think about it.", cut_off=True).verdict.kind is FailureKind.CUT_OFF


def test_a_reply_over_the_cap_is_refused_unread():
    found = only(entry() + " " * MAX_REPLY_BYTES)
    assert found.verdict.kind is FailureKind.REPLY_TOO_LARGE
    assert str(MAX_REPLY_BYTES) in found.verdict.detail


WYCKOFF = {"spacegroup": 225, "lattice": [5.6] * 3 + [90] * 3, "sites": ["Na 4a 0 0 0", "Cl 4b 0.5 0.5 0.5"]}
CIF = (
    "data_a\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta 90\n"
    "_cell_angle_gamma 90\nloop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n"
    "_atom_site_fract_z\nNa 0 0 0\nCl 0.5 0.5 0.5\n"
)


@pytest.mark.parametrize("crystal", [POSCAR, CIF, JSON, WYCKOFF, json.dumps(WYCKOFF)])
def test_every_language_is_read_under_any_key(crystal):
    for key in ("poscar", "cif", "json", "wyckoff", "structure"):
        assert only(json.dumps({"crystals": [{key: crystal}]})).structure.composition.formula == "Na1 Cl1"


def test_two_cifs_in_one_string_are_ambiguous_and_two_in_prose_are_two():
    assert only(json.dumps({"cif": CIF + CIF})).verdict.kind is FailureKind.AMBIGUOUS
    assert [item.structure.composition.formula for item in read_reply(CIF + CIF)] == ["Na1 Cl1"] * 2


def test_one_broken_crystal_does_not_harm_its_neighbours():
    found = read_reply(f"[{entry()}, {entry(poscar='no crystal')}, {entry()}]")
    assert [item.verdict is None for item in found] == [True, False, True]
    assert found[1].verdict.detail.isprintable()


def cuts():
    """Every place at which a reply of two crystals may end, within the second."""
    for whole in (entry(), json.dumps({"formula": "NaCl", "json": JSON}), json.dumps(JSON)):
        begin = f'{{"0": {entry("KBr", POSCAR.replace("Na", "K").replace("Cl", "Br"))}, "1": '
        for end in range(len(whole)):
            yield whole, begin + whole[:end]


def test_a_crystal_in_which_the_reply_ends_is_whole_or_no_crystal():
    kinds = set()
    for whole, reply in cuts():
        found = read_reply(reply)
        assert found[0].structure.composition.formula == "K1 Br1"
        expected = only(whole).structure
        for item in found[1:]:
            kinds.add(item.verdict.kind if item.verdict else "read")
            assert item.structure in (None, expected), reply
    assert kinds == {FailureKind.CUT_OFF, "read"}


@pytest.mark.parametrize(
    ("sites", "read"),
    [
        ("0 0 0 Na\n0.5 0.5 0.5 Cl\n", True),
        ("0 0 0 Na\n0.5 0.5 0.5 Cl", True),
        ("0 0 0\n0.5 0.5 0.5\n", True),
        ("0 0 0\n0.5 0.5 0.5", False),
        ("0 0 0 Na\n0.5 0.5 0.5 C", False),
        ("0 0 0 Na\n", False),
        ("", False),
    ],
)
def test_in_an_open_end_only_what_cannot_be_cut_is_believed(sites, read):
    found = only(entry(poscar=HEAD + sites)[:-2])
    assert (found.structure is not None) is read
    if not read:
        assert found.verdict.kind is FailureKind.CUT_OFF


def test_what_nobody_expected_is_contained(monkeypatch):
    class Broken:
        def read(self, text):
            raise ZeroDivisionError(text)

    monkeypatch.setitem(reading.LANGUAGES, "poscar", Broken())
    with pytest.raises(ZeroDivisionError):
        read_reply(entry())
    monkeypatch.delenv(RERAISE_VARIABLE)
    verdict = only(entry()).verdict
    assert verdict.kind is FailureKind.INTERNAL_ERROR
    assert "ZeroDivisionError" in verdict.traceback


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ 7*7 }}",
        "<script>alert(1)</script>",
        "$(touch x)",
        "!!python/object/apply:os.system [touch x]",
        "../../x",
    ],
)
def test_hostile_text_stays_text(hostile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    crystal = POSCAR.replace("NaCl\n", f"{hostile}\n", 1)
    found = read_reply(json.dumps([{"formula": hostile, "poscar": crystal}, {"poscar": hostile}]))
    assert found[0].structure.composition.formula == "Na1 Cl1"
    assert found[0].said == hostile
    assert found[1].verdict is not None
    assert hostile in only(hostile).verdict.detail
    assert list(tmp_path.iterdir()) == []


_MARKS = st.sampled_from(
    ["{", "}", '"', "\\", "\n", "]", ",", ":", "'", "```", "<think>", "</think>", "data_x\n", "1e999", "nan"]
)


@st.composite
def mutated(draw):
    text = json.dumps(
        {"0": json.loads(entry()), "1": {"formula": "NaCl", "json": JSON}},
        indent=draw(st.sampled_from([None, 1])),
    )
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(_MARKS | st.text(max_size=3)) + text[place + draw(st.integers(0, 5)) :]
    return text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


@given(text=st.text(max_size=100) | mutated(), cut_off=st.booleans())
def test_any_text_gives_records_within_the_caps(text, cut_off):
    found = read_reply(text, cut_off=cut_off)
    assert 1 <= len(found) <= MAX_DRAFTS
    for item in found:
        assert (item.structure is None) is (item.verdict is not None)
        assert Found.model_validate(json.loads(json.dumps(item.document()))).document() == item.document()


@given(language=st.sampled_from(list(reading.LANGUAGES)), text=st.text(max_size=60), complete=st.booleans())
def test_any_draft_gives_one_record(language, text, complete):
    assert read_draft(Draft(language, text, complete=complete)).verdict is not None
