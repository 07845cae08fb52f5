import json
import re
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
import yaml
from pymatgen.core import Composition, Lattice, Structure

from matsearch.cli.console import print_result
from matsearch.cli.report import campaign_report, funnel_steps, report_campaign
from matsearch.core.campaign import CampaignState, GenerationSummary
from matsearch.core.config import ReferenceSection, parse_config
from matsearch.core.errors import InputError
from matsearch.core.records import KnownMatch, Lineage, NearestKnown, PropertyValue
from matsearch.core.thresholds import FAR_GEOMETRY_FLAG
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.writing import write_whole
from matsearch.export.report.campaign import RankedCrystal
from matsearch.export.report.crystals import drawn_cell, element_colours, with_boundary
from matsearch.export.report.diagram import hull_diagram
from matsearch.export.report.diagram_figure import BELOW, edge_words, hull_figure
from matsearch.export.report.elements import elements_figure
from matsearch.export.report.folder import crystal_name, write_report
from matsearch.export.report.numbers import ElementShares, HullPoint, Line
from matsearch.export.report.page import breakable_label, formula_markup, nearest_words, spacegroup_markup
from matsearch.hull.sources import load_reference
from matsearch.pipeline.result import SearchResult
from matsearch.store import open_repository
from matsearch.testing.samples import (
    sample_campaign,
    sample_candidate,
    sample_placement,
    sample_relaxation,
    sample_structure,
)

HOSTILE = "<script>alert('x')</script>"
ELEMENTS = ("Al", "C", "Ti")
WHEN = "2026-01-02T00:00:00+00:00"
VOID = {"meta", "img", "br", "link", "input", "hr", "wbr"}


class Page(HTMLParser):
    """Checks that every element is closed in order, and keeps what tests ask for."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words, self.ids, self.links = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def record(n_generations=3, elements=ELEMENTS, **changes):
    config = parse_config(
        {
            "name": "hand-made",
            "description": HOSTILE,
            "system": {"elements": list(elements), "max_atoms": 8},
            "potential": {"name": "toy"},
            "reference": {"source": "toy"},
            "population": {"proposals": 4, "parents": 2},
            "budget": {"generations": n_generations},
        }
    )
    counts = {"asked": 4, "proposed": 4, "relaxed": 3, "scored": 3}
    history = tuple(GenerationSummary(generation=g, restarted=g == 1, **counts) for g in range(n_generations))
    hull = load_reference(ReferenceSection(source="toy"), tuple(sorted(elements))).info.document()
    provenance = {
        "python": "3.11",
        "platform": HOSTILE,
        "packages": {"matsearch": "0.1.0", "chgnet": None},
        "potential": {"name": "toy", "version": "1", "sha256": "1" * 64, "scheme_id": "toy", "gives": []},
        "opinions": [],
        "hull": {**hull, **changes.pop("hull", {})},
        "seeds": "2" * 64,
    }
    state = CampaignState(campaign_id="hand-made-0", generation=n_generations, history=history)
    return sample_campaign(
        "hand-made-0",
        name="hand-made",
        config=config.model_dump(mode="json"),
        provenance=provenance,
        state=state,
        **changes,
    )


def carbide(first="Ti", length=4.33):
    return sample_structure(first, "C", length)


def scored(slot, generation, energy, first="Ti", **fields):
    structure = carbide(first)
    parents = fields.pop("parents", ("known:TiC-225",))
    details = {"note": HOSTILE, "angle": 0.25}
    lineage = Lineage(operator="strain", parent_ids=parents, roots=(HOSTILE,), details=details)
    defaults = {
        "structure": structure,
        "structure_key": f"key-{generation}-{slot}",
        "lineage": lineage,
        "relaxation": sample_relaxation(structure),
        "placement": sample_placement(energy),
        "spacegroup": "Fm-3m",
    }
    return sample_candidate(slot, generation, "hand-made-0", **{**defaults, **fields})


def candidates():
    failed = Verdict(kind=FailureKind.BAD_VOLUME, stage="parse", detail=HOSTILE)
    first = scored(0, 0, 0.25)
    return [
        first,
        scored(1, 0, 0.05, "Al", match=KnownMatch(kind="structure", known_id=HOSTILE)),
        sample_candidate(2, 0, "hand-made-0", verdict=failed, structure=carbide()),
        scored(
            0,
            1,
            0.02,
            parents=(first.candidate_id,),
            prototype="AB_cF8_225_a_b",
            charge_balance="not applicable",
            nearest_known=NearestKnown(known_id="NaCl-225", formula="NaCl", distance=0.0, isotypic=True),
            properties={"bulk_modulus": PropertyValue(value=251.3, unit="GPa", source=HOSTILE)},
        ),
        scored(1, 1, 0.02, duplicate_of="another"),
        scored(0, 2, -0.3, flags=(FAR_GEOMETRY_FLAG,)),
    ]


def report_of(crystals, n=20, **changes):
    return campaign_report(SearchResult(record(**changes), tuple(crystals)), n, WHEN)


@pytest.fixture(scope="module")
def report():
    return report_of(candidates())


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("report")
    write_report(report, path)
    return path


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_counts_with_their_denominators(report, page):
    steps = {step.name: step for step in report.funnel}
    assert (steps["asked"].count, steps["asked"].of) == (12, None)
    assert (steps["parsed"].count, steps["parsed"].total) == (6, 12)
    assert (steps["distinct"].count, steps["metastable"].count) == (4, 2)
    assert (steps["metastable"].of, steps["metastable"].share) == ("distinct", 0.5)
    assert steps["flagged"].count == 1
    assert "stable" not in steps, "the toy hull is not complete"
    assert "metastable 2 4 distinct 50%" in page.text
    assert "parse bad volume 1" in page.text


def test_every_count_of_the_funnel_is_shown(report):
    funnel = SearchResult(report.record, tuple(candidates())).funnel
    assert [step.count for step in funnel_steps(funnel, "stable")] == list(funnel.document().values())


def test_restarts_are_marked(report, page):
    assert [g.restarted for g in report.generations] == [False, True, False]
    assert page.text.count("restart from seeds") == 1
    (chart,) = [tag for _, tag in page.tags if "Best and median" in tag.get("alt", "")]
    assert "restarts: 1" in chart["alt"]


def test_the_hull_is_named_with_every_figure_against_it(report, page):
    assert page.text.count(report.hull_sentence) >= 8
    assert "not a stability claim" in report.hull_sentence
    charts = [tag["alt"] for _, tag in page.tags if tag.get("class") == "chart"]
    assert len(charts) == 6
    assert sum(report.hull_sentence in words for words in charts) == 4, "not the elements and their drift"


def test_the_caption_of_a_figure_does_not_repeat_what_is_written_in_it(report, html):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html, re.DOTALL)
    assert len(captions) == 6
    assert not any(report.hull_sentence in caption for caption in captions)


def test_the_table_says_what_is_known_of_each_crystal(page):
    assert "The best 4 of 4 distinct scored crystals" in page.text
    for words in (
        "NaCl (NaCl-225), isotypic",
        "AB_ cF8_ 225_ a_ b",
        "not applicable",
        "far from known geometry",
    ):
        assert words in page.text
    assert f"rediscovered: {HOSTILE}" in page.text
    assert "bulk modulus 251.3 GPa" in page.text
    assert "1.000 NaCl (sample-1)" in page.text, "what it decomposes into"
    assert page.text.count("Cell of 8 atoms (conventional") == 4
    ranks = [tag["id"] for name, tag in page.tags if name == "article"]
    assert ranks == ["crystal-1", "crystal-2", "crystal-3", "crystal-4"]


def test_everything_is_escaped(html, page):
    assert "<script" not in html.lower()
    assert page.text.count(HOSTILE) >= 10
    assert "script" not in {tag for tag, _ in page.tags}


def test_nothing_outside_the_page_is_needed(html, page):
    sources = [
        value for _, tag in page.tags for name, value in tag.items() if name in {"src", "srcset", "data"}
    ]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert not re.search(r"url\(|@import|https?:", re.sub(r"data:image/png[^\"]*", "", html))
    assert {"link", "iframe", "object", "embed"}.isdisjoint(tag for tag, _ in page.tags)
    assert "default-src 'none'" in html


def test_the_page_is_well_made(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(tag.get("alt") for name, tag in page.tags if name == "img")
    assert len(page.ids) == len(set(page.ids))
    assert dict(page.tags)["html"] == {"lang": "en"}


def test_no_number_that_is_none(page, folder):
    assert not re.search(r"\b(nan|NaN|inf|None|Undefined)\b", page.text)
    document = json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)
    assert document["written_at"] == WHEN
    assert [c["rank"] for c in document["crystals"]] == [1, 2, 3, 4]
    assert document["generations"][1]["restarted"] is True
    assert document["crystals"][0]["line"]["ancestors"][0]["operator"] == "strain"


def test_the_search_can_be_run_again(folder, report):
    config = yaml.safe_load((folder / "search.yaml").read_text())
    assert parse_config(config) == parse_config(report.record.config)
    page = (folder / "report.html").read_text()
    assert "With matsearch 0.1.0 installed:" in page
    assert "matsearch run search.yaml" in page
    assert "pip install" not in page


def test_the_same_input_gives_the_same_bytes(report, folder, tmp_path):
    names = write_report(report, tmp_path / "again")
    assert names[0] == "report.html"
    assert sorted(names) == sorted(path.name for path in folder.iterdir())
    assert all((tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes() for name in names)


def opened_picture(content):
    from PIL import Image

    return np.asarray(Image.open(BytesIO(content)).convert("RGB"))


def test_every_figure_shows_something(folder):
    names = {path.name for path in folder.glob("*.png")}
    charts = {"funnel.png", "generations.png", "operators.png", "elements.png", "drift.png", "hull.png"}
    assert {name for name in names if not name.startswith("crystal-")} == charts
    assert len([name for name in names if name.startswith("crystal-")]) == 4
    for name in names:
        drawn = opened_picture((folder / name).read_bytes())
        assert drawn.shape[0] > 200, name
        assert 0.005 < (drawn < 250).any(axis=2).mean() < 0.9, name
        edge = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
        assert (edge > 250).all() or name.startswith("crystal-"), f"{name} is cut off"


@pytest.mark.parametrize(
    ("crystals", "words"),
    [
        ([], "No generation was begun: there are no candidates yet."),
        ([sample_candidate(0, 0, "hand-made-0")], "No crystal was scored: no candidate reached the hull."),
        (
            [
                sample_candidate(
                    0,
                    0,
                    "hand-made-0",
                    structure=None,
                    verdict=Verdict(kind=FailureKind.NO_REPLY, stage="propose", detail="nothing"),
                )
            ],
            "No candidate has a structure.",
        ),
    ],
)
def test_a_campaign_with_nothing_to_show_says_so(crystals, words, tmp_path):
    write_report(report_of(crystals, n_generations=1), tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert words in page.text
    assert "No crystal was scored." in page.text
    assert all(tag["alt"] for name, tag in page.tags if name == "img")


@pytest.mark.parametrize("elements", [("Ti",), ("Al", "C", "O", "Ti")])
def test_without_a_diagram_for_so_many_elements(elements):
    report = report_of([], elements=ELEMENTS, hull={"elements": list(elements)})
    assert report.diagram is None
    assert report.diagram_note.endswith(f"this search has {len(elements)}.")


def test_another_hull_than_the_campaigns_is_not_drawn():
    report = report_of([], hull={"sha256": "0" * 64})
    assert report.diagram is None
    assert "another one now than in the search (sha256)" in report.diagram_note


def test_a_hull_that_cannot_be_read_is_not_drawn(tmp_path):
    asked = record()
    config = {**asked.config, "reference": {"source": str(tmp_path / "gone.json")}}
    report = campaign_report(SearchResult(asked.evolve(config=config), ()), 5, WHEN)
    assert report.diagram is None
    assert "cannot be read now" in report.diagram_note


@pytest.mark.parametrize("elements", [("Al", "Ti"), ELEMENTS])
def test_the_diagram_is_the_hulls(elements):
    hull = load_reference(ReferenceSection(source="toy"), elements)
    diagram = hull_diagram(elements, hull.phases(), [])
    compositions = [Composition(phase.formula).reduced_formula for phase in diagram.phases]
    assert sorted(compositions) == sorted({Composition(p.formula).reduced_formula for p in hull.phases()})
    assert {p.phase_id for p in diagram.phases if p.on_hull} == hull.stable_ids
    for one, other in diagram.tie_lines:
        assert diagram.phases[one].on_hull
        assert diagram.phases[other].on_hull
    for phase in diagram.phases:
        (known,) = [p for p in hull.phases() if p.phase_id == phase.phase_id]
        elemental = sum(
            x * hull.element_energies[symbol] for x, symbol in zip(phase.fractions, elements, strict=True)
        )
        assert phase.formation_energy_per_atom == pytest.approx(known.energy_per_atom - elemental, abs=1e-8)


def test_phases_of_positive_formation_energy_are_in_the_diagram():
    elements = ("Al", "Ti")
    hull = load_reference(ReferenceSection(source="toy"), elements)
    lowest = sum(hull.element_energies.values()) / 2
    odd = [
        hull.phases()[0].evolve(phase_id=f"odd-{i}", formula=formula, energy_per_atom=lowest + above)
        for i, (formula, above) in enumerate([("Al7Ti6", 3.0), ("Al14Ti12", 2.0)])
    ]
    diagram = hull_diagram(elements, [*hull.phases(), *odd], [])
    (shown,) = [phase for phase in diagram.phases if phase.formula == "Ti6Al7"]
    assert (shown.phase_id, shown.on_hull) == ("odd-1", False), "of each composition the lowest"
    assert shown.formation_energy_per_atom > 1
    assert {p.phase_id for p in diagram.phases if p.on_hull} == hull.stable_ids
    assert edge_words(diagram) == "1 reference phase above 0.5 eV/atom is drawn at the edge. "


def coloured(picture, colour):
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(opened_picture(picture).astype(int) - wanted).max(axis=2) < 12).sum())


@pytest.mark.parametrize("elements", [("Al", "Ti"), ELEMENTS])
def test_what_is_below_the_hull_is_seen_as_such(elements):
    hull = load_reference(ReferenceSection(source="toy"), elements)

    def picture(energy):
        point = HullPoint(
            candidate_id="a",
            formula="Al2Ti3",
            fractions=(0.4, 0.6, 0.0)[: len(elements)],
            formation_energy_per_atom=-0.1,
            energy_above_hull=energy,
        )
        return hull_figure(hull_diagram(elements, hull.phases(), []).evolve(points=(point,)), "")

    ordinary, below = coloured(picture(0.05), BELOW), coloured(picture(-0.05), BELOW)
    assert below > ordinary + 300, "the crystal and its entry in the legend, beside the end of the colour bar"
    assert coloured(picture(-8e-7), BELOW) == ordinary, "what is written as 0.000 is on the hull"


def test_the_edge_of_a_binary_diagram_says_what_it_holds():
    hull = load_reference(ReferenceSection(source="toy"), ("Al", "Ti"))
    points = tuple(
        HullPoint(
            candidate_id=str(i),
            formula="AlTi",
            fractions=(0.5, 0.5),
            formation_energy_per_atom=energy,
            energy_above_hull=energy,
        )
        for i, energy in enumerate([0.1, 0.6, 2.0])
    )
    diagram = hull_diagram(("Al", "Ti"), hull.phases(), [])
    assert edge_words(diagram) == ""
    assert edge_words(diagram.evolve(points=points)) == (
        "2 crystals above 0.5 eV/atom are drawn at the edge. "
    )
    assert hull_figure(diagram.evolve(points=points), "").startswith(b"\x89PNG")


def test_points_of_the_diagram_leave_out_what_is_not_believed(report):
    assert [p.energy_above_hull for p in report.diagram.points] == [0.25, 0.05, 0.02], "best on top"


def test_many_elements_become_a_heat_map():
    symbols = ("Al", "C", "Fe", "H", "Li", "Mg", "N", "O", "Ti")
    shares = [
        ElementShares(generation=g, proposed=dict.fromkeys(symbols, 1 / 9), parents={}) for g in range(3)
    ]
    drawn = opened_picture(elements_figure(shares))
    # viridis at its upper end, where all shares are the same and so the highest
    assert (np.abs(drawn.astype(int) - [253, 231, 37]).max(axis=2) < 12).mean() > 0.15


def test_a_perovskite_is_drawn_as_one():
    cubic = Structure(
        Lattice.cubic(3.9),
        ["Sr", "Ti", "O", "O", "O"],
        [[0.5, 0.5, 0.5], [0, 0, 0.999], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
    )
    symbols = with_boundary(cubic).get_chemical_symbols()
    assert {s: symbols.count(s) for s in set(symbols)} == {"Sr": 1, "Ti": 8, "O": 12}
    assert element_colours(cubic) == {"O": "#ff0d0d", "Sr": "#00ff00", "Ti": "#bfc2c7"}


def test_the_conventional_cell_is_drawn():
    assert len(drawn_cell(carbide())) == 8
    coincident = Structure(Lattice.cubic(4), ["Ti", "Ti"], [[0, 0, 0], [0, 0, 0]])
    assert drawn_cell(coincident) == coincident, "as it is where there is no symmetry to find"


def test_the_axes_drawn_are_those_of_the_space_group():
    lattice = Lattice.orthorhombic(4.91, 5.09, 3.11)
    crystal = Structure.from_spacegroup("Pnnm", lattice, ["C", "Ti"], [[0, 0, 0], [0.28, 0.34, 0]])
    assert sorted(drawn_cell(crystal).lattice.abc[:2]) == pytest.approx([4.91, 5.09])
    assert drawn_cell(crystal).lattice.c == pytest.approx(3.11), "normal to the mirror of Pnnm"


def test_names_of_drawings():
    assert crystal_name(7, 20, "Ca(BO2)2") == "crystal-007-CaB2O4.png"
    assert crystal_name(7, 12000, "TiC") == "crystal-00007-TiC.png"


@pytest.mark.parametrize(
    ("formula", "distance", "isotypic", "words"),
    [
        ("NaCl", 0.0, True, "isotypic"),
        ("ZnS", 0.01234, False, "distance 0.012"),
        ("CaF2", 0.2, False, "another composition, distance 0.200"),
    ],
)
def test_the_nearest_known_crystal_in_words(formula, distance, isotypic, words):
    nearest = NearestKnown(known_id="it", formula=formula, distance=distance, isotypic=isotypic)
    crystal = RankedCrystal(
        {}, scored(0, 0, 0.1, nearest_known=nearest), Line(ancestors=(), left_out=0, roots=())
    )
    assert nearest_words(crystal) == f"{formula} (it), {words}"


def test_zero_has_no_minus(tmp_path, capsys):
    result = SearchResult(record(), (scored(0, 0, -8e-7),))
    write_report(campaign_report(result, 1, WHEN), tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "+0.000" in page.text
    assert "-0.000" not in page.text
    assert not any("-0.000" in tag.get("alt", "") for _, tag in page.tags)
    print_result(result, 1)
    said = capsys.readouterr().out
    assert "+0.000" in said
    assert "-0.000" not in said
    assert "below reference hull" in said


def test_formulas_and_space_groups():
    assert str(breakable_label("AB_c<8")) == "AB_<wbr>c&lt;8"
    assert str(formula_markup("Ti3AlC2")) == "Ti<sub>3</sub>AlC<sub>2</sub>"
    assert str(formula_markup("<b>2")) == "&lt;b&gt;<sub>2</sub>"
    assert str(spacegroup_markup("P6_3/mmc")) == "P6<sub>3</sub>/mmc"
    assert str(spacegroup_markup("Fm-3m")) == 'Fm<span class="bar">3</span>m'
    assert str(spacegroup_markup("<i>")) == "&lt;i&gt;"


def test_the_command_writes_what_the_store_holds(tmp_path, capsys):
    repository = open_repository(f"sqlite:///{tmp_path}/store.sqlite")
    repository.create_campaign(record())
    repository.put_candidates(candidates()[:2])
    repository.close()
    report_campaign("hand", tmp_path / "to", 1, f"sqlite:///{tmp_path}/store.sqlite", as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["folder"] == str(tmp_path / "to")
    assert sorted(said["files"]) == sorted(path.name for path in (tmp_path / "to").iterdir())
    document = json.loads((tmp_path / "to" / "report.json").read_text())
    assert [c["formula"] for c in document["crystals"]] == ["AlC"], "the best one"


def test_figures_of_an_earlier_report_are_removed(report, tmp_path):
    write_report(report, tmp_path)
    (tmp_path / "crystal-005-Ca(BO2)2.png").write_bytes(b"old")
    (tmp_path / "crystal-mine.png").write_bytes(b"not ours")
    names = write_report(report_of(candidates()[:1]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names, "crystal-mine.png"}
    assert len([name for name in names if name.startswith("crystal-")]) == 1


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch):
    write_whole(tmp_path / "page", b"old")

    def killed(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("matsearch.core.writing.os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "page", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_report_is_written_whole(report, tmp_path, monkeypatch):
    def killed(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("matsearch.core.writing.os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        write_report(report, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        write_report(report, tmp_path / "file")
