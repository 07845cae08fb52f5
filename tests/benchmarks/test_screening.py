"""The screening benchmark's own arithmetic: what it chooses, keeps, resumes and counts."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure

from matsearch.core.errors import InputError, MatsearchError
from matsearch.testing.samples import sample_structure

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS / "screening"))

import process
import report
from arms import ONE_THREAD, Arm, chosen
from crystals import DISPLACEMENT, MAX_STRAIN, benchmark_crystals, shake
from figures import decided_by_one, energy_differences, figures, verdicts
from journal import Journal, read_journal
from sources import Crystal, parse_reply

DEFAULT = "chgnet, default threads"


def loaded(folder, name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / folder / "run.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


screening = loaded("screening", "screening_run")


def ended(name, energy=-1.0, verdict=None, steps=9, n_atoms=2, seconds=None):
    facts = {"energy_per_atom": energy, "verdict": verdict, "steps": steps, "detail": ""}
    return {"id": name, "n_atoms": n_atoms, "seconds": seconds, **facts}


def line(chunk, arm, wall_s, *results, cpu_s=1.0):
    times = {"start_s": 1.0, "wall_s": wall_s, "cpu_s": cpu_s, "other_cpu_s": 0.0}
    return {"chunk": chunk, "arm": arm, "settings": {}, "results": list(results), **times}


def placed(*names, hull=-1.05):
    return {name: {"formula": name.upper(), "hull_energy_per_atom": hull} for name in names}


def crystal(name="a"):
    facts = {"formula": "NaCl", "hull_energy_per_atom": -3.0, "source": "file"}
    return Crystal(id=name, structure=sample_structure(), **facts)


# what is chosen


@given(seed=st.integers(0, 2**32))
def test_shaken_crystals_keep_to_the_stated_bounds(seed):
    structure = sample_structure()
    moved = shake(structure, np.random.default_rng(seed))
    strain = np.linalg.inv(structure.lattice.matrix) @ moved.lattice.matrix - np.eye(3)
    assert np.allclose(strain, strain.T, atol=1e-10)
    assert np.abs(strain).max() <= MAX_STRAIN
    lengths = np.linalg.norm((moved.frac_coords - structure.frac_coords) @ moved.lattice.matrix, axis=1)
    assert np.ptp(lengths) < 1e-9
    assert DISPLACEMENT[0] - 1e-9 <= lengths[0] <= DISPLACEMENT[1] + 1e-9


def test_replies_are_found_within_prose_and_bad_crystals_are_left_out():
    good = sample_structure().to(fmt="poscar")
    text = json.dumps({"0": {"poscar": good}, "1": {"poscar": "nothing"}, "2": {"formula": "NaCl"}})
    found = list(parse_reply(f"Here it is:\n```json\n{text}\n```\n"))
    assert [key for key, _ in found] == ["0"]
    assert found[0][1].composition.reduced_formula == "NaCl"
    assert list(parse_reply("I cannot do that.")) == []


@pytest.fixture
def replies(tmp_path):
    iron = Structure([[2.48, 0, 0], [0, 2.48, 0], [0, 0, 2.48]], ["Fe"], [[0, 0, 0]])
    poscars = {"0": {"poscar": iron.to(fmt="poscar")}, "1": {"poscar": sample_structure().to(fmt="poscar")}}
    (tmp_path / "00.reply.txt").write_text(json.dumps(poscars))
    return tmp_path


def test_half_of_the_crystals_lie_near_their_hull(test_data, replies):
    crystals = benchmark_crystals(test_data, replies, 20, seed=3)
    again = benchmark_crystals(test_data, replies, 20, seed=3)
    assert [c.document() for c in crystals] == [c.document() for c in again]
    sources = [c.source for c in crystals]
    assert {s: sources.count(s) for s in sources} == {"near the hull": 10, "file": 8, "reply": 2}
    near = [c.formula for c in crystals if c.source == "near the hull"]
    assert len(set(near)) == len(near)
    hulls = {c.formula: c.hull_energy_per_atom for c in crystals if c.source == "reply"}
    assert hulls["NaCl"] is None
    assert hulls["Fe"] == pytest.approx(-8.47, abs=0.05)  # the stable iron of the entries


def test_too_many_crystals_are_refused(test_data, replies):
    with pytest.raises(InputError, match="ask for fewer"):
        benchmark_crystals(test_data, replies, 800, seed=0)


# what is kept


def test_a_journal_goes_on_after_a_crash(tmp_path):
    path = tmp_path / "out" / "journal.jsonl"
    path.parent.mkdir()
    Journal(path, {"n": 2}).append(line(0, "a", 1.0))
    with path.open("a") as file:
        file.write('{"chunk": 1, "ar')
    journal = Journal(path, {"n": 2})
    assert [(x["chunk"], x["arm"]) for x in journal.lines] == [(0, "a")]
    journal.append(line(1, "a", 2.0))
    assert [x["wall_s"] for x in read_journal(path)[1:]] == [1.0, 2.0]
    assert Journal(path, {"n": 2}).find(1, "a")["wall_s"] == 2.0


def test_a_journal_of_another_measurement_is_refused_untouched(tmp_path):
    path = tmp_path / "journal.jsonl"
    Journal(path, {"n": 2, "code": "x"}).append(line(0, "a", 1.0))
    before = path.read_bytes()
    with pytest.raises(InputError, match="another code"):
        Journal(path, {"n": 2, "code": "y"})
    assert path.read_bytes() == before


def test_a_damaged_journal_is_refused(tmp_path):
    path = tmp_path / "journal.jsonl"
    Journal(path, {"n": 2}).append(line(0, "a", 1.0))
    path.write_text(path.read_text().replace('"chunk"', "chunk"))
    with pytest.raises(InputError, match="damaged"):
        Journal(path, {"n": 2})


# what is resumed


@pytest.fixture
def run_arm(monkeypatch):
    """A run that takes no time and says that it took ten seconds."""
    done = []

    def run(arm, crystals, fmax):
        done.append((crystals[0].id, arm.name))
        fields = line(0, arm.name, 10.0, *(ended(c.id) for c in crystals))
        return {key: fields[key] for key in ("start_s", "wall_s", "cpu_s", "other_cpu_s", "results")}

    monkeypatch.setattr(screening, "run_arm", run)
    return done


ARMS = [Arm("a", "matsearch"), Arm("b", "matsearch")]
CHUNKS = [[crystal("x")], [crystal("y")], [crystal("z")]]


def test_only_what_is_missing_is_run_and_the_arms_take_turns(tmp_path, run_arm):
    journal = Journal(tmp_path / "journal.jsonl", {})
    screening.measure(ARMS, CHUNKS, journal, 0.1, 1000.0)
    assert run_arm == [("x", "a"), ("x", "b"), ("y", "b"), ("y", "a"), ("z", "a"), ("z", "b")]
    run_arm.clear()
    third = Arm("c", "matsearch")
    screening.measure([*ARMS, third], CHUNKS, Journal(tmp_path / "journal.jsonl", {}), 0.1, 1000.0)
    assert run_arm == [("x", "c"), ("y", "c"), ("z", "c")]


def test_a_run_stops_before_its_budget(tmp_path, run_arm):
    journal = Journal(tmp_path / "journal.jsonl", {})
    # 1 + 10 s are said to have been taken, which is all that is known of what the next would take
    screening.measure(ARMS, CHUNKS, journal, 0.1, 5.0)
    assert run_arm == [("x", "a")]


def test_a_changed_arm_of_the_same_name_is_refused(tmp_path, run_arm):
    journal = Journal(tmp_path / "journal.jsonl", {})
    screening.measure(ARMS, CHUNKS, journal, 0.1, 1000.0)
    other = Arm("a", "matsearch", relax={"optimizer": "fire"})
    with pytest.raises(InputError, match="other settings"):
        screening.measure([other], CHUNKS, journal, 0.1, 1000.0)


def test_an_unknown_arm_is_named():
    with pytest.raises(InputError, match="no arm is called 'fast'"):
        chosen(["fast"])


DYING = """
import json, sys
task = json.loads(sys.stdin.readline())
print(json.dumps({"ready": True}), flush=True)
sys.stdin.readline()
for name, _, _ in task["crystals"]:
    if name == "bad":
        sys.exit("out of luck")
    result = {"id": name, "seconds": 1.0, "n_atoms": 2, "verdict": None, "energy_per_atom": -1.0, "steps": 1}
    print(json.dumps(result), flush=True)
print(json.dumps({"done": True, "cpu_s": 1.0}), flush=True)
"""


@pytest.fixture
def dying_child(tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text(DYING)
    monkeypatch.setattr(process, "CHILD", tmp_path / "child.py")


def test_a_reference_that_dies_loses_one_crystal(dying_child):
    found = process.run_arm(Arm("r", "reference"), [crystal(n) for n in ("a", "bad", "c")], 0.1)
    assert [(r["id"], r["verdict"]) for r in found["results"]] == [
        ("a", None),
        ("bad", "process_died"),
        ("c", None),
    ]
    assert found["results"][1]["detail"] == "out of luck"
    assert found["cpu_s"] is None
    assert found["wall_s"] > 0


def test_matsearch_that_dies_is_an_error(dying_child):
    with pytest.raises(MatsearchError, match="no answer for bad: out of luck"):
        process.run_arm(Arm("m", "matsearch"), [crystal(n) for n in ("a", "bad", "c")], 0.1)


def test_threads_are_set_for_one_thread_and_left_alone_for_the_default(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("KMP_BLOCKTIME", "0")
    default = process._environment(Arm("d", "reference"))
    assert not {"OMP_NUM_THREADS", "KMP_BLOCKTIME", "MKL_NUM_THREADS"} & default.keys()
    assert process._environment(Arm("o", "reference", threads=1))["OMP_NUM_THREADS"] == "1"


# what is counted


def test_speed_is_that_over_the_better_reference_in_the_shared_chunks():
    a, b, c = ended("a"), ended("b"), ended("c", verdict="raised", energy=None, steps=None)
    lines = [
        line(0, DEFAULT, 40.0, a, b),
        line(1, DEFAULT, 60.0, c),
        line(0, ONE_THREAD, 20.0, a, b),
        line(1, ONE_THREAD, 40.0, c),
        line(0, "matsearch", 4.0, a, b),
        line(1, "matsearch", 6.0, ended("c")),
        line(2, "matsearch", 1000.0, ended("d")),
    ]
    rows = {row["arm"]: row for row in figures(lines, placed("a", "b", "c", "d"), cores=2)}
    ours = rows["matsearch"]
    assert ours["chunks"] == 2
    assert ours["crystals_per_core_s"] == pytest.approx(3 / 20)
    assert ours["times_faster"]["value"] == pytest.approx(6.0)  # 60 s of one thread over 10 s
    assert ours["times_faster"]["low"] >= 5.0 - 1e-9  # the two chunks: 5 and 6.67 times
    assert ours["times_faster"]["high"] <= 20 / 3 + 1e-9
    assert ours["times_faster_decided"]["value"] == pytest.approx((3 / 10) / (2 / 60))
    assert rows[DEFAULT]["times_faster"]["value"] == pytest.approx(0.6)
    assert rows[DEFAULT]["ended"] == {"raised": 1}


def test_there_is_no_ratio_to_references_that_decided_nothing():
    lines = [line(k, ONE_THREAD, 8.0, ended(f"{k}", None, "raised")) for k in (0, 1)]
    lines += [line(k, "matsearch", 2.0, ended(f"{k}")) for k in (0, 1)]
    ours = figures(lines, placed("0", "1"), cores=2)[-1]
    assert ours["times_faster"]["value"] == pytest.approx(4.0)
    assert ours["times_faster_decided"]["value"] is None


def test_the_limit_is_the_price_of_the_evaluations_alone():
    lines = [
        line(0, ONE_THREAD, 9.0, ended("a", steps=9), ended("b", steps=4, n_atoms=10)),
        line(0, "matsearch", 2.0, ended("a", steps=4), ended("b", steps=1, n_atoms=10), cpu_s=3.5),
        line(0, "evaluations", 1.0, ended("a", seconds=0.1), ended("b", seconds=0.5)),
    ]
    rows = {row["arm"]: row for row in figures(lines, placed("a", "b"), cores=2)}
    ours = rows["matsearch"]
    assert (ours["evaluations"], ours["steps_unknown"]) == (7, 0)
    assert ours["limit_s"] == pytest.approx((5 * 0.1 + 2 * 0.5) / 2)
    assert ours["limit_share"] == pytest.approx(0.75 / 2.0)
    assert ours["cpu_ms_per_evaluation"] == pytest.approx(500.0)
    assert ours["cpu_us_per_evaluation_and_atom"] == pytest.approx(3.5e6 / (5 * 2 + 2 * 10))


def test_flips_are_listed_both_ways_and_early_stops_are_verdicts():
    # the limit lies at -0.95: 0.1 eV/atom above the hull
    reference = {
        n: ended(n, e) for n, e in {"a": -0.96, "b": -0.94, "c": -0.99, "d": -0.5, "e": -0.99}.items()
    }
    ours = {
        "a": ended("a", -0.94),
        "b": ended("b", -0.96),
        "c": ended("c", None, "cannot_win"),
        "d": ended("d", None, "cannot_win"),
        "e": ended("e", None, "exploded"),
    }
    found = verdicts(ours, reference, placed(*"abcde"))
    assert (found["n"], found["agree"], found["n_all"], found["agree_all"]) == (4, 1, 5, 1)
    assert [(f["id"], f["metastable"]) for f in found["flips"]] == [("a", False), ("b", True), ("c", False)]
    assert found["flips"][0]["energy_above_hull"] == pytest.approx(0.11)
    assert found["flips"][2]["ended"] == "cannot_win"
    assert [x["id"] for x in decided_by_one(ours, reference, placed(*"abcde"))] == ["e"]


def test_an_unconverged_reference_is_flagged_with_its_energy_and_never_agrees_by_it():
    reference = {"a": ended("a", -1.0, "not_converged", steps=500)}
    ours = {"a": ended("a", -1.0)}
    found = verdicts(ours, reference, placed("a"))
    assert (found["n"], found["n_all"], found["agree_all"]) == (0, 1, 0)
    (only,) = decided_by_one(ours, reference, placed("a"))
    assert only["reference_ended"] == "not_converged"
    assert only["reference"] == pytest.approx(0.05)
    assert energy_differences(ours, reference) == {"n": 0}


def test_crystals_without_a_hull_have_no_verdict():
    found = verdicts({"a": ended("a", -1.0)}, {"a": ended("a", -0.5)}, placed("a", hull=None))
    assert (found["n"], found["n_all"]) == (0, 0)


def test_energy_differences_are_signed_where_it_matters():
    ours = {n: ended(n, e) for n, e in {"a": -1.02, "b": -1.0, "c": -0.96, "d": -1.003}.items()}
    found = energy_differences(ours, {n: ended(n, -1.0) for n in "abcd"})
    assert found["median"] == pytest.approx(0.0115)
    assert (found["max"], found["max_id"]) == (pytest.approx(0.04), "c")
    assert (found["lower"], found["higher"]) == (1, 1)


def test_the_report_says_how_much_is_done_and_what_flipped(tmp_path):
    names = ("a", "b")
    (tmp_path / "crystals.json").write_text(json.dumps([crystal(n).document() for n in names]))
    header = {"n": 2, "chunk": 1, "fmax": 0.1, "cores": 2, "packages": {"ase": "3"}}
    journal = Journal(tmp_path / "journal.jsonl", header)
    journal.append(line(0, ONE_THREAD, 8.0, ended("a", -2.91)))
    journal.append(line(0, "matsearch", 2.0, ended("a", -2.89)))
    journal.append(line(1, ONE_THREAD, 8.0, ended("b")))
    text = report.write_report(tmp_path)
    assert text.startswith("1 crystals done by all arms of 2 asked")
    assert "Flips of matsearch" in text
    assert "| a | NaCl | 110 | 90 |" in text
    document = json.loads((tmp_path / "report.json").read_text())
    assert {row["arm"] for row in document["arms"]} == {ONE_THREAD, "matsearch"}


# accuracy


@pytest.mark.parametrize(
    ("symbols", "name"),
    [
        (["Na", "Cl", "O"], "oxides"),
        (["Na", "Cl"], "halides"),
        (["Zn", "S"], "chalcogenides"),
        (["Ga", "As"], "pnictides"),
        (["Ti", "Al"], "intermetallics"),
        (["Ti", "C"], "others"),
    ],
)
def test_chemistry_is_named_by_the_anion_first(symbols, name):
    accuracy = loaded("accuracy", "accuracy_run")
    coords = [[i / len(symbols), 0, 0] for i in range(len(symbols))]
    assert accuracy.chemistry(Structure(np.eye(3) * 6, symbols, coords)) == name


def test_intervals_hold_the_value_and_narrow_with_data():
    accuracy = loaded("accuracy", "accuracy_run")
    values = np.random.default_rng(0).normal(0.0, 1.0, 400)
    few, many = (accuracy.with_interval(accuracy.STATISTICS["mae"], values[:n]) for n in (25, 400))
    assert few[1] < few[0] < few[2]
    assert many[2] - many[1] < 0.5 * (few[2] - few[1])
    groups = [values[:100], values[100:]]
    assert accuracy.pooled(groups, np.mean)[0] == pytest.approx(values.mean())
