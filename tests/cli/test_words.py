"""Words of the report that numbers depend on: units, figures, and what was not DFT."""

import pytest
from rich.table import Table

from matsearch.cli.console import print_table
from matsearch.core.rounding import figures
from matsearch.export.report.parameters import parameter_words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cutoff", 700.0, "cutoff 700 eV"),
        ("kpoint_density", 3.5, "kpoint density 3.5 1/Å"),
        ("fmax", 0.03, "fmax 0.03 eV/Å"),
        ("keep_symmetry", True, "keep symmetry yes"),
        ("incar", {}, "incar none"),
        ("potcar_functional", None, "potcar functional none"),
        ("max_steps", 60, "max steps 60"),
    ],
)
def test_settings_have_their_units(name, value, words):
    assert parameter_words(name, value) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.000368, "0.000368"), (12.34, "12.3"), (999.6, "1,000"), (12345.6, "12,346"), (0.0, "0")],
)
def test_large_numbers_have_all_their_digits(value, text):
    assert figures(value) == text


def test_no_cell_is_cut_however_narrow_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    table = Table(box=None, pad_edge=False)
    for title in ("formula", "energy above hull (eV/atom)", "id"):
        table.add_column(title, no_wrap=True)
    table.add_row("SrTiO3", "+0.100", "0123456789abcdef")
    print_table(table)
    text = capsys.readouterr().out
    assert "SrTiO3" in text
    assert "energy above hull (eV/atom)" in text
    assert "0123456789abcdef" in text
