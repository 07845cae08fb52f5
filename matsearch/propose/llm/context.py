"""Whether a prompt fits a model's context: failures and parents are given up, instructions never."""

from collections.abc import Sequence

from matsearch.core.calls import CallRequest, Message
from matsearch.core.errors import LanguageModelError

_BYTES_PER_TOKEN = 2.5
"""Pessimistic: the digits of coordinates make short tokens."""

REMEDY = "lower propose.llm.max_tokens or propose.llm.crystals, or take a model with a longer context"


def variants(request: CallRequest) -> tuple[tuple[Message, ...], ...]:
    """Return the messages as asked for, then with less in them each."""
    return (request.messages, *request.shorter)


def shortened(request: CallRequest, place: int) -> CallRequest:
    """Return the request that begins with the variant of a place, and shows its parents alone."""
    if not place:
        return request
    shown = request.shown[place - 1]
    return request.evolve(
        messages=request.shorter[place - 1],
        shorter=request.shorter[place:],
        shown=request.shown[place:],
        parents=request.parents[:shown],
    )


def first_that_fits(request: CallRequest, context_tokens: int | None) -> int:
    """Return the place of the first variant whose estimated tokens fit the context.

    Raises
    ------
    LanguageModelError
        If not even the shortest does.
    """
    if context_tokens is None:
        return 0
    room = _reply_tokens(request)
    needs = [estimated_tokens(messages) + room for messages in variants(request)]
    for place, need in enumerate(needs):
        if need <= context_tokens:
            return place
    raise LanguageModelError(
        f"a call of {request.model} needs about {needs[-1]} tokens ({room} of them for the reply), "
        f"its context has {context_tokens}",
        REMEDY,
    )


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Return about how many tokens messages are, rather too many than too few."""
    return int(sum(len(message.content.encode()) for message in messages) / _BYTES_PER_TOKEN) + 1


def _reply_tokens(request: CallRequest) -> int:
    asked = request.parameters.get("max_tokens")
    return int(asked) if asked else 0
