"""What can be known of an endpoint and a model before a call is paid for."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from matsearch.core.errors import LanguageModelError
from matsearch.core.model import Record
from matsearch.core.verdict import FailureKind
from matsearch.propose.llm.complaint import complaint_of
from matsearch.propose.llm.endpoint import Endpoint
from matsearch.propose.llm.fatal import wrong_key
from matsearch.propose.llm.wire import Received

CHECK_S = 10.0
SHOWN = 8

# vLLM; OpenRouter and Together; Groq; LM Studio
_CONTEXTS = ("max_model_len", "context_length", "context_window", "max_context_length")


class Model(Record):
    """A model, as far as its endpoint tells.

    Attributes
    ----------
    listed : bool
        Whether it is among those that the endpoint lists.
    context_tokens : int or None
        None where it does not tell.
    """

    name: str
    listed: bool = False
    context_tokens: int | None = None


def require_key(endpoint: Endpoint) -> None:
    """Refuse to ask OpenAI's own endpoint without a key.

    Raises
    ------
    LanguageModelError
        If there is none.
    """
    if endpoint.is_openai and endpoint.key is None:
        raise LanguageModelError(
            f"no key for {endpoint.name}",
            "set OPENAI_API_KEY, or name another endpoint in execution.calls.base_url or OPENAI_BASE_URL",
        )


def checked(received: Received, model: str, endpoint: Endpoint) -> Model:
    """Return what the list of models says of one; a list that cannot be had says nothing.

    Raises
    ------
    LanguageModelError
        If the endpoint is down, does not take the key, or does not list the model.
    """
    if received.kind in {FailureKind.CONNECTION_LOST, FailureKind.CALL_TIME_OUT}:
        raise LanguageModelError(
            f"no answer from {endpoint.name}: {received.detail}",
            "start the server, or mend execution.calls.base_url or OPENAI_BASE_URL",
        )
    if received.status == 401:
        told = endpoint.told(complaint_of(received.body).message)
        # a key of OpenAI's may be good for calls and not for this list
        if "missing scopes" not in told.lower():
            raise wrong_key(endpoint, f"status {received.status}: {told}")
    listed = _listed(received)
    if not listed:
        return Model(name=model)
    for name in (model, f"{model}:latest", f"models/{model}"):
        if name in listed:
            return Model(name=model, listed=True, context_tokens=_context(listed[name]))
    # Azure lists the models one could deploy, not the deployments that are called by name
    if endpoint.host.endswith(".azure.com"):
        return Model(name=model)
    raise _unknown(model, list(listed), endpoint)


def _listed(received: Received) -> dict[str, Mapping[str, Any]]:
    if received.kind is not None or received.status != 200:
        return {}
    try:
        document = json.loads(received.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    data = document.get("data") if isinstance(document, dict) else None
    entries = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
    return {item["id"]: item for item in entries if isinstance(item.get("id"), str)}


def _context(entry: Mapping[str, Any]) -> int | None:
    values = (entry.get(name) for name in _CONTEXTS)
    return next((value for value in values if type(value) is int and value > 0), None)


def _unknown(model: str, names: list[str], endpoint: Endpoint) -> LanguageModelError:
    close = difflib.get_close_matches(model, names, n=SHOWN, cutoff=0.5)
    others = [name for name in sorted(names) if name not in close]
    shown = [endpoint.told(name, 80) for name in (close + others)[:SHOWN]]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return LanguageModelError(
        f"{endpoint.name} does not serve the model {model!r}",
        f"set propose.llm.model to one of those it lists: {', '.join(shown)}{more}",
    )
