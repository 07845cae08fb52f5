"""Space groups by the names that people and models give them."""

import re
from functools import cache
from typing import NamedTuple

from matsearch.crystal.languages.text import plain
from matsearch.crystal.wyckoff_positions import first_setting

SETTINGS = 530
"""Hall numbers: settings of the 230 groups in the tables."""

_OLD_NAMES = {
    "abm2": 39, "aba2": 41, "cmca": 64, "cmma": 67, "ccca": 68,
}  # fmt: skip
"""Names of before 1992 that no rule turns into today's."""

_MAX_NAME = 40
_SUFFIX = re.compile(r"[:|]([12hrHR])$|(?<=[mcnd])(H|R|S|Z)$|(?<=\d)(H|R|S|Z)$")
_CHOICES = {"S": "1", "Z": "2"}


class Setting(NamedTuple):
    """One setting of a space group.

    Attributes
    ----------
    hall_number : int
        1 to 530.
    number : int
        Of the group, 1 to 230.
    symbol : str
        Hermann-Mauguin, short.
    choice : str
        Of origin (``1``, ``2``), axes (``H``, ``R``) or unique axis (``b1``); empty where there is none.
    """

    hall_number: int
    number: int
    symbol: str
    choice: str


def settings_of(claim: str) -> tuple[Setting, ...]:
    """Return the settings that a name or number can mean, the likeliest first; empty where it means none.

    Spaces, underscores, typographic quotes and minus signs, capital letters after the first and names of before 1992
    are seen through. A suffix (``:1``, ``:2``, ``:H``, ``:R``) chooses; without one, both origins and both kinds of axes
    are possible, origin 2 and hexagonal axes the likelier ones.
    """
    if len(claim) > _MAX_NAME:
        return ()
    text = re.sub(r"[\s\"']", "", plain(claim))
    choice = ""
    if suffix := _SUFFIX.search(text):
        choice, text = next(filter(None, suffix.groups())).upper(), text[: suffix.start()]
    if re.fullmatch(r"\d{1,3}(?:\.0+)?", text):
        found = _of_number(int(float(text)))
    else:
        found = _names().get(_bare(text), ())
    wanted = tuple(setting for setting in found if setting.choice == _CHOICES.get(choice, choice))
    return wanted or (() if choice else found)


def _of_number(number: int) -> tuple[Setting, ...]:
    """Return a group's standard setting, or its two origins or kinds of axes."""
    if not 1 <= number <= 230:
        return ()
    own = [setting for setting in _settings() if setting.number == number]
    standard = first_setting(number)
    kept = [s for s in own if s.hall_number == standard or s.choice in ("2", "H", "R")]
    return tuple(sorted(kept, key=lambda s: (s.choice == "1", s.choice == "R")))


@cache
def _settings() -> tuple[Setting, ...]:
    import spglib

    types = [(hall, spglib.get_spacegroup_type(hall)) for hall in range(1, SETTINGS + 1)]
    return tuple(Setting(hall, t.number, t.international_short, t.choice) for hall, t in types)


@cache
def _names() -> dict[str, tuple[Setting, ...]]:
    """Return the settings by bare name: a setting's own names first, then those of its group."""
    import spglib

    names: dict[str, tuple[Setting, ...]] = {}
    for setting in _settings():
        found = spglib.get_spacegroup_type(setting.hall_number)
        own = found.international.split("=")
        for name in {_bare(part) for part in (*own[1:], own[-1], found.international_full)}:
            _add(names, name, setting)
            if 3 <= setting.number <= 15:  # P 1 21/n 1 is also P21/n
                _add(names, re.sub(r"(?<=[a-z])1(?=[2mcnabd-])|(?<=[a-z0-9])1$", "", name), setting)
    for setting in _settings():
        short = _bare(setting.symbol)
        if setting.hall_number == first_setting(setting.number):
            names[short] = _of_number(setting.number)
            if setting.number >= 200:  # Fm3m is what Fm-3m was called
                names.setdefault(short.replace("-3", "3"), _of_number(setting.number))
    names.update({name: _of_number(number) for name, number in _OLD_NAMES.items()})
    return names


def _add(names: dict[str, tuple[Setting, ...]], name: str, setting: Setting) -> None:
    others = names.get(name, ())
    if all(other.number == setting.number for other in others) and setting not in others:
        names[name] = (*others, setting)


def _bare(name: str) -> str:
    return re.sub(r"[\s_~{}$\\()\"']|(?<=[a-z0-9])\.(?=\D)", "", name.lower())
