"""Verification in words: the rule, the settings, what was computed, and why energies of two codes never met."""

from collections.abc import Mapping, Sequence
from typing import Any

from matsearch.core.rounding import figures, rounded
from matsearch.core.text import counted
from matsearch.core.verification import NeededPhase, VerificationPlan
from matsearch.export.report.verification_numbers import SentCrystal, VerificationReport

_STANDINGS = ("confirmed", "indicative", "refuted", "failed", "pending")

_SAMPLES = {
    "best": "the most promising",
    "stratified": "at random from each stratum of energy above hull",
    "all": "everybody that has a place, however many, known phases, flagged ones and those far above the hull too",
}

APART = (
    "Total energies of different codes or functionals never meet. DFT's energy above hull counts phases that were computed "
    "with the same code and settings; the potential's counts the reference hull. Formation energies are each against their own "
    "elements: DFT's raw, the potential's on the scale of the reference hull with the corrections of that scale."
)
"""Goes with every number of DFT."""

PARITY_NOTE = (
    "Both hulls hold the same facet unless DFT decomposes a crystal into other phases. Where a phase could not be computed DFT's "
    "energy above hull is a lower bound. Survivors are chosen for low predicted energies, so that their errors lean to one side."
)
"""Goes with every comparison of the potential with DFT."""


def rule_words(rule: Mapping[str, Any], seed: int) -> str:
    """Return a sampling rule in words."""
    sample = rule["sample"]
    parts = [f"{sample}: {_SAMPLES[sample]}"]
    if sample == "all":
        parts.append(
            f"survivors are those predicted under {rule['threshold']:g} eV/atom, controls the others"
        )
    else:
        parts.insert(0, _places(rule))
    if sample == "best":
        parts.append(f"unlikeness to those chosen before counts {rule['diversity']:.0%}")
    if sample == "stratified":
        parts.append(f"strata from {', '.join(f'{limit:g}' for limit in rule['strata'])} eV/atom")
    parts.append(f"uncertainty {rule['uncertainty']:g} eV/atom where no other potential was asked")
    if rule["core_hours"] is not None:
        parts.append(f"up to {rule['core_hours']:g} core-hours predicted")
    if sample != "all":
        parts.append("flagged ones too, last" if rule["flagged"] else "none that is flagged")
    return f"{'; '.join(parts)}; seed {seed}."


def _places(rule: Mapping[str, Any]) -> str:
    survivors, controls = counted(rule["survivors"], "survivor"), counted(rule["controls"], "control")
    return f"{survivors} predicted under {rule['threshold']:g} eV/atom and {controls} predicted over it"


def hull_words(plan: VerificationPlan, *, same_code: bool) -> str:
    """Return against what DFT's energies above hull are."""
    name = str(plan.hull["name"])
    if plan.phases:
        n = sum(phase.structure is not None for phase in plan.phases)
        return f"{counted(n, 'reference phase')} of {name}, computed with the same code and settings"
    if same_code:
        return f"{name} itself, whose energies are of the same code and settings"
    return "nothing: no reference phase was computed, so that every verdict is indicative"


def substitute_words(phase: NeededPhase) -> str:
    """Return what was computed in place of a phase, and by how much it was shifted."""
    source = f", {phase.offset_source}" if phase.offset_source else ""
    return f"{phase.substitute} for {phase.phase_id} ({phase.offset_per_atom:+.3f} eV/atom{source})"


def standing_counts(sent: Sequence[SentCrystal], role: str) -> str:
    """Return how many of a role were sent and what became of them; those that are none are left out."""
    standings = [each.standing for each in sent if each.role == role]
    counts = [f"{standings.count(name)} {name}" for name in _STANDINGS if name in standings]
    return f"{counted(len(standings), role)} sent" + (f": {', '.join(counts)}" if counts else "")


def standing_words(each: SentCrystal | None) -> str:
    """Return what DFT said of a crystal in a few words; nothing where it was not sent."""
    if each is None:
        return ""
    energy = each.energy_above_hull
    return each.standing if energy is None else f"{each.standing}, {rounded(energy):+.3f}"


def core_hours_words(report: VerificationReport) -> str:
    """Return what was predicted and what was spent."""
    return (
        f"{figures(report.core_hours)} core-hours were spent, {figures(report.phases_core_hours)} of them on reference "
        f"phases; {figures(report.predicted_core_hours)} were predicted."
    )


def parity_sentence(report: VerificationReport, hull_sentence: str) -> str:
    """Return against what the two axes of the parity plots are measured."""
    codes = " and ".join(dict.fromkeys(each.settings for each in report.rounds))
    hulls = "; ".join(dict.fromkeys(each.hull for each in report.rounds))
    return (
        f"Potential: {hull_sentence.removeprefix('Hull: ')} DFT: {codes}, against {hulls}; formation energies raw, against "
        "their own elements."
    )


def parity_words(report: VerificationReport) -> str:
    """Return the words that stand for the parity plots."""
    drawn = [each for each in report.sent if each.energy_above_hull is not None]
    error = report.errors[0]
    words = f"Potential beside DFT for {counted(len(drawn), 'crystal')}: energy above hull, formation energy, volume."
    if error.mean_absolute is None or error.mean is None:
        return words
    return (
        f"{words} Energy above hull differs by {error.mean_absolute:.3f} eV/atom in the mean, potential minus DFT by "
        f"{error.mean:+.3f}."
    )
