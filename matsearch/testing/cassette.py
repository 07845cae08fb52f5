"""Recorded prompts and replies, served again byte for byte."""

import hashlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from matsearch.core.calls import Call, CallRequest, Message
from matsearch.core.errors import InputError
from matsearch.core.records import Candidate, Lineage
from matsearch.core.slots import Slot
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.parse.reply.candidates import candidates_of
from matsearch.parse.reply.reader import ReplyReader
from matsearch.testing.chemist_question import crystals_asked, language_asked
from matsearch.testing.language_server import fingerprint_of

PROMPT, REPLY = ".prompt.txt", ".reply.txt"
RECORDED = "recorded"
"""The name of the model, since nobody knows which one it was."""

NOT_RECORDED = "1970-01-01T00:00:00+00:00"
"""When a recorded call was made: nobody knows."""


class Recording(NamedTuple):
    """One prompt and its reply, as in their files."""

    name: str
    prompt: str
    reply: str


class Cassette:
    """The recordings of a folder: pairs ``NAME.prompt.txt`` and ``NAME.reply.txt``, sorted by name.

    Parameters
    ----------
    folder : path
        UTF-8 files; nothing in them is changed, neither ends of lines nor an order mark.

    Attributes
    ----------
    recordings : tuple of Recording
        All of them.

    Raises
    ------
    InputError
        If there is none, half of a pair is missing, or a file is not UTF-8.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        halves = [path for path in self.folder.glob("*.txt") if path.name.endswith((PROMPT, REPLY))]
        names = sorted({path.name.removesuffix(PROMPT).removesuffix(REPLY) for path in halves})
        if not names:
            raise InputError(f"no recordings in {self.folder}", f"NAME{PROMPT} and NAME{REPLY}")
        self.recordings = tuple(
            Recording(name, _text(self.folder / (name + PROMPT)), _text(self.folder / (name + REPLY)))
            for name in names
        )
        self._given: dict[str, int] = {}
        self._lock = threading.Lock()

    def answer(self, messages: list[dict[str, Any]], body: dict[str, Any]) -> str:
        """Return the reply that was recorded to this prompt, else the next one; to the same question the same.

        For :class:`~matsearch.testing.language_server.LanguageServer`.

        Raises
        ------
        InputError
            If all replies were given to other questions.
        """
        question = fingerprint_of({"messages": messages, "seed": body.get("seed")})
        said = {str(message.get("content")) for message in messages}
        with self._lock:
            if question not in self._given:
                self._given[question] = self._next(said)
            return self.recordings[self._given[question]].reply

    def _next(self, said: set[str]) -> int:
        recorded = [i for i, recording in enumerate(self.recordings) if recording.prompt in said]
        for index in recorded or range(len(self.recordings)):
            if index not in self._given.values():
                return index
        if recorded:
            return recorded[-1]
        raise InputError(
            f"all {len(self.recordings)} replies of {self.folder} were given", "ask what was recorded"
        )


class CassetteProposer:
    """A proposer that replays recordings: slot n gives the crystals of reply n, whatever its parents and seed are.

    A context manager, for it holds a process that reads.

    Parameters
    ----------
    folder : path
        Of a :class:`Cassette`.
    prompt_id : str
        Under which the lineages name the prompts.
    """

    name = "llm"

    def __init__(self, folder: Path | str, prompt_id: str = "recorded/1") -> None:
        self.cassette = Cassette(folder)
        self.prompt_id = prompt_id
        self._reader = ReplyReader()

    def propose(self, slot: Slot) -> list[Candidate]:
        """Return the crystals and verdicts of a slot's reply; beyond the last one a verdict."""
        if slot.slot >= len(self.cassette.recordings):
            return [self._unanswered(slot)]
        recording = self.cassette.recordings[slot.slot]
        request = self._request(slot, recording)
        call = _call(request, recording)
        return candidates_of(request, call, self._reader.read(recording.reply))

    def close(self) -> None:
        """End the process."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, slot: Slot, recording: Recording) -> CallRequest:
        return CallRequest(
            campaign_id=slot.campaign_id,
            generation=slot.generation,
            slot=slot.slot,
            prompt_id=self.prompt_id,
            prompt_sha256=hashlib.sha256(recording.prompt.encode()).hexdigest(),
            messages=(Message(role="user", content=recording.prompt),),
            language=language_asked(recording.prompt),
            crystals=crystals_asked(recording.prompt),
            model=RECORDED,
        )

    def _unanswered(self, slot: Slot) -> Candidate:
        detail = f"slot {slot.slot}: only {len(self.cassette.recordings)} replies are recorded"
        return Candidate.born(
            slot.campaign_id,
            slot.generation,
            self.name,
            slot.slot,
            lineage=Lineage(operator=self.prompt_id.partition("/")[0]),
            verdict=Verdict(kind=FailureKind.NO_REPLY, stage="propose", detail=detail),
        )


def _call(request: CallRequest, recording: Recording) -> Call:
    return request.ended(
        messages=request.messages,
        parents_shown=0,
        sent={},
        endpoint=f"recording:{recording.name}",
        reply=recording.reply,
        latency_s=0.0,
        attempts=(),
        answered=True,
        created_at=NOT_RECORDED,
    )


def _text(path: Path) -> str:
    try:
        # as bytes: reading text would change the ends of lines
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"{path.name} is missing in {path.parent}", "prompts and replies come in pairs"
        ) from error
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}", "recordings are UTF-8 files") from error
