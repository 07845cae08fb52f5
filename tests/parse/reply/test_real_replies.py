"""Replies that language models really wrote."""

import csv
import gzip
import json
import warnings
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure

from matsearch.parse.reply.draft import MAX_DRAFTS, Draft
from matsearch.parse.reply.reading import read_draft, read_reply

REPLIES = {
    "read": 27,
    "bad_lattice": 43,
    "bad_numbers": 33,
    "wrong_counts": 28,
    "cut_off": 4,
    "no_crystal": 1,
}
STRUCTURES = {"read": 25, "bad_lattice": 47, "bad_numbers": 30, "wrong_counts": 29, "cut_off": 1}


@pytest.fixture(scope="module")
def replies(test_data):
    """14 replies of five crystals each."""
    folder = test_data.parent / "replies"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: no real replies")
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.reply.txt"))}


def rows(path, column):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def naive(reply):
    """Crystals by the standard library and pymatgen alone, of the object in a reply."""
    document = json.loads(reply[reply.index("{") : reply.rindex("}") + 1])
    for entry in document.values():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            language = "cif" if "cif" in entry else "poscar"
            yield Structure.from_str(entry[language], fmt=language)


def kinds(found):
    return Counter(item.verdict.kind.value if item.verdict else "read" for item in found)


def test_all_crystals_of_the_real_replies_are_read_and_none_is_changed(replies):
    assert len(replies) == 14
    count = 0
    for name, reply in replies.items():
        found = read_reply(reply)
        for item, expected in zip(found, naive(reply), strict=True):
            count += 1
            assert item.structure.composition == expected.composition, name
            assert item.structure.lattice.parameters == pytest.approx(
                expected.lattice.parameters, abs=1e-4
            ), name
            assert item.repairs == (), name
    assert count == 70


def test_cut_anywhere_they_lose_only_what_is_cut(replies):
    for reply in replies.values():
        whole = read_reply(reply)
        for place in range(1, len(reply), len(reply) // 5):
            found = read_reply(reply[:place], cut_off=True)
            assert len(found) <= len(whole)
            for item, expected in zip(found, whole, strict=False):
                assert item.structure in (None, expected.structure)
            assert all(item.structure is not None for item in found[:-1])


def test_rejected_replies_of_a_small_model(test_data):
    replies = rows(test_data / "llama31_8b_rejected_replies.csv.gz", "Hard Responses")
    found = [item for reply in replies for item in read_reply(reply)]
    assert len(replies) == 29
    assert kinds(found) == REPLIES


def test_rejected_structures_of_a_small_model(test_data):
    texts = rows(test_data / "llama31_8b_parse_errors.csv.gz", "Structure String")
    assert len(texts) == 132
    assert kinds(read_draft(Draft("poscar", text)) for text in texts) == STRUCTURES


@given(data=st.data())
def test_a_real_reply_with_characters_replaced_gives_records(replies, data):
    reply = data.draw(st.sampled_from(list(replies.values())))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(reply)))
        reply = reply[:place] + data.draw(st.text(max_size=2)) + reply[place + 1 :]
    found = read_reply(reply)
    assert 1 <= len(found) <= MAX_DRAFTS
    assert all((item.structure is None) is (item.verdict is not None) for item in found)
