"""Elements by name of a group, so that nobody has to list them."""

import difflib

ANY = "any"
"""In place of element symbols: every element of the embedded reference."""

_EMBEDDED = """
Ac Ag Al Ar As Au B Ba Be Bi Br C Ca Cd Ce Cl Co Cr Cs Cu Dy Er Eu F Fe Ga Gd Ge H He Hf Hg Ho I In Ir K Kr La Li Lu
Mg Mn Mo N Na Nb Nd Ne Ni Np O Os P Pa Pb Pd Pm Pr Pt Pu Rb Re Rh Ru S Sb Sc Se Si Sm Sn Sr Ta Tb Tc Te Th Ti Tl Tm
U V W Xe Y Yb Zn Zr
"""

EMBEDDED_ELEMENTS = tuple(_EMBEDDED.split())
"""Those of the embedded reference, sorted; CHGNet and the other universal potentials know the same 89."""

_GROUPS = {
    "f-block": "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr",
    "noble-gas": "He Ne Ar Kr Xe Rn Og",
    "precious": "Ru Rh Pd Ag Os Ir Pt Au",
    "radioactive": "Tc Pm Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl "
    "Mc Lv Ts Og",
    "toxic": "Be As Cd Hg Tl Pb",
}

GROUPS = {name: frozenset(symbols.split()) for name, symbols in _GROUPS.items()}
"""Elements by group.

``f-block``
    Lanthanoids and actinoids as IUPAC counts them, La and Ac included (Red Book 2005, IR-3.5).
``noble-gas``
    Group 18.
``precious``
    Silver, gold and the six platinum-group metals (U.S. Geological Survey, Mineral Commodity Summaries).
``radioactive``
    Elements without a stable isotope (IUPAC, Standard Atomic Weights 2021), Bi left out: 2e19 years.
``toxic``
    As, Cd, Hg and Pb: class 1 of ICH Q3D(R2), elemental impurities in medicines; Be: IARC Monographs 100C, group 1; Tl:
    acute toxicity 2, Regulation (EC) 1272/2008. Others have poisonous compounds too: name them beside the group.
"""


def known_elements(symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Return element symbols sorted, each once.

    Raises
    ------
    ValueError
        Naming what is none.
    """
    for symbol in symbols:
        if not is_element(symbol):
            raise ValueError(f"{symbol!r} is no element")
    return tuple(sorted(set(symbols)))


def symbols_of(name: str) -> frozenset[str]:
    """Return the elements that a symbol or the name of a group stands for.

    Raises
    ------
    ValueError
        Naming what is neither, and what is near.
    """
    if name in GROUPS:
        return GROUPS[name]
    if is_element(name):
        return frozenset({name})
    near = difflib.get_close_matches(name, GROUPS, n=3) or list(GROUPS)
    raise ValueError(f"{name!r} is neither an element nor a group: {', '.join(near)}")


def is_element(symbol: str) -> bool:
    """Return whether a text is the symbol of an element."""
    from pymatgen.core import Element

    # D and T are hydrogen's isotopes
    return Element.is_valid_symbol(symbol) and symbol not in {"D", "T"}
