"""What an endpoint understands, found out from its complaints and remembered."""

import re
from typing import Any

from matsearch.core.calls import CallRequest
from matsearch.propose.llm.complaint import Complaint

MAX_CHANGES = 8
COMPLAINTS = frozenset({400, 404, 422})
"""Statuses by which endpoints refuse what they do not know."""

_TOKENS = ("max_tokens", "max_completion_tokens")
_FORMAT = re.compile(
    r"response_format|json_schema|json_object|json mode|structured output|guided|grammar|schema", re.I
)


class Dialect:
    """The parameters an endpoint takes; of a request with a schema, its form: JSON by schema, else as an object, else text.

    Parameters
    ----------
    is_openai : bool
        Whether it is OpenAI's own, which names the limit of tokens differently.
    """

    def __init__(self, *, is_openai: bool) -> None:
        self._formats = ["json_schema", "json_object"]
        self._tokens = [*(reversed(_TOKENS) if is_openai else _TOKENS)]
        self._left_out: set[str] = set()
        self._changes = 0

    def parameters(self, request: CallRequest) -> dict[str, Any]:
        """Return what is sent beside model and messages."""
        asked = {name: value for name, value in request.parameters.items() if value is not None}
        limit = asked.pop("max_tokens", None)
        sent: dict[str, Any] = {name: value for name, value in asked.items() if name not in self._left_out}
        if limit is not None and self._tokens:
            sent[self._tokens[0]] = limit
        if request.reply_schema is not None and self._formats:
            sent["response_format"] = _format(self._formats[0], request.reply_schema)
        return sent

    def heeds(self, complaint: Complaint, sent: dict[str, Any], request: CallRequest) -> bool:
        """Take a complaint to heart; return whether the request is worth sending again.

        Parameters
        ----------
        sent : dict
            The parameters that the complaint is about.
        """
        if self.parameters(request) != sent:
            # the complaint that another call met has changed them meanwhile
            return True
        # of two that exclude each other the less telling goes first
        named = [name for name in sorted(sent, key=_worth) if _is_about(complaint, name)]
        if not named or self._changes >= MAX_CHANGES:
            return False
        self._changes += 1
        self._give_up(named[0])
        return True

    def _give_up(self, name: str) -> None:
        if name == "response_format":
            self._formats.pop(0)
        elif name in _TOKENS:
            self._tokens.pop(0)
        else:
            self._left_out.add(name)


def summary(sent: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as they are kept: of the reply's format only its type, the schema is the request's."""
    return {name: value["type"] if name == "response_format" else value for name, value in sent.items()}


def _format(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    if kind == "json_object":
        return {"type": kind}
    return {"type": kind, "json_schema": {"name": "crystals", "strict": True, "schema": schema}}


def _worth(name: str) -> tuple[int, str]:
    order = ("response_format", "seed", "top_p", *_TOKENS)
    return (order.index(name) if name in order else len(order), name)


def _is_about(complaint: Complaint, name: str) -> bool:
    if name == "response_format":
        return bool(_FORMAT.search(f"{complaint.param} {complaint.message}"))
    return complaint.names(name)
