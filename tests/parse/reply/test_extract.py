"""From a text to drafts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.parse.reply.draft import MAX_DRAFTS, MAX_REPLY_BYTES
from matsearch.parse.reply.extract import extract
from matsearch.parse.reply.objects import BRACKET_MISSING, ESCAPED_TWICE
from matsearch.parse.reply.quoting import QUOTE_MISSING, RAW_NEWLINES
from tests.readings import within_cpu

POSCAR = "NaCl\n1.0\n0 2.8 2.8\n2.8 0 2.8\n2.8 2.8 0\nNa Cl\n1 1\ndirect\n0 0 0 Na\n0.5 0.5 0.5 Cl\n"
CIF = (
    "data_NaCl\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta 90\n"
    "_cell_angle_gamma 90\nloop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\nloop_\n_atom_site_type_symbol\n"
    "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nNa 0 0 0\nCl 0.5 0.5 0.5\n"
)
JSON = {"lattice": [4, 4, 4, 90, 90, 90], "sites": ["Na 0 0 0", "Cl 0.5 0.5 0.5"]}
WYCKOFF = {
    "spacegroup": 225,
    "lattice": [5.6, 5.6, 5.6, 90, 90, 90],
    "sites": ["Na 4a 0 0 0", "Cl 4b 0.5 0.5 0.5"],
}
ENTRY = {"formula": "NaCl", "poscar": POSCAR}
ESCAPED = POSCAR.replace("\n", "\\n")


def texts(reply, **keys):
    return [draft.text for draft in extract(reply, **keys)]


@pytest.mark.parametrize(
    ("key", "crystal", "language"),
    [
        ("poscar", POSCAR, "poscar"),
        ("POSCAR", POSCAR, "poscar"),
        ("structure", POSCAR, "poscar"),
        ("poscar", CIF, "cif"),
        ("cif", POSCAR, "poscar"),
        ("whatever", CIF, "cif"),
        ("json", JSON, "json"),
        ("cif", JSON, "json"),
        ("json", json.dumps(JSON), "json"),
        ("json", WYCKOFF, "wyckoff"),
        ("crystal", WYCKOFF, "wyckoff"),
        ("cif", "nothing of the kind", "cif"),
        ("poscar", "nothing of the kind", "poscar"),
        ("poscar", POSCAR.splitlines(), "poscar"),
    ],
)
def test_the_language_is_told_by_the_content(key, crystal, language):
    (draft,) = extract(json.dumps({"crystals": [{"formula": "NaCl", key: crystal}]}))
    assert (draft.language, draft.said, draft.complete, draft.repairs) == (language, "NaCl", True, ())
    if not isinstance(crystal, str) and language != "poscar":
        assert json.loads(draft.text) == crystal


@pytest.mark.parametrize(
    "shape",
    [
        lambda entries: {"crystals": entries},
        lambda entries: {str(i): entry for i, entry in enumerate(entries)},
        lambda entries: entries,
        lambda entries: {"answer": {"list": [{"crystal": entry} for entry in entries]}},
    ],
)
def test_crystals_are_found_in_their_order_wherever_they_stand(shape):
    entries = [{"formula": f"Na{i}Cl", "poscar": f"crystal {i}\n" + POSCAR} for i in range(1, 4)]
    reply = f"Sure! {{note}}\n\n```json\n{json.dumps(shape(entries), indent=1)}\n```\nEnjoy."
    assert [draft.said for draft in extract(reply)] == ["Na1Cl", "Na2Cl", "Na3Cl"]
    assert texts(reply) == [entry["poscar"] for entry in entries]


def test_objects_and_names_of_other_kinds_are_told_from_crystals():
    entry = ENTRY | {"structure": "rock salt", "crystal": "cubic", "space_group": "Fm-3m", "cell": {"a": 5.6}}
    assert texts(json.dumps(entry)) == [POSCAR]
    (draft,) = extract(json.dumps({"space_group": 225, "Cell": [5] * 6, "atoms": ["Na 4a 0 0 0"]}))
    assert json.loads(draft.text) == {"spacegroup": 225, "lattice": [5] * 6, "sites": ["Na 4a 0 0 0"]}


@pytest.mark.parametrize(
    ("reply", "repairs"),
    [
        ('{"formula": "NaCl", "poscar": "RAW"}', (RAW_NEWLINES,)),
        ('{"formula": "NaCl", "poscar": "TWICE"}', (ESCAPED_TWICE,)),
        ('{"0": {"formula": "NaCl", "poscar": "ESCAPED}, "1": {}}', (QUOTE_MISSING,)),
        ('{"formula": "NaCl", "poscar": "ESCAPED\n}', (QUOTE_MISSING,)),
        ("{'formula': 'NaCl', 'poscar': 'ESCAPED', }", ()),
        ("{formula: 'NaCl', poscar: '''RAW'''}", ()),
        ("\ufeff{“formula”: “NaCl”,\u00a0“poscar”: “ESCAPED”}", ()),
        ('{"formula": "NaCl", "poscar": "ESCAPED"', ()),
        ("<think>maybe OTHER</think>ENTRY", ()),
        ("or OTHER?</think>\nENTRY", ()),
        ("<think>OTHER</think>ENTRY<think>or OTHER", ()),
        ('assistant\n\n1.\n{"7": ENTRY}', ()),
        ('{"formula": "NaCl", "poscar": "\\u0000ESCAPED"}', ()),
    ],
)
def test_one_crystal_survives_what_models_do_to_it(reply, repairs):
    written = {"RAW": POSCAR, "ESCAPED": ESCAPED, "TWICE": ESCAPED.replace("\\", "\\\\")}
    written |= {"ENTRY": json.dumps(ENTRY), "OTHER": json.dumps({"poscar": CIF})}
    for name, text in written.items():
        reply = reply.replace(name, text)
    (draft,) = extract(reply)
    assert draft.text.replace("\0", "").rstrip() == POSCAR.rstrip()
    assert (draft.language, draft.said, draft.complete, draft.repairs) == ("poscar", "NaCl", True, repairs)


def test_curly_quotes_within_strings_stay():
    assert texts(json.dumps({"poscar": "a “good, really good” one\n" + POSCAR}, ensure_ascii=False)) == [
        "a “good, really good” one\n" + POSCAR
    ]


def test_a_crystal_of_which_only_the_bracket_is_missing_is_whole():
    (draft,) = extract(json.dumps(JSON)[:-1])
    assert (draft.complete, draft.repairs) == (True, (BRACKET_MISSING,))
    assert not extract(json.dumps(JSON)[:-2])[0].complete
    assert not extract(
        json.dumps({"sites": JSON["sites"], "lattice": JSON["lattice"], "spacegroup": 22})[:-1]
    )[0].complete


@pytest.mark.parametrize("reply", ['{"0": {"formula": "NaCl", "note": "cubi', '[{"formula": "NaCl", '])
def test_an_entry_that_ends_before_its_crystal_is_an_incomplete_one(reply):
    (draft,) = extract(reply)
    assert (draft.text, draft.said, draft.complete) == ("", "NaCl", False)


def test_a_key_that_comes_twice_gives_two_crystals():
    other = POSCAR.replace("2.8", "3.0")
    assert texts(f'{{"poscar": {json.dumps(POSCAR)}, "poscar": {json.dumps(other)}}}') == [POSCAR, other]


PROSE = "I think of rock salt, 1.0 of it:\n\n{}\nHope this helps!\n"


@pytest.mark.parametrize(
    "wrap", [PROSE, PROSE.replace("{}", "```\n{}```"), PROSE.replace("{}", "* POSCAR: ```poscar\n{}```")]
)
@pytest.mark.parametrize(("crystal", "language"), [(POSCAR, "poscar"), (CIF, "cif")])
def test_crystals_in_prose_are_found(wrap, crystal, language):
    (draft,) = extract(wrap.format(crystal))
    assert (draft.language, draft.complete) == (language, True)
    assert draft.text.strip() == crystal.strip()
    assert len(extract(wrap.format(crystal) * 3)) == 3


def test_crystals_in_prose_may_have_escaped_newlines_and_no_comment():
    (escaped,) = texts(PROSE.format(ESCAPED))
    assert escaped.strip() == POSCAR.strip()
    (bare,) = texts(PROSE.format(POSCAR.replace("NaCl\n", "\n")))
    assert bare.strip() == "POSCAR\n" + POSCAR.partition("\n")[2].strip()


def test_every_cif_block_in_prose_is_a_crystal_of_its_own():
    assert [
        text.strip() for text in texts("data_set of two:\n" + CIF + CIF.replace("NaCl", "two") + POSCAR)
    ] == [
        CIF.strip(),
        CIF.replace("NaCl", "two").strip(),
        POSCAR.strip(),
    ]


def test_tags_before_the_cell_belong_to_a_cif():
    bare = CIF.replace("data_NaCl", "_symmetry_Int_Tables_number 225")
    assert texts("CIF:\n" + bare) == [bare]


@pytest.mark.parametrize("number_of_rows", [3, 8])
def test_rows_of_numbers_are_no_poscar(number_of_rows):
    assert extract("Distances:\n" + "0.5 0.5 0.5\n" * number_of_rows + "That is all.\n") == []


def test_what_ends_with_the_text_is_incomplete_if_it_is_cut_off_or_in_an_open_fence():
    assert [draft.complete for draft in extract(POSCAR, cut_off=True)] == [False]
    assert [draft.complete for draft in extract("```\n" + POSCAR + "```\n```\n" + POSCAR)] == [True, False]


def test_there_are_no_more_drafts_than_the_limit():
    assert len(extract(json.dumps([ENTRY] * (MAX_DRAFTS + 5)))) == MAX_DRAFTS
    assert len(extract(POSCAR * (MAX_DRAFTS + 5))) == MAX_DRAFTS


_PIECES = [
    "{",
    "[",
    '{"',
    '"',
    "\\",
    "```\n",
    "data_x\n",
    '{"a":"\n```',
    ':"',
    '"a":"b',
    "//",
    "/*",
    "{'a':",
    " ",
    "\n",
    "_a\n",
]
_PIECES += ["1 1 1\n", "1", "-", "<think>", '{"poscar":"', '{"a":"{', "x\n1.0\n1 1 1\n1 1 1\n1 1 1\nH\n"]


@pytest.mark.parametrize("begin", ["", '{"poscar": "'])
@pytest.mark.parametrize("piece", _PIECES)
def test_time_grows_no_faster_than_the_text(piece, begin):
    with within_cpu(0.5):
        extract(begin + piece * (30_000 // len(piece)))


@pytest.mark.parametrize("piece", ["{", '{"a":"{'])
def test_the_longest_reply_takes_less_than_two_seconds(piece):
    with within_cpu(2.0):
        extract(piece * (MAX_REPLY_BYTES // len(piece)))


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([*_PIECES, "}", "]", ",", CIF, POSCAR, ESCAPED]), max_size=20).map("".join)
)
def test_any_text_gives_drafts_within_the_limits(text):
    drafts = extract(text)
    assert len(drafts) <= MAX_DRAFTS
    assert sum(len(draft.text) for draft in drafts) <= 3 * len(text) + 100
