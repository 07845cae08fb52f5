"""What ``matsearch status`` says of calculations that failed or wait, and progress of those that failed."""

from matsearch.cli.progress import _calculation_line
from matsearch.cli.verify_status import print_rounds

ROUND = {
    "round": 0,
    "settings": "DFT (GPAW PBE)",
    "sent": 2,
    "phases": 1,
    "calculations": 3,
    "done": 1,
    "failed": [{"label": "abc TiAl", "kind": "scf_not_converged", "detail": "after 333 iterations"}],
    "waiting": [{"label": "Ti (Ti-194)", "tries": 2}],
    "standings": {"failed": 1, "pending": 1},
}


def test_failures_are_said_with_their_reason_and_what_waits_with_its_remedy(capsys):
    print_rounds([ROUND], "mine-1")
    text = capsys.readouterr().out
    assert "round 0 by DFT (GPAW PBE): 2 crystals and 1 reference phase; 3 calculations: 1 done" in text
    assert "abc TiAl: scf_not_converged, after 333 iterations" in text
    assert "Ti (Ti-194): waiting, 2 tries ended early" in text
    assert "`matsearch verify mine-1`" in text


def test_nothing_waits_and_nothing_is_to_be_done(capsys):
    print_rounds([ROUND | {"waiting": []}], "mine-1")
    assert "matsearch verify" not in capsys.readouterr().out


def test_a_calculation_that_failed_says_why():
    line = _calculation_line(
        {"label": "abc TiAl", "end": "time_out", "detail": "after 24 h", "core_hours": 1234.5}
    )
    assert line == "abc TiAl: time out (after 24 h), 1,234 core-hours"
