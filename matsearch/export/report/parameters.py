"""The settings of calculations in words."""

from typing import Any

_UNITS = {
    "cutoff": "eV",
    "kpoint_density": "1/Å",
    "smearing": "eV",
    "fmax": "eV/Å",
    "energy_convergence": "eV/electron",
    "density_convergence": "electrons/electron",
    "symmetry_tolerance": "Å",
}


def parameter_words(name: str, value: Any) -> str:
    """Return a setting with its value and its unit."""
    unit = _UNITS.get(name)
    return f"{name.replace('_', ' ')} {_value(value)}" + (f" {unit}" if unit else "")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ({}, []):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
