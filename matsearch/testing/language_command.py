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
        answer, model, who = _answer(options)
        server = LanguageServer(answer, faults_at_rate(options.faults), models=(model,), port=options.port)
    except MatsearchError as error:
        sys.exit(f"cannot serve: {error}")
    except (OSError, OverflowError) as error:
        sys.exit(f"cannot serve at port {options.port}: {error}; take another --port")
    with server:
        sys.stdout.write(f"{who}\n{server.base_url}\nmodel: {model}; stop with Ctrl-C\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write(f"completions asked for: {len(server.hits)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m matsearch.testing.language_server",
        description="An OpenAI-compatible endpoint on the loopback, answered by rules: no language model.",
    )
    parser.add_argument("--port", type=int, default=8100, help="0 is a free one (default: 8100)")
    parser.add_argument(
        "--mistakes", type=share, default=0.0, help="share of crystals and replies with a mistake"
    )
    parser.add_argument(
        "--faults", type=share, default=0.0, help="share of requests at which something breaks"
    )
    parser.add_argument("--replay", type=Path, metavar="DIR", help="serve recorded replies instead")
    return parser


def share(text: str) -> float:
    """Return a number from 0 to 1; argparse names this function where it is none."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is no share: from 0 to 1")
    return value


def _answer(options: argparse.Namespace) -> tuple[Answer, str, str]:
    """Return what answers, under which name it is served, and what it is."""
    if options.replay is not None:
        from matsearch.testing.cassette import RECORDED, Cassette

        cassette = Cassette(options.replay)
        who = f"Recorded replies are served, {len(cassette.recordings)} of them; there is no language model here."
        return cassette.answer, RECORDED, who
    from matsearch.testing.chemist import Chemist

    return Chemist(options.mistakes), RULE_BASED, "A rule-based stand-in answers; it is no language model."
