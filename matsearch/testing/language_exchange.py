"""One connection of the language server: HTTP in, the OpenAI protocol out."""

import json
import os
import select
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from matsearch.core.errors import MatsearchError
from matsearch.testing.language_faults import error_document, fault_of

if TYPE_CHECKING:
    from matsearch.testing.language_server import Hit, LanguageServer

_RESET = struct.pack("ii", 1, 0)
_LOOK_S = 0.05


class ExchangeHandler(BaseHTTPRequestHandler):
    """Reads requests and writes replies, as :class:`~matsearch.testing.language_faults.Exchange` asks."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: "LanguageServer"
    hit: "Hit"
    _in_flight = False

    def do_GET(self) -> None:
        """Answer a look at the models."""
        self._take({})

    def do_POST(self) -> None:
        """Answer a request for a completion."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            # its body would be read as the next request
            length, self.close_connection = "0", True
        raw = self.rfile.read(int(length))
        if len(raw) < int(length):
            self.close_connection = True  # the client has gone in the middle of its question
            return
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            body = None
        self._take(body if isinstance(body, dict) else {})

    def _take(self, body: dict[str, Any]) -> None:
        completion = self.command == "POST" and self.path.split("?")[0] == "/v1/chat/completions"
        sent = {name.lower(): value for name, value in self.headers.items()}
        self.hit, fault = self.owner.arrive(self.path, body, sent, completion)
        self._in_flight = completion
        try:
            if self.abandoned(self.owner.latency_s if completion else 0.0):
                self.close_connection = True
            elif fault is not None:
                fault_of(fault)(self)
            elif (refused := _objection(self.hit, self.owner, completion)) is not None:
                self.send(*refused)
            elif completion:
                self.answer(self.completion())
            else:
                self._list_models()
        except MatsearchError as error:
            # the answer's own, before anything was written
            self.send(500, error_document(str(error), "server_error"))
        except ConnectionError:
            self.close_connection = True
        finally:
            self._leave()

    def _list_models(self) -> None:
        if self.path.split("?")[0].rstrip("/") != "/v1/models":
            self.send(404, b'{"detail":"Not Found"}')
            return
        limit = {} if self.owner.max_model_len is None else {"max_model_len": self.owner.max_model_len}
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in self.owner.models
        ]
        self.send(200, json.dumps({"object": "list", "data": [model | limit for model in models]}).encode())

    def send(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Write a whole reply."""
        self._head(status, len(body), content_type, headers or {})
        self._leave()
        self.wfile.write(body)

    def begin(self, length: int, content_type: str = "application/json") -> None:
        """Write the head of a reply of status 200 whose body has so many bytes."""
        self.close_connection = True
        self._head(200, length, content_type, {})

    def write(self, body: bytes) -> None:
        """Write some of a body."""
        self.wfile.write(body)

    def completion(self) -> dict[str, Any]:
        """Return the document that would be the proper reply."""
        body = self.hit.body
        text = self.owner.answer(body.get("messages", []), body)
        asked, written = self.owner.words(body), len(text.split())
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            "id": f"chatcmpl-{self.hit.number}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model") or next(iter(self.owner.models), "unnamed"),
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written},
        }

    def answer(self, document: dict[str, Any]) -> None:
        """Write a document as the model's answer; the hit counts as answered once all of it is written."""
        if self.abandoned(0.0):
            self.close_connection = True
            return
        # before the client can see the last byte: it may look at the count at once
        self.hit.answered = True
        try:
            self.send(200, json.dumps(document).encode())
        except ConnectionError:
            self.hit.answered = False
            raise

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        os.close(self.connection.detach())

    def abandoned(self, seconds: float) -> bool:
        """Wait; True as soon as the client has gone or the server closes."""
        end = time.monotonic() + seconds
        while True:
            if self.owner.closing.is_set() or self._client_gone():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.owner.closing.wait(min(left, _LOOK_S))

    def _leave(self) -> None:
        if self._in_flight:
            self._in_flight = False
            self.owner.leave()

    def _client_gone(self) -> bool:
        readable = select.select([self.connection], [], [], 0.0)[0]
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _head(self, status: int, length: int, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        known = {"Content-Type": content_type, "Content-Length": str(length)}
        for name, value in (known | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: hits are counted, not logged."""


def _objection(hit: "Hit", server: "LanguageServer", completion: bool) -> tuple[int, bytes] | None:
    """Return the status and body with which a server declines a request; None where it serves it."""
    body, kind = hit.body, "invalid_request_error"
    if server.key is not None and hit.headers.get("authorization") != f"Bearer {server.key}":
        said = hit.headers.get("authorization", "").removeprefix("Bearer ")
        return 401, error_document(f"Incorrect API key provided: {said}.", kind, code="invalid_api_key")
    if not completion:
        return None
    if not isinstance(body.get("messages"), list) or not all(isinstance(m, dict) for m in body["messages"]):
        return 400, error_document("'messages' must be a list of objects", kind)
    if server.models and body.get("model") not in server.models:
        message = f"The model `{body.get('model')}` does not exist or you do not have access to it."
        return 404, error_document(message, kind, code="model_not_found")
    for name in server.refuses:
        if _asks_for(body, name):
            return 400, _unsupported(name.partition(":")[0])
    return _too_long(server, body)


def _asks_for(body: dict[str, Any], name: str) -> bool:
    parameter, _, variant = name.partition(":")
    value = body.get(parameter)
    return value is not None and (not variant or (isinstance(value, dict) and value.get("type") == variant))


def _unsupported(parameter: str) -> bytes:
    message = f"Unsupported parameter: '{parameter}' is not supported with this model."
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(parameter)
    message += f" Use '{other}' instead." if other else ""
    return error_document(message, "invalid_request_error", parameter, "unsupported_parameter")


def _too_long(server: "LanguageServer", body: dict[str, Any]) -> tuple[int, bytes] | None:
    if server.max_model_len is None:
        return None
    asked = server.words(body)
    room = body.get("max_tokens") or body.get("max_completion_tokens") or 0
    if asked + room <= server.max_model_len:
        return None
    message = (
        f"This model's maximum context length is {server.max_model_len} tokens. However, you requested "
        f"{asked + room} tokens ({asked} in the messages, {room} in the completion). "
        "Please reduce the length of the messages or completion."
    )
    return 400, error_document(message, "BadRequestError", code=400)
