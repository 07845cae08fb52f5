"""What an endpoint says when it refuses a request: the error bodies of OpenAI, Azure, vLLM, llama.cpp, Ollama."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CONTEXT = re.compile(
    r"context[_ ](?:length|window|size)"  # OpenAI, vLLM, llama.cpp, Ollama
    r"|max_model_len|maximum (?:model|input) length|tokens must be at least 1, got -"  # vLLM
    r"|exceed_context|prompt (?:is )?too long"  # llama.cpp, Ollama
    r"|input tokens? (?:count )?.{0,40}exceed|token count .{0,40}exceed"
    r"|reduce the length of the (?:messages|prompt|input)|`inputs` tokens",
    re.IGNORECASE,
)
_MODEL = frozenset({"model_not_found", "DeploymentNotFound"})
_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance"})
_POLICY = frozenset({"content_filter", "content_policy_violation", "invalid_prompt"})


@dataclass(frozen=True)
class Complaint:
    """An error body, read.

    Attributes
    ----------
    codes : frozenset of str
        Its ``code`` and ``type``.
    param : str
        What it names as the culprit; empty without.
    message : str
        As the endpoint wrote it: hide secrets before it is shown.
    """

    codes: frozenset[str]
    param: str
    message: str

    @property
    def context_too_long(self) -> bool:
        """Whether prompt and reply together do not fit the model."""
        return bool(_CONTEXT.search(" ".join([self.message, *self.codes])))

    @property
    def model_unknown(self) -> bool:
        """Whether the model is what the endpoint does not know."""
        return bool(self.codes & _MODEL)

    @property
    def quota_spent(self) -> bool:
        """Whether waiting is of no use: the account is empty."""
        return bool(self.codes & _QUOTA)

    @property
    def refused(self) -> bool:
        """Whether the prompt was refused for what it says."""
        return bool(self.codes & _POLICY)

    def names(self, name: str) -> bool:
        """Return whether it names a parameter."""
        if self.param:
            return name in re.split(r"\W+", self.param)
        return re.search(rf"\b{re.escape(name)}\b", self.message) is not None


def complaint_of(body: bytes) -> Complaint:
    """Read an error body of whatever shape."""
    text = body.decode("utf-8", errors="replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Complaint(frozenset(), "", "an HTML page" if text.lstrip().startswith("<") else text)
    return _read(document, text)


def _read(document: Any, text: str) -> Complaint:
    if not isinstance(document, Mapping):
        return Complaint(frozenset(), "", text)
    error = document.get("error", document)
    if isinstance(error, str):
        return Complaint(frozenset(), "", error)
    if not isinstance(error, Mapping):
        return Complaint(frozenset(), "", text)
    # FastAPI's list of what is wrong also repeats the request: only place and message are read
    details = error.get("detail")
    if isinstance(details, Sequence) and details and isinstance(details[0], Mapping):
        place = details[0].get("loc")
        loc = ".".join(str(part) for part in place) if isinstance(place, list) else ""
        return Complaint(frozenset(), loc, str(details[0].get("msg", "")))
    codes = frozenset(str(error[name]) for name in ("code", "type") if error.get(name) is not None)
    message = error.get("message") or details or text
    return Complaint(codes, str(error.get("param") or ""), str(message))
