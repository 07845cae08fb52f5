"""What the next prompts are told of independent calculations: one line each, of what was computed here alone."""

import re
from collections.abc import Sequence

from pymatgen.core import Composition

from matsearch.core.dft import DftSettings
from matsearch.core.errors import SchemeMismatchError
from matsearch.core.records import Candidate
from matsearch.core.rounding import rounded
from matsearch.core.schemes import get_scheme
from matsearch.core.verified import CONTROL, Standing, Verified

MOST_LINES = 8

_MOST_REFUTED = 5
"""Lines of refuted crystals before those of other verdicts, which would have no room otherwise."""

_SAID = {
    Standing.REFUTED: "refuted",
    Standing.CONFIRMED: "confirmed",
    Standing.INDICATIVE: "a hint, not all known phases were computed alike",
}


def feedback_lines(candidates: Sequence[Candidate], settings: Sequence[DftSettings]) -> tuple[str, ...]:
    """Return at most ``MOST_LINES`` lines, the most telling first: where the prediction was furthest off.

    A control that is as unstable as predicted is no news. Refutations begin, then come confirmations, the lowest first, hints, and what is left of the refutations. Failed
    calculations say nothing of a crystal. The order of the candidates does not matter.

    Parameters
    ----------
    candidates : sequence of Candidate
        Of a campaign; those that nothing was said of are left out.
    settings : sequence of DftSettings
        Of the campaign's rounds: who said it.
    """
    names = {each.key: code_name(each) for each in settings}
    candidates = [c for c in candidates if c.verification is None or _is_news(c.verification)]
    said = sorted((c for c in candidates if _energy(c) is not None), key=lambda c: c.candidate_id)
    refuted = sorted(_of(said, Standing.REFUTED), key=_error, reverse=True)
    confirmed = sorted(_of(said, Standing.CONFIRMED), key=_energy_of)
    hints = sorted(_of(said, Standing.INDICATIVE), key=_error, reverse=True)
    ordered = [*refuted[:_MOST_REFUTED], *confirmed, *hints, *refuted[_MOST_REFUTED:]]
    return tuple(_line(c, c.verification, names) for c in ordered[:MOST_LINES] if c.verification)


def _is_news(verified: Verified) -> bool:
    return verified.role != CONTROL or verified.standing is Standing.CONFIRMED


def code_name(settings: DftSettings) -> str:
    """Return code and functional in words: ``DFT (GPAW PBE)``, or the potential that stands in for DFT."""
    name = f"{settings.code} {settings.functional}"
    try:
        is_dft = get_scheme(settings.scheme_id).kind == "dft"
    except SchemeMismatchError:
        is_dft = False
    return f"DFT ({name})" if is_dft else f"another calculation ({name})"


def _line(candidate: Candidate, verified: Verified, names: dict[str, str]) -> str:
    where = f" ({candidate.spacegroup})" if candidate.spacegroup else ""
    code, energy = names.get(verified.settings_key, "another calculation"), _energy_of(candidate)
    energies = (
        f"predicted {rounded(verified.predicted_energy_above_hull):.3f}, {code} {rounded(energy):.3f} "
        "eV/atom above the hull"
    )
    products = _products(verified) if verified.standing is Standing.REFUTED else ""
    return f"{candidate.formula}{where}: {energies}: {_SAID[verified.standing]}{products}"


def _products(verified: Verified) -> str:
    """Return the formulas that a crystal decomposes into; names of phases come from files and are left out."""
    formulas = sorted({formula for name in verified.decomposition if (formula := _formula(name))})
    return f"; it decomposes into {' + '.join(formulas)}" if formulas else ""


def _formula(label: str) -> str:
    found = re.match(r"[A-Za-z0-9.()]+", label.partition(" (")[0])
    try:
        return str(Composition(found[0]).reduced_formula) if found else ""
    except (ValueError, OverflowError):  # amounts without end
        return ""


def _of(said: Sequence[Candidate], standing: Standing) -> list[Candidate]:
    return [c for c in said if c.verification and c.verification.standing is standing]


def _energy(candidate: Candidate) -> float | None:
    verified = candidate.verification
    return verified.energy_above_hull if verified and verified.standing in _SAID else None


def _energy_of(candidate: Candidate) -> float:
    energy = _energy(candidate)
    assert energy is not None  # noqa: S101 - only those with an energy come here
    return energy


def _error(candidate: Candidate) -> float:
    assert candidate.verification is not None  # noqa: S101 - only those with an energy come here
    return abs(_energy_of(candidate) - candidate.verification.predicted_energy_above_hull)
