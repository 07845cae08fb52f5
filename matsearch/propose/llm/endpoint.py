"""Who answers: the endpoint's address, the key for it, and how neither leaks."""

import os
import re
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from pydantic import SecretStr

from matsearch.core.errors import LanguageModelError
from matsearch.core.text import one_line

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "no-key"
"""Sent to endpoints that ask for none."""

HIDDEN = "[hidden]"
SECRET_LENGTH = 8
"""Shorter keys are stand-ins such as ``EMPTY`` and ``ollama``: no secrets, and words that a text may hold."""

_KEY_LIKE = (
    re.compile(r"\bsk-[\w*.-]{3,}"),
    re.compile(r"(?i)\bbearer\s+[^\s\"',;]{8,}"),
    re.compile(r"(?i)(?<=key provided: )\S+"),
)


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint.

    Attributes
    ----------
    base_url : str
        As given, without its query.
    query : tuple of (str, str)
        The query of the address, sent with every request.
    key : SecretStr or None
        None: the endpoint is asked without one.
    """

    base_url: str = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(repr=False)
    key: SecretStr | None

    @property
    def name(self) -> str:
        """Scheme, host and path: the address that may be shown and stored."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))

    @property
    def host(self) -> str:
        """The host's name."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI's own."""
        return self.host == "openai.com" or self.host.endswith(".openai.com")

    def hidden(self, text: str) -> str:
        """Return a text without the key, what the address says before its host, and its query."""
        parts = urlsplit(self.base_url)
        secrets = [parts.username or "", parts.password or "", *(value for _, value in self.query)]
        secrets.append(self.key.get_secret_value() if self.key else "")
        if parts.username:  # as it is sent: Basic authentication
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            secrets.append(b64encode(pair.encode()).decode())
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= SECRET_LENGTH:
                text = text.replace(secret, HIDDEN)
        return text

    def told(self, text: str, length: int = 300) -> str:
        """Return a text from the endpoint as one printable line, without anything that looks like a key."""
        text = self.hidden(text)
        for pattern in _KEY_LIKE:
            text = pattern.sub(HIDDEN, text)
        return one_line(text, length)


def endpoint_of(base_url: str | None, key: SecretStr | None) -> Endpoint:
    """Return the endpoint that the arguments name, else the one of ``OPENAI_BASE_URL``, else OpenAI's.

    Raises
    ------
    LanguageModelError
        If the address or the key cannot be one.
    """
    url = base_url or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI_URL
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise LanguageModelError(
            f"{_without_secrets(url)!r} is no address of an endpoint",
            "give one like http://localhost:8000/v1 in execution.calls.base_url or OPENAI_BASE_URL",
        )
    address = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return Endpoint(address, tuple(parse_qsl(parts.query)), _key(key))


def _without_secrets(url: str) -> str:
    return url.rpartition("@")[2].partition("?")[0]


def _key(given: SecretStr | None) -> SecretStr | None:
    value = given.get_secret_value() if given else os.environ.get("OPENAI_API_KEY", "")
    value = value.strip()
    if not value:
        return None
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise LanguageModelError(
            "OPENAI_API_KEY holds a blank or a character that no key has", "copy the key again"
        )
    return SecretStr(value)
