"""Crystals of a reply, or why it has none."""

import re
import unicodedata

from matsearch.core.boundary import contained
from matsearch.core.formulas import reduced_formulas
from matsearch.core.text import one_line
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.crystal.languages import LANGUAGES
from matsearch.crystal.languages.language import Reading, Unreadable
from matsearch.parse.reply.draft import MAX_REPLY_BYTES, Draft
from matsearch.parse.reply.extract import extract
from matsearch.parse.reply.found import Found

STAGE = "parse"
MAX_QUOTED = 80
MAX_REPAIRS = 20

_FORMULA = re.compile(r"[A-Z][A-Za-z0-9()]{0,59}")


def read_reply(text: str, *, cut_off: bool = False) -> list[Found]:
    """Return what a reply holds, in its order, at least one: a crystal, or a verdict for what should have been one.

    Parameters
    ----------
    cut_off : bool
        Whether the reply is known to be cut off.
    """
    drafts, nothing = drafts_of(text, cut_off=cut_off)
    return [nothing] if nothing else [read_draft(draft) for draft in drafts]


def drafts_of(text: str, *, cut_off: bool = False) -> tuple[list[Draft], Found | None]:
    """Return what a reply offers as crystals, or what is found in its stead where it offers none."""
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_REPLY_BYTES:
        return [], _failed(FailureKind.REPLY_TOO_LARGE, f"{size} bytes, over {MAX_REPLY_BYTES}")
    drafts = contained(STAGE, lambda: extract(text, cut_off=cut_off))
    if isinstance(drafts, Verdict):
        return [], Found(verdict=drafts)
    if drafts:
        return drafts, None
    if cut_off:
        return [], _failed(FailureKind.CUT_OFF, "the reply ends before its first crystal")
    return [], _failed(FailureKind.NO_CRYSTAL, f'the reply has no crystal: "{one_line(text, MAX_QUOTED)}"')


def read_draft(draft: Draft) -> Found:
    """Return the crystal of one draft, or why it is none."""
    said = one_line(draft.said, MAX_QUOTED)
    reading = contained(STAGE, lambda: _read(draft))
    if isinstance(reading, Verdict):
        return Found(verdict=reading, said=said, repairs=draft.repairs)
    repairs = (*draft.repairs, *reading.repairs)
    doubt = _contradiction(said, reading)
    if not draft.complete:
        if cut := _what_is_cut(draft, reading, doubt):
            return Found(verdict=failure(FailureKind.CUT_OFF, cut), said=said, repairs=draft.repairs)
        repairs = (*repairs, "the reply ends within it, after its last site")
    if doubt:
        repairs = (*repairs, doubt)
    return Found(structure=reading.structure, said=said, repairs=tuple(map(_short, repairs[:MAX_REPAIRS])))


def failure(kind: FailureKind, detail: str) -> Verdict:
    """Return a verdict of this stage; whatever its detail quotes, it is one printable line."""
    return Verdict(kind=kind, stage=STAGE, detail=one_line(detail, 300))


def _read(draft: Draft) -> Reading | Verdict:
    try:
        return LANGUAGES[draft.language].read(draft.text)
    except Unreadable as error:
        if not draft.complete:
            return failure(FailureKind.CUT_OFF, f"the reply ends within the crystal: {error.detail}")
        return failure(error.kind, error.detail)


def _what_is_cut(draft: Draft, reading: Reading, doubt: str) -> str:
    """Return what speaks against a crystal in which the reply ends; an empty string where nothing does.

    Only what says beforehand how many atoms there are, a POSCAR's counts or a formula, shows that none is missing.
    """
    formula = reading.structure.composition.formula
    if reading.repairs or doubt:
        return f"the reply ends within the crystal, after {formula}: {doubt or reading.repairs[0]}"
    if draft.language not in ("poscar", "cif") or (draft.language == "cif" and not draft.said):
        return f"the reply ends within the crystal, after {formula}; nothing says what it should have been"
    last = draft.text.rstrip(" \t").rsplit("\n", 1)[-1].split()
    if last and not last[-1].isalpha():
        return f"the reply ends within a number of the crystal, after {formula}"
    return ""


def _contradiction(said: str, reading: Reading) -> str:
    """Return the difference between the formula that a reply gives and that of the sites, if there is one."""
    formula = unicodedata.normalize("NFKC", said).replace(" ", "")
    if not _FORMULA.fullmatch(formula):
        return ""
    try:
        (expected,) = reduced_formulas((formula,))
    except ValueError:
        return ""
    found = reading.structure.composition.reduced_formula
    return "" if expected == found else f"the reply says {formula}, its sites are {found}"


def _short(repair: str) -> str:
    return one_line(repair, 300)


def _failed(kind: FailureKind, detail: str) -> Found:
    return Found(verdict=failure(kind, detail))
