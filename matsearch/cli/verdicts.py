"""What DFT said, in lines."""

from collections.abc import Mapping

from matsearch.cli.console import print_line
from matsearch.core.rounding import figures
from matsearch.core.verified import Standing, Verified


def print_verified(verified: Verified, codes: Mapping[str, str]) -> None:
    """Print what DFT said of a candidate, with what, why it is no more, and what it cost.

    Parameters
    ----------
    codes : mapping of str to str
        Names of codes by the key of their settings.
    """
    code = codes.get(verified.settings_key, "DFT")
    print_line(f"  verified    {verified.standing}: {_said(verified, code)}")
    for reason in verified.reasons:
        print_line(f"    because   {reason}")
    if verified.decomposition:
        products = " + ".join(f"{share:.2f} {name}" for name, share in verified.decomposition.items())
        print_line(f"    against   {products} ({verified.n_phases} phases computed alike)")
    if verified.formation_energy_per_atom is not None:
        print_line(f"    formation {verified.formation_energy_per_atom:+.4f} eV/atom")
    if verified.core_hours:
        print_line(f"    cost      {figures(verified.core_hours)} core-hours")


def _said(verified: Verified, code: str) -> str:
    asked = f"as {verified.role} of round {verified.round}, to be under {verified.threshold:g} eV/atom"
    predicted = f"predicted {verified.predicted_energy_above_hull:+.4f}"
    if verified.standing is Standing.PENDING:
        return f"sent to {code} {asked}, {predicted}"
    if verified.energy_above_hull is None:
        return f"{code} gave no energy above hull; sent {asked}, {predicted}"
    return f"{verified.energy_above_hull:+.4f} eV/atom above the hull by {code}, {predicted}; sent {asked}"
