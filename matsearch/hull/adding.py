"""A file of entries becomes a named set of the library."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matsearch.core.config import BUILT_IN
from matsearch.core.errors import InputError
from matsearch.hull.cards import ReferenceCard, card_path, make_card, put_whole, write_card
from matsearch.hull.checks import Finding, check_set
from matsearch.hull.corrections import SCHEME_AFTER
from matsearch.hull.library import ReferenceSet, library_folder, named_sets
from matsearch.hull.unpack import read_file

_SUFFIX = re.compile(r"\.(json|csv)(\.(gz|bz2|xz))?$", re.IGNORECASE)
_VERSIONS = tuple(f"{name}-" for name in BUILT_IN)
_BLANK = {
    "scheme": "toy",
    "corrections": "none",
    "software": None,
    "complete": False,
    "date": "2000-01-01",
    "sha256": "0" * 64,
}


def add_set(source: Path, facts: Mapping[str, Any]) -> tuple[ReferenceSet, list[Finding]]:
    """Check a file of entries, copy it into the library folder and write its card.

    The same file with the same facts changes nothing. The card is written last, so that a set whose copying was cut
    short has no name, and the same command mends it.

    Parameters
    ----------
    facts : mapping
        Of the card, without ``sha256``; ``scheme`` may be None where the corrections decide it.

    Returns
    -------
    reference_set, notes
        The set in the library, and what was noted about it.

    Raises
    ------
    InputError
        If the facts make no card, the set has errors, or the name is taken by another one.
    """
    content, sha256 = read_file(source)
    card = _card(facts, sha256)
    target = library_folder() / f"{card.name}{_suffix(source)}"
    _require_free(card, target)
    findings = check_set(ReferenceSet(name=card.name, path=source, card=card, date=card.date))
    errors = [finding.text for finding in findings if finding.error]
    if errors:
        raise InputError(
            f"{source} cannot be added: {'; '.join(errors)}", "mend the file or what is said of it"
        )
    if not target.exists():
        put_whole(target, content)
    if not card_path(target).exists():
        write_card(card_path(target), card)
    return ReferenceSet(name=card.name, path=target, card=card, date=card.date), findings


def require_name(name: str) -> None:
    """Refuse a name that no set of the library may have; whether another one has it is not asked.

    Raises
    ------
    InputError
        If it is no name, or that of a built-in set or of a version of it.
    """
    if name in BUILT_IN or name.startswith(_VERSIONS):
        raise InputError(f"{name} is the name of a built-in reference set", "choose another name")
    try:
        make_card({**_BLANK, "name": name}, "the card")
    except InputError as error:
        raise InputError(
            f"{name!r} cannot name a reference set",
            "take up to 64 letters, digits and . _ + -, a letter or digit first, and no ending of a file of entries",
        ) from error


def holder_of(name: str, suffix: str) -> tuple[Path, ReferenceCard | None] | None:
    """Return the file that has a name in the library, or would be overwritten by it, and its card.

    Parameters
    ----------
    suffix : str
        Of the file that is to have the name, such as ``.json.gz``.
    """
    sets, _ = named_sets()
    target = library_folder() / f"{name}{suffix}"
    named = next(((s.path, s.card) for s in sets if s.name == name and s.path is not None), None)
    return named or ((target, None) if target.exists() or card_path(target).exists() else None)


def _card(facts: Mapping[str, Any], sha256: str) -> ReferenceCard:
    scheme = facts["scheme"] or SCHEME_AFTER.get(facts["corrections"])
    if scheme is None:
        raise InputError(
            "nothing says which energy scheme the entries follow",
            "give --scheme, or --corrections mp2020 for raw Materials Project GGA/GGA+U entries",
        )
    return make_card({**facts, "scheme": scheme, "sha256": sha256}, "the card")


def _suffix(source: Path) -> str:
    found = _SUFFIX.search(source.name)
    if found is None:
        raise InputError(
            f"{source.name} does not say what it is",
            "end its name in .json or .csv, with .gz, .bz2 or .xz if packed",
        )
    return found[0].lower()


def _require_free(card: ReferenceCard, target: Path) -> None:
    require_name(card.name)
    sets, problems = named_sets()
    other = next((s for s in sets if s.name == card.name), None)
    if other is not None and other.card is not None and other.card != card:
        differing = [
            key for key in ReferenceCard.model_fields if getattr(other.card, key) != getattr(card, key)
        ]
        raise InputError(
            f"the library has another {card.name!r}, which differs in {', '.join(differing)}",
            f"choose another name, or remove {other.path} and its card",
        )
    if other is None and card_path(target).exists():
        raise InputError(f"{'; '.join(problems)}", f"mend or remove {card_path(target)}")
    if target.exists() and read_file(target)[1] != card.sha256:
        raise InputError(f"{target} exists with other content", "choose another name, or remove it")
