"""The language server says what it is told to, survives its clients and counts honestly."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from matsearch.core.errors import InputError
from matsearch.testing.language_command import main
from matsearch.testing.language_faults import FAULTS, PASSING
from matsearch.testing.language_server import Hit, LanguageServer, faults_at_rate

WHOLE = {"null-content", "missing-usage", "partial-usage", "length", "refusal", "content-filter", "5mb"}
ENDLESS = {"hang", "drip"}
BROKEN = {"reset", "reset-midway"}


def answer(messages, body):
    return "said: " + messages[-1]["content"]


def ask(server, content="four words of prompt", headers=None, timeout=5.0, **body):
    """Return status, headers and bytes of one completion."""
    document = {"model": "rule-based-chemist", "messages": [{"role": "user", "content": content}], **body}
    return fetch(server, "/chat/completions", json.dumps(document).encode(), headers, timeout)


def fetch(server, path, data=None, headers=None, timeout=5.0):
    request = urllib.request.Request(
        server.base_url + path, data, {"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def error_of(reply):
    return json.loads(reply[2])["error"]


def test_answers_as_the_protocol_says():
    with LanguageServer(answer) as server:
        status, _, raw = ask(server, seed=3)
        assert json.loads(fetch(server, "/models")[2])["data"][0]["id"] == "rule-based-chemist"
    document = json.loads(raw)
    assert status == 200
    assert document["choices"][0]["message"]["content"] == "said: four words of prompt"
    assert document["choices"][0]["finish_reason"] == "stop"
    assert document["usage"] == {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}
    (hit,), (lookup,) = server.hits, server.lookups
    assert (hit.number, hit.path, hit.answered, hit.in_flight) == (0, "/v1/chat/completions", True, 1)
    assert (lookup.path, lookup.answered) == ("/v1/models", False)
    assert hit.body["seed"] == 3


def test_fingerprint_is_of_messages_and_seed():
    with LanguageServer(answer, ["500"]) as server:
        for seed, temperature in ((1, 0.0), (1, 1.0), (2, 0.0)):
            ask(server, seed=seed, temperature=temperature)
        first, again, other = server.hits
        assert first.fingerprint == again.fingerprint != other.fingerprint
        assert server.answers_of(first.fingerprint) == [again]


def test_faults_come_in_order_and_end():
    with LanguageServer(answer, ["429:retry-after=7", None, "500"]) as server:
        replies = [ask(server) for _ in range(4)]
    assert [reply[0] for reply in replies] == [429, 200, 500, 200]
    assert replies[0][1]["Retry-After"] == "7"
    assert [hit.fault for hit in server.hits] == ["429:retry-after=7", None, "500", None]
    assert [hit.answered for hit in server.hits] == [False, True, False, True]


def test_faults_may_be_chosen_by_hit():
    with LanguageServer(answer, lambda hit: "503" if hit.number % 2 else None) as server:
        assert [ask(server)[0] for _ in range(4)] == [200, 503, 200, 503]


def test_lookups_have_faults_of_their_own():
    with LanguageServer(answer, ["500"], lookup_faults=["html"]) as server:
        assert b"<html>" in fetch(server, "/models")[2]
        assert fetch(server, "/models")[0] == 200
        assert fetch(server, "/elsewhere")[0] == 404
        assert ask(server)[0] == 500


@pytest.mark.parametrize("name", sorted(set(FAULTS) - ENDLESS - BROKEN))
def test_a_fault_is_survived_and_counted_by_whether_the_model_answered(name):
    with LanguageServer(answer, [name]) as server:
        status, headers, raw = ask(server)
        assert int(headers["Content-Length"]) == len(raw)
        assert ask(server)[0] == 200
    assert server.hits[0].answered == (name in WHOLE)
    assert status == (int(name[:3]) if name[:3].isdigit() else status)


def test_what_is_wrong_with_an_answer():
    names = ["empty-choices", "null-content", "missing-usage", "partial-usage", "length", "refusal"]
    with LanguageServer(answer, names) as server:
        replies = dict(zip(names, [json.loads(ask(server)[2]) for _ in names], strict=True))
    assert replies["empty-choices"]["choices"] == []
    assert replies["null-content"]["choices"][0]["message"]["content"] is None
    assert "usage" not in replies["missing-usage"]
    assert replies["partial-usage"]["usage"] == {"prompt_tokens": 4}
    assert replies["length"]["choices"][0]["finish_reason"] == "length"
    assert replies["length"]["choices"][0]["message"]["content"] == "said: four wo"
    assert "can't help" in replies["refusal"]["choices"][0]["message"]["refusal"]


def test_what_is_no_answer():
    with LanguageServer(answer, ["broken-json", "invalid-utf8", "5mb", "429:http-date"]) as server:
        with pytest.raises(json.JSONDecodeError):
            json.loads(ask(server)[2])
        with pytest.raises(UnicodeDecodeError):
            ask(server)[2].decode()
        assert len(ask(server)[2]) > 5_000_000
        assert ask(server)[1]["Retry-After"].endswith("GMT")


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_reset_breaks_the_connection(name):
    with LanguageServer(answer, [name]) as server:
        with pytest.raises((ConnectionError, http.client.IncompleteRead)):
            ask(server)
        assert ask(server)[0] == 200
    assert [hit.answered for hit in server.hits] == [False, True]


@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_an_endless_reply_ends_with_its_client(name):
    with LanguageServer(answer, [name]) as server:
        start = time.monotonic()
        # by hand: urllib waits again and again for a drip
        connection = socket.create_connection(server._server.server_address, timeout=0.3)
        connection.sendall(
            b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{"messages":[]}'
        )
        try:
            assert connection.recv(100).startswith(b"HTTP/1.1 200") == (name == "drip")
        except TimeoutError:
            assert name == "hang"
        connection.close()
        while server._in_flight and time.monotonic() < start + 3:
            time.sleep(0.01)
        assert server._in_flight == 0
        assert not server.hits[0].answered


def test_closing_ends_what_hangs_and_leaves_no_thread():
    before = set(threading.enumerate())
    failures = []

    def client():
        try:
            ask(server)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    with LanguageServer(answer, ["hang"] * 3) as server:
        clients = [threading.Thread(target=client) for _ in range(3)]
        for thread in clients:
            thread.start()
        while len(server.hits) < 3:
            time.sleep(0.005)
        idle = socket.create_connection(server._server.server_address)
        start = time.monotonic()
    assert time.monotonic() - start < 1.0
    for thread in clients:
        thread.join()
    idle.close()
    assert len(failures) == 3
    assert set(threading.enumerate()) == before
    assert server.max_in_flight == 3


def test_a_client_that_left_is_no_answer(capsys):
    with LanguageServer(answer, latency_s=0.2) as server:
        with pytest.raises(TimeoutError):
            ask(server, timeout=0.05)
        assert ask(server)[0] == 200
    assert [hit.answered for hit in server.hits] == [False, True]
    assert capsys.readouterr().err == ""


def test_a_client_that_stops_reading_is_no_answer(capsys):
    with LanguageServer(answer, ["5mb"]) as server:
        body = b'{"model":"rule-based-chemist","messages":[{"content":"a"}]}'
        connection = socket.create_connection(server._server.server_address)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.recv(1000)
        connection.close()
        assert ask(server)[0] == 200
    assert [hit.answered for hit in server.hits] == [False, True]
    assert capsys.readouterr().err == ""


def test_a_key_is_asked_for():
    with LanguageServer(answer, key="sk-right") as server:
        wrong = ask(server, headers={"Authorization": "Bearer sk-wrong"})
        assert wrong[0] == 401
        # as some providers do: a client must not pass it on
        assert "sk-wrong" in error_of(wrong)["message"]
        assert fetch(server, "/models")[0] == 401
        assert ask(server, headers={"Authorization": "Bearer sk-right"})[0] == 200
    assert [hit.answered for hit in server.hits] == [False, True]


def test_parameters_are_refused_by_name():
    refuses = ("max_tokens", "temperature", "response_format:json_schema")
    with LanguageServer(answer, refuses=refuses) as server:
        error = error_of(ask(server, max_tokens=5))
        assert error["code"] == "unsupported_parameter"
        assert error["param"] == "max_tokens"
        assert "Use 'max_completion_tokens' instead" in error["message"]
        assert error_of(ask(server, temperature=0.0))["param"] == "temperature"
        assert ask(server, response_format={"type": "json_schema"})[0] == 400
        assert ask(server, response_format={"type": "json_object"}, max_completion_tokens=5)[0] == 200


def test_a_context_has_an_end():
    with LanguageServer(answer, max_model_len=8) as server:
        assert json.loads(fetch(server, "/models")[2])["data"][0]["max_model_len"] == 8
        error = error_of(ask(server, max_tokens=5))
        assert "maximum context length is 8 tokens" in error["message"]
        assert "requested 9 tokens (4 in the messages, 5 in the completion)" in error["message"]
        assert ask(server, max_tokens=4)[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        (b"[]", 400),
        (b"[" * 100_000, 400),
        (b'{"messages":[1]}', 400),
        (b'{"messages":[]}', 404),
    ],
)
def test_requests_that_make_no_sense(body, status):
    with LanguageServer(answer) as server:
        assert fetch(server, "/chat/completions", body)[0] == status


@pytest.mark.parametrize("head", ["Content-Length: abc", "Content-Length: -1", "Transfer-Encoding: chunked"])
def test_a_body_of_unknown_length_is_refused_and_ends_the_connection(head):
    with LanguageServer(answer) as server:
        connection = socket.create_connection(server._server.server_address, timeout=2.0)
        connection.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n2\r\n{{}}\r\n".encode()
        )
        with connection, connection.makefile("rb") as reply:
            lines = reply.read().decode()
    assert lines.startswith("HTTP/1.1 400")
    # one document and nothing behind it
    assert "messages" in json.loads(lines.partition("\r\n\r\n")[2])["error"]["message"]


def test_an_unknown_fault_is_named():
    with pytest.raises(InputError, match="no fault 'gremlins'"):
        LanguageServer(answer, ["gremlins"])


def test_the_openai_package_speaks_with_it():
    from openai import OpenAI

    with (
        LanguageServer(answer) as server,
        OpenAI(api_key="any", base_url=server.base_url, max_retries=0) as client,
    ):
        reply = client.chat.completions.create(
            model="rule-based-chemist", messages=[{"role": "user", "content": "hello"}]
        )
        assert reply.choices[0].message.content == "said: hello"
        assert [model.id for model in client.models.list()] == ["rule-based-chemist"]


def test_faults_come_at_their_rate():
    fault = faults_at_rate(0.1)
    hits = [Hit(number, "/", {}, {}, "", 1) for number in range(5000)]
    drawn = [fault(hit) for hit in hits]
    assert 420 < sum(name is not None for name in drawn) < 580
    assert set(drawn) == {None, *PASSING}
    assert drawn == [fault(hit) for hit in hits]
    assert set(map(faults_at_rate(0.0), hits)) == {None}
    assert None not in set(map(faults_at_rate(1.0), hits))


def start(*arguments):
    command = [sys.executable, "-m", "matsearch.testing.language_server", "--port", "0", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_is_a_command_that_says_what_it_is(tmp_path):
    with start() as process:
        try:
            assert "no language model" in process.stdout.readline()
            url = process.stdout.readline().strip()
            content = "Propose 2 crystals. Elements: Na, Cl."
            body = {"model": "rule-based-chemist", "messages": [{"role": "user", "content": content}]}
            with urllib.request.urlopen(url + "/chat/completions", json.dumps(body).encode()) as reply:
                text = json.loads(reply.read())["choices"][0]["message"]["content"]
            assert len(json.loads(text)["crystals"]) == 2
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert "completions asked for: 1" in process.stdout.read()
        assert process.stderr.read() == ""


def test_recordings_are_not_served_as_the_rules(tmp_path):
    (tmp_path / "1.prompt.txt").write_text("Propose 1 crystal.")
    (tmp_path / "1.reply.txt").write_text("No.")
    with start("--replay", str(tmp_path)) as process:
        try:
            assert process.stdout.readline().startswith("Recorded replies are served, 1 of them")
            process.stdout.readline()
            assert process.stdout.readline() == "model: recorded; stop with Ctrl-C\n"
        finally:
            process.send_signal(signal.SIGINT)


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit, match="cannot serve: no recordings in"):
        main(["--port", "0", "--replay", str(tmp_path)])
    with pytest.raises(SystemExit):
        main(["--mistakes", "2"])
    assert "2 is no share" in capsys.readouterr().err
    with LanguageServer(answer) as server, pytest.raises(SystemExit, match=r"in use; take another --port"):
        main(["--port", server.base_url.split(":")[2].partition("/")[0]])


def test_an_answer_that_cannot_be_given_is_an_error_of_the_server():
    def answer(messages, body):
        raise InputError("nothing to say", "ask again")

    with LanguageServer(answer) as server:
        reply = ask(server)
    assert reply[0] == 500
    assert error_of(reply)["message"] == "nothing to say (ask again)"
    assert not server.hits[0].answered


def test_half_a_question_is_no_hit():
    with LanguageServer(lambda messages, body: "answer") as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"mess'
            )
        status, _, _ = ask(server)
        assert status == 200
        assert len(server.hits) == 1
