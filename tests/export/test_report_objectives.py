"""What a report adds for several objectives, several proposers, limits and drift."""

import json
import re
from io import BytesIO

import numpy as np
import pytest
import yaml

from matsearch.cli.console import print_ranked
from matsearch.cli.report import campaign_report
from matsearch.core.calls import CallEntry
from matsearch.core.campaign import ArmCount, CampaignState, GenerationSummary
from matsearch.core.config import ReferenceSection, parse_config
from matsearch.core.records import Lineage, PropertyValue
from matsearch.export.report.arms import arms_figure
from matsearch.export.report.asked import (
    config_said,
    islands_words,
    objectives_words,
    portfolio_words,
    selection_words,
)
from matsearch.export.report.drift import drift_figure, drift_sentence
from matsearch.export.report.folder import write_report
from matsearch.export.report.front_numbers import FrontAxis, FrontLine, FrontPanel, FrontPoint, Fronts
from matsearch.export.report.fronts import fronts_figure, fronts_words
from matsearch.export.report.numbers import DriftNumbers, GenerationNumbers, Mix
from matsearch.export.report.style import COLOURS
from matsearch.hull.sources import load_reference
from matsearch.pipeline.result import SearchResult
from matsearch.testing.samples import sample_campaign, sample_candidate, sample_structure

HOSTILE = "<script>alert('x')</script>"
MODEL = {"model": HOSTILE, "crystals": 2, "prompts": {"csg": 3, "mutate": 1}}
ARMS = ("llm:csg", "operators")


def config(**sections):
    data = {
        "name": "hand-made",
        "system": {"elements": ["Al", "C", "Ti"], "max_atoms": 8},
        "potential": {"name": "toy"},
        "reference": {"source": "toy"},
        "population": {"proposals": 4, "parents": 2},
    }
    for name, section in sections.items():
        data[name] = {**data[name], **section} if isinstance(data.get(name), dict) else section
    return parse_config(data)


def coloured(picture, colour):
    from PIL import Image

    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    drawn = np.asarray(Image.open(BytesIO(picture)).convert("RGB")).astype(int)
    return int((np.abs(drawn - wanted).max(axis=2) < 12).sum())


# --- the words of what was asked


@pytest.mark.parametrize(
    ("objectives", "scheme", "words"),
    [
        ([{}], "best", "minimize energy above hull"),
        (
            [{}, {"name": "density", "direction": "maximize", "at_least": 3}],
            "best",
            "minimize energy above hull, then maximize density, at least 3 g/cm³",
        ),
        (
            [{"at_most": 0.1}, {"name": "density", "direction": "target", "target": [2, 4.5]}],
            "pareto",
            "minimize energy above hull, at most 0.1 eV/atom; aim at density 2 to 4.5 g/cm³",
        ),
        (
            [{"weight": 0.7}, {"name": "density", "direction": "maximize", "weight": 0.3}],
            "weighted",
            "minimize energy above hull, weight 0.7; maximize density, weight 0.3",
        ),
    ],
)
def test_objectives_in_words(objectives, scheme, words):
    assert objectives_words(config(objectives=objectives, selection={"scheme": scheme})) == words


def test_a_plain_search_has_nothing_more_to_say():
    plain = config()
    assert [words(plain) for words in (selection_words, islands_words, portfolio_words)] == ["", "", ""]


def test_selection_islands_and_portfolio_in_words():
    asked = config(
        selection={"niches": 0.5},
        population={"islands": 2, "migration": 1, "proposals": 40},
        propose={"llm": MODEL, "share": {"llm": 2, "operators": 2}, "bandit": {"floor": 0.1}},
    )
    assert selection_words(asked) == "50% of the parents are the best of a niche"
    assert (
        islands_words(asked) == "2 populations that breed apart; parents visit the next one every generation"
    )
    assert portfolio_words(asked) == (
        "llm:csg 38%, llm:mutate 12%, operators 50% at first; then by what each earns, at least 10% each"
    )


def test_operators_are_said_only_where_they_are_asked():
    alone = config(propose={"llm": {"model": "m"}})
    said = config_said(alone.model_dump(mode="json"), alone)
    assert "operators" not in said["propose"]
    assert parse_config(said).physics() == alone.physics(), "the same campaign"
    mixed = config(propose={"llm": {"model": "m"}, "share": {"llm": 1, "operators": 1}})
    for asked in (mixed, config()):
        assert config_said(asked.model_dump(mode="json"), asked)["propose"]["operators"]


# --- figures


def two_axes(**changes):
    stable = FrontAxis(
        name="energy_above_hull", label="energy above hull (eV/atom)", scale=(0.5, -0.1), direction="minimize"
    )
    dense = FrontAxis(name="density", label="$density$", scale=(0.0, 23.0), direction="maximize", **changes)
    points = [
        FrontPoint(candidate_id=str(i), formula="TiC", generation=i, values=values, front=front)
        for i, (values, front) in enumerate([((0.1, 4.0), 1), ((0.3, 5.0), 1), ((0.4, 3.0), None)])
    ]
    lines = (
        FrontLine(generation=0, points=((0.1, 4.0),)),
        FrontLine(generation=1, points=((0.1, 4.0), (0.3, 5.0))),
    )
    panel = FrontPanel(x=0, y=1, lines=lines)
    return Fronts(axes=(stable, dense), points=tuple(points), panels=(panel,), n_objectives=2)


def test_a_target_is_drawn_as_a_band():
    band = "#bfe7dc"  # the third colour at a quarter on white
    plain, aimed = (fronts_figure(two_axes(**c), {}, "") for c in ({}, {"target": (3.0, 4.0)}))
    assert coloured(aimed, band) > coloured(plain, band) + 5000


def test_a_constraint_is_shaded_where_it_is_in_sight():
    grey = "#ebebeb"
    plain, kept, far = (
        coloured(fronts_figure(two_axes(**c), {}, ""), grey)
        for c in ({}, {"at_least": 3.8}, {"at_least": -50.0})
    )
    assert kept > plain + 5000
    assert far == pytest.approx(plain, abs=300)


def test_the_hypervolume_is_a_panel_of_its_own():
    without, with_it = (fronts_figure(two_axes(), volumes, "") for volumes in ({}, {0: 0.1, 1: 0.2}))
    assert coloured(without, COLOURS[0]) == 0
    assert coloured(with_it, COLOURS[0]) > 500


def test_crystals_beyond_an_axis_are_counted():
    fronts = two_axes()
    assert "at its edge" not in fronts_words(fronts)
    far = fronts.points[0].evolve(values=(0.9, 4.0))
    assert fronts_words(fronts.evolve(points=(far, *fronts.points[1:]))).endswith(
        "1 crystal beyond the end of an axis is drawn at its edge."
    )
    assert "first 2 of 4 objectives" in fronts_words(fronts.evolve(n_objectives=4))


def mix(**shares):
    usual = {"crystals": 4, "precious": 0.0, "f_block": 0.0, "no_anion_former": 0.0, "formulas": 1.0}
    return Mix(**{**usual, **shares})


def drifting(*mixes):
    return [
        DriftNumbers(generation=g, proposed=each, parents=each if g else None, niches=2, niches_so_far=2 + g)
        for g, each in enumerate(mixes)
    ]


def test_drift_in_a_sentence():
    drift = drifting(mix(f_block=0.25), mix(f_block=0.65, precious=0.97, formulas=0.5))
    assert drift_sentence(drift) == (
        "Of the proposals of generation 0 and of generation 1, 0 and 97 percent hold precious metals, 25 and 65 percent "
        "hold f-block elements, 0 percent hold no anion former; distinct formulas per 100 crystals: 100 and 50. Niches "
        "occupied up to then: 2 and 3."
    )
    assert drift_sentence(drift[:1]).startswith("Of the proposals of generation 0, 0 percent hold precious")
    assert drift_sentence(drifting(None)) == ""


@pytest.mark.parametrize(
    ("shares", "is_drawn"), [((0.0, 0.0), False), ((1.0, 1.0), False), ((0.0, 1.0), True)]
)
def test_kinds_that_tell_nothing_apart_are_not_drawn(shares, is_drawn):
    drawn = drift_figure(drifting(*(mix(precious=share) for share in shares)))
    assert (coloured(drawn, COLOURS[4]) > 200) is is_drawn


def generation(number, *counts):
    return GenerationNumbers(
        generation=number,
        proposed=4,
        distinct=4,
        best_so_far=None,
        best=None,
        median=None,
        metastable=0,
        metastable_so_far=0,
        restarted=False,
        arms=tuple(ArmCount(arm=arm, asked=asked, hits=hits) for arm, asked, hits in counts),
    )


def test_the_area_of_an_arm_is_its_share():
    drawn = arms_figure(
        [generation(0, ("llm:csg", 1, 0), ("operators", 3, 1)), generation(1, ("operators", 4, 0))], ""
    )
    first, second = coloured(drawn, COLOURS[0]), coloured(drawn, COLOURS[1])
    assert second / first == pytest.approx(7, rel=0.25)


# --- the page


def entry(slot, prompt):
    return CallEntry(
        generation=0,
        slot=slot,
        key=f"{slot:064d}",
        created_at="2026-01-01T00:00:00+00:00",
        prompt_id=prompt,
        model=HOSTILE,
        paid=True,
        answered=True,
        kind=None,
        attempts=1,
        latency_s=0.1,
        input_tokens=1200,
        output_tokens=300,
        cost=0.002,
    )


def scored(slot, energy, density, proposer):
    lineage = Lineage(operator="csg", details={"prompt": "csg/1", "model": HOSTILE})
    return sample_candidate(
        slot,
        0,
        "hand-made-0",
        energy,
        proposer=proposer,
        lineage=lineage,
        structure=sample_structure("Ti", "C", 4.3),
        structure_key=f"key-{slot}",
        spacegroup="Fm-3m",
        properties={"density": PropertyValue(value=density, unit="g/cm^3", source="by hand")},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    asked = config(
        objectives=[{}, {"name": "density", "direction": "maximize"}],
        selection={"scheme": "pareto"},
        system={"n_elements": [2, 3]},
        propose={"llm": MODEL, "share": {"llm": 1, "operators": 1}},
        population={"proposals": 16},
    )
    counts = {"asked": 16, "proposed": 2, "relaxed": 2, "scored": 2}
    arms = tuple(ArmCount(arm=arm, asked=8, hits=1) for arm in ARMS)
    summary = GenerationSummary(generation=0, hypervolume=0.123456, arms=arms, **counts)
    prompts = {f"{name}/1": "3" * 64 for name in ("csg", "mutate")}
    record = sample_campaign(
        "hand-made-0",
        name="hand-made",
        config=asked.model_dump(mode="json"),
        provenance={
            "python": "3.11",
            "platform": "here",
            "packages": {"matsearch": "0.1.0"},
            "potential": {"name": "toy", "version": "1", "sha256": "1" * 64, "scheme_id": "toy"},
            "hull": load_reference(ReferenceSection(source="toy"), ("Al", "C", "Ti")).info.document(),
            "seeds": "2" * 64,
            "language_model": {"model": HOSTILE, "prompts": prompts},
        },
        state=CampaignState(campaign_id="hand-made-0", generation=1, history=(summary,)),
    )
    candidates = (scored(0, 0.05, 4.0, "llm"), scored(1, 0.02, 5.0, "operators"))
    report = campaign_report(SearchResult(record, candidates), 2, "2026-01-02", [entry(0, "csg/1")])
    path = tmp_path_factory.mktemp("report")
    write_report(report, path)
    return path


def test_the_page_shows_what_was_asked_and_what_it_came_to(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in (
        "2 to 3 elements.",
        "minimize energy above hull; maximize density",
        "pareto: fronts of all objectives and crowding",
        "llm:csg 38%, llm:mutate 12%, operators 50%",
        "prompt mutate/1",
        "Ordered by front, then by the first objective.",
        '<th scope="col" class="number">llm:csg</th><th scope="col" class="number">operators</th>',
        '<td class="number">1 of 8</td><td class="number">1 of 8</td>',
        "0.1235",
        "Of the proposals of generation 0,",
        "1,200",
    ):
        assert words in page, words
    assert "<script" not in page.lower()
    assert page.count('href="#fronts"') == page.count('id="fronts"') == 1
    assert page.count('href="#proposers"') == page.count('id="proposers"') == 1


def test_the_links_lead_to_the_sections_in_their_order(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="#(\w+)">', page.split("</nav>")[0])
    assert links == re.findall(r'<section id="(\w+)">', page)


def test_a_crystal_without_a_property_leaves_its_cell_empty(capsys):
    known, unknown = scored(0, 0.02, 4.0, "operators"), scored(1, 0.05, 5.0, "operators")
    plain = config(objectives=[{}, {"name": "density", "direction": "maximize"}]).model_dump(mode="json")
    candidates = (known, unknown.evolve(properties={}))
    result = SearchResult(sample_campaign("hand-made-0", config=plain), candidates)
    assert [row["density"] for row in result.rows()] == [4.0, None]
    print_ranked(result.rows())
    assert "density (g/cm^3)" in capsys.readouterr().out


def test_the_hull_is_named_where_it_is_measured_against(folder):
    alternatives = [
        line for line in (folder / "report.html").read_text().split('alt="') if 'class="chart"' in line
    ]
    named = [words.split('"')[0] for words in alternatives if "not a stability claim" in words.split('"')[0]]
    assert len(named) == 6, "funnel, generations, operators, arms, fronts, hull"


def test_the_numbers_are_in_the_document(folder):
    document = json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)
    assert document["generations"][0]["hypervolume"] == 0.123456
    assert [arm["arm"] for arm in document["generations"][0]["arms"]] == list(ARMS)
    assert [crystal["front"] for crystal in document["crystals"]] == [1, 2]
    assert [(line["proposer"], line["prompt"], line["calls"]) for line in document["credit"]] == [
        ("llm", "csg/1", 1),
        ("operators", None, 0),
    ]
    assert document["fronts"]["points"][0]["values"] == [0.05, 4.0]
    assert document["drift"][0]["proposed"]["no_anion_former"] == 1.0
    assert document["limits"][-1] == "2 to 3 elements."
    assert {"arms.png", "fronts.png", "drift.png"} <= {path.name for path in folder.glob("*.png")}
    assert "operators" in yaml.safe_load((folder / "search.yaml").read_text())["propose"]
