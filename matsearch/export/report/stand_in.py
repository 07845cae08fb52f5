"""What a verification by something else than DFT is called."""

from collections.abc import Sequence

from matsearch.core.errors import SchemeMismatchError
from matsearch.core.schemes import get_scheme
from matsearch.export.report.verification_numbers import RoundNumbers


def stand_in_words(rounds: Sequence[RoundNumbers]) -> str:
    """Return which rounds were not DFT but a potential that stands in for it; nothing where all were DFT."""
    others = [each for each in rounds if not _is_dft(each.scheme_id)]
    if not others:
        return ""
    numbers = ", ".join(str(each.round) for each in others)
    codes = " and ".join(dict.fromkeys(each.settings for each in others))
    return f"Not DFT: in round {numbers} {codes} stood in for it, to try things out; what is called DFT there is that potential."


def _is_dft(scheme_id: str) -> bool:
    try:
        return get_scheme(scheme_id).kind == "dft"
    except SchemeMismatchError:
        return False
