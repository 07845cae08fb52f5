"""From the text of a reply to what it offers as crystals."""

from itertools import islice

from matsearch.parse.reply.blocks import blocks_in
from matsearch.parse.reply.cleaning import answer, cleaned, has_curly_keys, straightened
from matsearch.parse.reply.draft import MAX_DRAFTS, Draft
from matsearch.parse.reply.objects import drafts_in
from matsearch.parse.reply.scanning import scan


def extract(text: str, *, cut_off: bool = False) -> list[Draft]:
    """Return the crystals that a reply offers, in its order, at most ``MAX_DRAFTS``: those of its JSON, else of its prose.

    A crystal that the prompt has shown is one too. The time it takes grows with the length of the text, not faster.

    Parameters
    ----------
    cut_off : bool
        Whether the reply is known to be cut off.
    """
    said = answer(cleaned(text))
    straight = straightened(said)
    json = straight if has_curly_keys(said) else said
    drafts = islice(drafts_in(scan(json)), MAX_DRAFTS)
    return list(drafts) or list(blocks_in(straight, cut_off=cut_off))
