"""Recordings come back byte for byte."""

import json
import urllib.request

import pytest

from matsearch.core.errors import InputError
from matsearch.core.verdict import FailureKind
from matsearch.testing.cassette import Cassette, CassetteProposer
from matsearch.testing.language_server import LanguageServer
from matsearch.testing.proposer import SLOTS, ProposerContract

POSCAR = "Na Cl\\n1.0\\n0 2.82 2.82\\n2.82 0 2.82\\n2.82 2.82 0\\nNa Cl\\n1 1\\ndirect\\n0 0 0 Na\\n0.5 0.5 0.5 Cl\\n"
ODD = [
    b'{"crystals": [{"formula": "NaCl", "poscar": "' + POSCAR.encode() + b'"}]}',
    b"two lines\r\nand a third\n\r\n",
    "\ufeffCrystals: \u00e9\u4e2d \U0001f48e \u2028 no line at the end".encode(),
    b"",
    b"\x00 NUL and \x1b escape\n",
]


@pytest.fixture
def folder(tmp_path):
    """Five odd recordings, written in another order than by name."""
    for number in (3, 0, 4, 1, 2):
        (tmp_path / f"{number:02}-odd.prompt.txt").write_bytes(b"Propose 1 crystal, number %d\r\n" % number)
        (tmp_path / f"{number:02}-odd.reply.txt").write_bytes(ODD[number])
    (tmp_path / "README.md").write_text("not a recording")
    return tmp_path


def served(server, prompt, seed=None):
    messages = [{"role": "user", "content": prompt}]
    body = json.dumps({"model": "rule-based-chemist", "messages": messages, "seed": seed}).encode()
    with urllib.request.urlopen(server.base_url + "/chat/completions", body) as reply:
        return json.loads(reply.read())["choices"][0]["message"]["content"].encode()


def test_bytes_are_those_of_the_files(folder):
    cassette = Cassette(folder)
    assert [recording.reply.encode() for recording in cassette.recordings] == ODD
    assert [recording.name for recording in cassette.recordings] == [
        f"{number:02}-odd" for number in range(5)
    ]
    assert cassette.recordings[3].prompt == "Propose 1 crystal, number 3\r\n"


def test_bytes_survive_the_server(folder):
    with LanguageServer(Cassette(folder).answer) as server:
        assert [served(server, f"anything {number}") for number in range(5)] == ODD


def test_a_recorded_prompt_gets_its_own_reply(folder):
    with LanguageServer(Cassette(folder).answer) as server:
        for number in (4, 1, 3, 0, 2):
            assert served(server, f"Propose 1 crystal, number {number}\r\n") == ODD[number]
            assert served(server, f"Propose 1 crystal, number {number}\r\n", seed=1) == ODD[number]


def test_the_same_question_gets_the_same_reply(folder):
    cassette = Cassette(folder)
    question = [{"role": "user", "content": "first"}]
    assert cassette.answer(question, {"seed": 1}).encode() == ODD[0]
    assert cassette.answer(question, {"seed": 2}).encode() == ODD[1]
    assert cassette.answer(question, {"seed": 1}).encode() == ODD[0]


def test_an_end_is_said(folder):
    cassette = Cassette(folder)
    for seed in range(5):
        cassette.answer([], {"seed": seed})
    with pytest.raises(InputError, match="all 5 replies"):
        cassette.answer([], {"seed": 5})
    with LanguageServer(cassette.answer) as server, pytest.raises(urllib.error.HTTPError) as refused:
        served(server, "one more")
    with refused.value as error:
        assert error.code == 500
        assert "all 5 replies" in json.loads(error.read())["error"]["message"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("05-odd.reply.txt", b"", "05-odd.prompt.txt is missing"),
        ("05-odd.prompt.txt", b"", "05-odd.reply.txt is missing"),
        ("00-odd.reply.txt", b"\xff", "cannot be read"),
    ],
)
def test_bad_recordings_are_named(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        Cassette(folder)


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no recordings in"):
        Cassette(tmp_path)


@pytest.fixture(scope="module")
def replaying(tmp_path_factory):
    """One proposer, and one process, for all tests."""
    folder = tmp_path_factory.mktemp("recordings")
    for number, reply in enumerate(ODD):
        (folder / f"{number}.prompt.txt").write_text(f"Propose 1 crystal, number {number}")
        (folder / f"{number}.reply.txt").write_bytes(reply)
    with CassetteProposer(folder) as proposer:
        yield proposer


class TestCassetteProposer(ProposerContract):
    """The contract; parents and seeds change nothing in a recording."""

    @pytest.fixture
    def proposer(self, replaying):
        return replaying

    def test_seeds_differ(self, proposer):
        """They do not: a recording knows no seed."""
        one, two = (proposer.propose(self.slot_of(0, seed=seed)) for seed in (1, 2))
        assert one == two

    def test_slots_give_the_replies_in_order(self, proposer):
        kinds = []
        for number in range(SLOTS):
            (candidate,) = proposer.propose(self.slot_of(number))
            kinds.append(candidate.verdict.kind if candidate.verdict else candidate.formula)
        assert kinds == ["NaCl", *[FailureKind.NO_CRYSTAL] * 4, *[FailureKind.NO_REPLY] * 3]

    def test_lineage_names_the_prompt(self, proposer):
        (candidate,) = proposer.propose(self.slot_of(0))
        assert candidate.lineage.operator == "recorded"
        assert candidate.lineage.details["prompt"] == "recorded/1"
        assert candidate.lineage.details["model"] == "recorded"
        (beyond,) = proposer.propose(self.slot_of(5))
        assert "only 5 replies are recorded" in beyond.verdict.detail
        assert beyond.lineage.operator == "recorded"


def test_real_replies_lose_nothing(test_data):
    folder = test_data.parent / "replies"
    if not folder.is_dir():
        pytest.skip("no recorded replies next to the reference data")
    with CassetteProposer(folder) as proposer, LanguageServer(proposer.cassette.answer) as server:
        candidates = []
        for number, recording in enumerate(proposer.cassette.recordings):
            path = folder / f"{recording.name}.reply.txt"
            assert served(server, recording.prompt) == path.read_bytes()
            candidates += proposer.propose(TestCassetteProposer().slot_of(number))
    assert len(candidates) == 70
    assert all(candidate.alive for candidate in candidates)
