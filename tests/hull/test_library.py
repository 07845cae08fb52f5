"""Cards, names and paths: one answer to which energies, or a refusal."""

import datetime as dt
import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml

from matsearch.core.config import ReferenceSection, names_entries_file, parse_config, with_overrides
from matsearch.core.errors import InputError, ReferenceHullError
from matsearch.core.schemes import MP_GGA, MP_GGA_RAW, schemes
from matsearch.hull import adding
from matsearch.hull.adding import add_set
from matsearch.hull.cards import card_path, read_card, write_card
from matsearch.hull.checks import check_set
from matsearch.hull.library import find_set, library_folder, named_sets, reference_files
from matsearch.hull.sources import load_hull, load_reference

VASP = {"run_type": "GGA", "potcar_symbols": ["PBE Li"]}
ENTRIES = [
    {"composition": {"Li": 1}, "energy": -1.9, "entry_id": "a", "parameters": VASP},
    {"composition": {"O": 2}, "energy": -9.9, "entry_id": "b", "parameters": VASP},
    {"composition": {"Li": 2, "O": 1}, "energy": -14.3, "entry_id": "c", "parameters": VASP},
]
FACTS = {"name": "mine", "scheme": None, "corrections": "mp2020", "software": None, "complete": False}
FACTS |= {"date": "2023-02-07"}
PAGE = Path(__file__).parents[2] / "docs" / "references.md"


@pytest.fixture(autouse=True)
def _default_folder(monkeypatch):
    monkeypatch.delenv("MATSEARCH_REFERENCES", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def written(path, entries=ENTRIES):
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def added(tmp_path):
    """A set in the library."""
    return add_set(written(tmp_path / "e.json"), FACTS)[0]


def rewritten(path, **changes):
    card = {**read_card(path).document(), **changes}
    path.write_text(yaml.safe_dump({k: v for k, v in card.items() if v != "gone"}))


@pytest.mark.parametrize(
    ("source", "is_path"),
    [
        ("embedded", False),
        ("mp-2023.2", False),
        ("mine.v1.gz", False),
        ("e.json", True),
        ("E.CSV", True),
        ("e.json.gz", True),
        ("e.csv.xz", True),
        ("./mine", True),
        ("folder/mine", True),
        ("~/mine", True),
    ],
)
def test_what_is_a_path(source, is_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert names_entries_file(source) is is_path
    section = with_overrides({"reference": {"source": source}}, {})["reference"]
    assert section["source"] == (str(Path(source).expanduser().absolute()) if is_path else source)


def test_seeds_are_made_absolute_as_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert with_overrides({"seeds": {"source": "crystals"}}, {})["seeds"]["source"] == str(
        tmp_path / "crystals"
    )


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, "~/.local/share/matsearch/references"),
        ({"XDG_DATA_HOME": "/data"}, "/data/matsearch/references"),
        ({"XDG_DATA_HOME": "data"}, "~/.local/share/matsearch/references"),
        ({"XDG_DATA_HOME": "/data", "MATSEARCH_REFERENCES": "~/mine"}, "~/mine"),
    ],
)
def test_where_the_library_is(environment, folder, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert library_folder() == Path(folder).expanduser()


def test_a_named_set_gives_the_same_hull_as_its_file_and_keys(added, tmp_path):
    named = load_hull(ReferenceSection(source="mine"), ("Li", "O"), "chgnet-0.3.0")
    section = ReferenceSection(source=str(tmp_path / "e.json"), corrections="mp2020")
    by_path = load_hull(section, ("Li", "O"), "chgnet-0.3.0")
    assert (named.info.name, named.info.date, named.info.scheme_id) == ("mine", "2023-02-07", MP_GGA)
    assert by_path.info.name == "e.json"
    assert named.info.sha256 == by_path.info.sha256
    assert named.phases() == by_path.phases()


def test_silence_of_a_configuration_outlives_its_journey(added):
    """As it goes through jobs: written as JSON with all defaults, and parsed again."""
    config = parse_config({"name": "x", "system": {"elements": ["Li", "O"]}, "reference": {"source": "mine"}})
    again = parse_config(json.loads(config.model_dump_json()))
    assert load_reference(again.reference, ("Li", "O")).info.scheme_id == MP_GGA


@pytest.mark.parametrize(
    "changes",
    [{"corrections": "none"}, {"scheme": MP_GGA_RAW}, {"complete": True}, {"corrections": "mixing"}],
)
def test_a_configuration_that_contradicts_the_card_is_refused(added, changes):
    with pytest.raises(
        ReferenceHullError, match=rf"reference\.{next(iter(changes))} is .* the card of mine says"
    ):
        load_reference(ReferenceSection(source="mine", **changes), ("Li", "O"))
    agreeing = {key: getattr(added.card, key) for key in changes}
    assert load_reference(ReferenceSection(source="mine", **agreeing), ("Li", "O")).info.name == "mine"


def test_a_file_without_card_is_dated_by_its_last_change(tmp_path):
    path = written(tmp_path / "e.json")
    os.utime(path, (0, dt.datetime(2020, 5, 17, 23, 59, tzinfo=dt.UTC).timestamp()))
    hull = load_reference(ReferenceSection(source=str(path), corrections="mp2020"), ("Li", "O"))
    assert (hull.info.date, hull.info.name, hull.info.complete) == ("2020-05-17", "e.json", False)


def test_corrections_decide_the_scheme(tmp_path):
    section = ReferenceSection(
        source=str(written(tmp_path / "e.json")), corrections="mp2020", scheme=MP_GGA_RAW
    )
    with pytest.raises(ReferenceHullError, match="corrections mp2020 lead to"):
        load_reference(section, ("Li", "O"))


def test_a_changed_file_is_refused_with_both_hashes(added):
    written(added.path, [*ENTRIES, {"composition": "Li2O2", "energy": -99.0}])
    with pytest.raises(ReferenceHullError, match=added.card.sha256) as caught:
        load_reference(ReferenceSection(source="mine"), ("Li", "O"))
    assert hashlib.sha256(added.path.read_bytes()).hexdigest() in str(caught.value)
    assert any(f.error and added.card.sha256 in f.text for f in check_set(added))


def test_an_unknown_name_lists_the_known_ones(added):
    with pytest.raises(InputError, match="known: embedded, toy, mine"):
        find_set("theirs")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "../x"}, "name"),
        ({"name": "x.json"}, "looks like a file"),
        ({"scheme": "mine"}, "unknown energy scheme"),
        ({"scheme": MP_GGA_RAW}, "lead to"),
        ({"corrections": "gone"}, "corrections: missing"),
        ({"corrections": "mp"}, "corrections"),
        ({"date": "yesterday"}, "date"),
        ({"date": 2023}, "date"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"colour": "red"}, "colour: unknown key"),
        ({"complete": "gone"}, "complete: missing"),
    ],
)
def test_cards_that_cannot_be(changes, reason, added):
    path = card_path(added.path)
    rewritten(path, **changes)
    with pytest.raises(InputError, match=reason) as caught:
        find_set(str(added.path))
    assert path.name in str(caught.value)
    sets, problems = named_sets()
    assert [s.name for s in sets] == ["embedded", "toy"]
    assert len(problems) == 1, "a broken card does not hide the others, and is named"
    with pytest.raises(InputError, match=reason):
        find_set("mine")


@pytest.mark.parametrize(
    "content", [b"", b"[1", b"\xff", b"- 1", b"!!python/object/apply:os.system [x]", b"a" * 200_000]
)
def test_files_that_are_no_cards(content, added):
    card_path(added.path).write_bytes(content)
    with pytest.raises(InputError, match=r"card\.yaml"):
        find_set(str(added.path))


def test_yaml_dates_are_dates(added):
    path = card_path(added.path)
    path.write_text(path.read_text().replace("'2023-02-07'", "2023-02-07"))
    assert find_set("mine").date == "2023-02-07"


def test_a_name_of_two_sets_is_ambiguous(added):
    other = written(added.path.with_name("other.json"))
    write_card(card_path(other), added.card)
    with pytest.raises(InputError, match="several reference sets"):
        find_set("mine")


def test_built_in_names_cannot_be_taken(tmp_path, added):
    with pytest.raises(InputError, match="built-in"):
        add_set(tmp_path / "e.json", {**FACTS, "name": "toy"})
    rewritten(card_path(added.path), name="toy")
    assert "takes the name" in named_sets()[1][0]
    assert find_set("toy").path != added.path


def test_adding_again_changes_nothing_and_other_content_is_refused(added, tmp_path):
    folder = library_folder()
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert set(before) == {"mine.json", "mine.json.card.yaml"}
    assert add_set(tmp_path / "e.json", FACTS)[0] == added
    with pytest.raises(InputError, match="differs in date"):
        add_set(tmp_path / "e.json", {**FACTS, "date": "2024-01-01"})
    written(tmp_path / "e.json", [{**e, "energy": -20.0} for e in ENTRIES])
    with pytest.raises(InputError, match="differs in sha256"):
        add_set(tmp_path / "e.json", FACTS)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


def test_adding_that_was_cut_short_is_mended_by_the_same_command(tmp_path, monkeypatch):
    path = written(tmp_path / "e.json")

    def cut(path, card):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(adding, "write_card", cut)
        with pytest.raises(KeyboardInterrupt):
            add_set(path, FACTS)
    assert [s.name for s in named_sets()[0]] == ["embedded", "toy"]
    assert add_set(path, FACTS)[0] in named_sets()[0]


def test_what_fails_a_check_is_not_added(tmp_path):
    absurd = [*ENTRIES, {**ENTRIES[2], "entry_id": "d", "energy": -60.0}]
    with pytest.raises(InputError, match=r"formation energies lie below -5\.5 eV/atom: d \(Li2O"):
        add_set(written(tmp_path / "e.json", absurd), FACTS)
    assert not library_folder().exists() or not list(library_folder().iterdir())


@pytest.mark.parametrize(
    ("entries", "error", "text"),
    [
        (ENTRIES, None, None),
        (ENTRIES[:1] + ENTRIES[2:], False, "no entry of the pure element: O"),
        ([*ENTRIES, {**ENTRIES[2], "entry_id": "d", "energy": 30.0}], False, "above 5"),
        ([*ENTRIES, ENTRIES[0]], False, "1 entries are there twice"),
        ([*ENTRIES, {**ENTRIES[0], "energy": -1.8}], True, "two entries a: Li at"),
        (
            [*ENTRIES, {**ENTRIES[0], "entry_id": "d", "parameters": {**VASP, "software": "GPAW"}}],
            True,
            "GPAW",
        ),
        ([*ENTRIES, {**ENTRIES[0], "entry_id": "d", "parameters": {"run_type": "GGA"}}], True, "d first"),
        ([*ENTRIES, {"composition": "Li", "energy": None}], True, "no energy"),
    ],
)
def test_what_a_check_finds(entries, error, text, tmp_path, added):
    path = written(tmp_path / "other.json", entries)
    sha256 = (
        find_set(str(path)).model_copy(update={"card": None}).entries()[1]
        if text != "no energy"
        else "0" * 64
    )
    write_card(card_path(path), added.card.evolve(sha256=sha256, name="other"))
    findings = check_set(find_set(str(path)))
    if text is None:
        assert findings == []
    else:
        assert [(f.error, text in f.text) for f in findings] == [(error, True)]


def test_a_complete_set_may_lose_no_entry(tmp_path):
    odd = {"composition": "FeO", "energy": -12.0, "entry_id": "d"}
    odd["parameters"] = {
        "run_type": "GGA+U",
        "hubbards": {"Fe": 9.9},
        "potcar_symbols": ["PBE Fe_pv", "PBE O"],
    }
    path = written(tmp_path / "e.json", [*ENTRIES, odd])
    with pytest.raises(InputError, match="reject 1 of 4 entries"):
        add_set(path, {**FACTS, "complete": True})
    _, notes = add_set(path, FACTS)
    assert any("leave out 1 of 4 entries" in note.text for note in notes)


def test_only_entries_within_the_elements_are_corrected(tmp_path, monkeypatch):
    iron = {"composition": {"Fe": 1}, "energy": -8.3, "entry_id": "d", "parameters": VASP}
    path = written(tmp_path / "e.json", [*ENTRIES, iron])
    seen = []

    def spy(entries, corrections):
        seen.extend(e.entry_id for e in entries)
        return list(entries)

    monkeypatch.setattr("matsearch.hull.sources.correct", spy)
    load_reference(ReferenceSection(source=str(path), corrections="mp2020"), ("Li", "O"))
    assert seen == ["a", "b", "c"]


def test_a_stored_correction_belongs_to_the_energy_until_it_is_replaced(tmp_path):
    stored = [{**entry, "correction": -3.0} for entry in ENTRIES]
    source = str(written(tmp_path / "e.json", stored))
    as_stored = load_reference(ReferenceSection(source=source, scheme=MP_GGA), ("Li", "O"))
    assert as_stored.phases("Li2O")[0].energy_per_atom == pytest.approx((-14.3 - 3.0) / 3)
    replaced = load_reference(ReferenceSection(source=source, corrections="mp2020"), ("Li", "O"))
    # MP2020: -0.687 eV for each oxygen of an oxide
    assert replaced.phases("Li2O")[0].energy_per_atom == pytest.approx((-14.3 - 0.687) / 3)


def test_the_built_in_sets_are_sound():
    for name in ("embedded", "toy"):
        assert not [f for f in check_set(find_set(name)) if f.error]
        assert reference_files(name) == ()


def test_the_files_of_a_set_are_entries_and_card(added, tmp_path):
    assert reference_files("mine") == (added.path, card_path(added.path))
    assert reference_files(str(tmp_path / "e.json")) == (tmp_path / "e.json",)


def test_the_page_has_all_schemes():
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    stated = {row[0].strip("`"): row[1:] for row in rows if row[0].strip("`") in schemes()}
    expected = {
        s.scheme_id: [
            s.software,
            s.functional,
            s.corrections,
            ", ".join(f"`{hull}` ({route})" for hull, route in sorted(s.routes.items())) or "-",
        ]
        for s in schemes().values()
    }
    assert stated == expected
