"""Answers after which no other call is worth making."""

from matsearch.core.calls import CallRequest
from matsearch.core.errors import LanguageModelError
from matsearch.core.verdict import FailureKind
from matsearch.propose.llm.answer import Answer
from matsearch.propose.llm.context import REMEDY
from matsearch.propose.llm.endpoint import Endpoint


def wrong_key(endpoint: Endpoint, detail: str) -> LanguageModelError:
    """Return the error for a key that the endpoint does not take."""
    if endpoint.key is None:
        return LanguageModelError(f"{endpoint.name} asks for a key: {detail}", "set OPENAI_API_KEY")
    return LanguageModelError(
        f"{endpoint.name} does not take the key in OPENAI_API_KEY: {detail}",
        "set it to a key of this endpoint",
    )


def fatal(
    answer: Answer, request: CallRequest, endpoint: Endpoint, *, heard: bool
) -> LanguageModelError | None:
    """Return the error that ends a run, or None where the answer concerns this call alone.

    Parameters
    ----------
    heard : bool
        Whether the endpoint has answered a call before. If so, a rejection is about this one request.
    """
    complaint, status, detail = answer.complaint, answer.status, answer.reply.detail
    if complaint is None:
        return None
    if complaint.model_unknown or status == 404:
        return LanguageModelError(
            f"{endpoint.name} does not know the model {request.model!r}: {detail}",
            "set propose.llm.model to one that it serves, and check the address",
        )
    if complaint.quota_spent or status == 402:
        return LanguageModelError(
            f"the account at {endpoint.name} is spent: {detail}",
            "add to it there, then run the same command again: nothing is lost",
        )
    # after an answer 403 is how some endpoints refuse one prompt
    if status == 401 or (status == 403 and not heard):
        return wrong_key(endpoint, detail)
    if answer.kind is not FailureKind.REQUEST_REJECTED or answer.retried:
        return None
    if complaint.context_too_long:
        return LanguageModelError(
            f"a prompt without parents is too long for {request.model!r}: {detail}", REMEDY
        )
    if heard:
        return None
    return LanguageModelError(
        f"{endpoint.name} rejects the request: {detail}", "change what it names in propose.llm"
    )
