"""The language server from the command line: try the plumbing without a provider."""

import argparse
import sys
import threading
from pathlib import Path

from matsearch.core.errors import MatsearchError
from matsearch.testing.language_server import RULE_BASED, Answer, LanguageServer, faults_at_rate


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted."""
    options = _parser().parse_args(arguments)
    try:
        answer, who = _answer(options)
        server = LanguageServer(answer, faults_at_rate(options.faults), port=options.port)
    except (MatsearchError, OSError, OverflowError) as error:
        sys.exit(f"cannot serve: {error}")
    with server:
        sys.stdout.write(f"{who}\n{server.base_url}\nmodel: {RULE_BASED}; stop with Ctrl-C\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write(f"{len(server.hits)} completions were asked for\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m matsearch.testing.language_server",
        description="An OpenAI-compatible endpoint on the loopback, answered by rules: no language model.",
    )
    parser.add_argument("--port", type=int, default=8100, help="0 is a free one (default: 8100)")
    parser.add_argument(
        "--mistakes", type=_share, default=0.0, help="share of crystals and replies with a mistake"
    )
    parser.add_argument(
        "--faults", type=_share, default=0.0, help="share of requests at which something breaks"
    )
    parser.add_argument("--replay", type=Path, metavar="DIR", help="serve recorded replies instead")
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is no share: from 0 to 1")
    return value


def _answer(options: argparse.Namespace) -> tuple[Answer, str]:
    if options.replay is not None:
        from matsearch.testing.cassette import Cassette

        cassette = Cassette(options.replay)
        return (
            cassette.answer,
            f"{len(cassette.recordings)} recorded replies are served; there is no language model here.",
        )
    from matsearch.testing.chemist import Chemist

    return Chemist(options.mistakes), "A rule-based stand-in answers; it is no language model."
