"""``matsearch``: one command, thin verbs. Everything heavy is imported by the verb that needs it."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from matsearch.cli.options import Campaign, Config, Json, Overrides, Store, parse_overrides
from matsearch.cli.potential_verbs import potentials_app
from matsearch.cli.prompt_verbs import prompts_app
from matsearch.cli.reference_verbs import references_app
from matsearch.cli.verify_verbs import frames, verify
from matsearch.core.errors import MatsearchError

app = typer.Typer(
    name="matsearch",
    help="Crystal discovery as workflow graphs: propose, screen, verify, learn.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Check, show and explain search configurations.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(references_app, name="references")
app.add_typer(potentials_app, name="potentials")
app.add_typer(prompts_app, name="prompt")

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line: errors a user can act on are one line, not a traceback."""
    as_json = "--json" in sys.argv
    # small matrices: threads of a linear-algebra library only get in each other's way
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    try:
        app()
    except MatsearchError as error:
        _complain(error.message, error.remedy, as_json=as_json)
        raise SystemExit(EXIT_ERROR) from None
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:  # what typer makes of Ctrl-C
            remedy = "nothing committed is lost: run the same command again to go on"
            _complain("stopped", remedy, as_json=as_json)
        raise


def _complain(message: str, remedy: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"error": message, "remedy": remedy}), err=True)
    else:
        typer.echo(f"matsearch: {message}" + (f"; {remedy}" if remedy else ""), err=True)


@app.command()
def run(
    config: Config,
    references: Annotated[
        str | None,
        typer.Option(help="Reference set by name, or file of entries; overrides reference.source."),
    ] = None,
    store: Store = None,
    overrides: Overrides = None,
    top: Annotated[int, typer.Option(min=1, help="Lines of the final table.")] = 10,
    verify: Annotated[
        bool, typer.Option("--verify", help="Then send survivors to DFT, as the verify section says.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a search; the same command again goes on where it stopped."""
    from matsearch.cli.run import run_search

    run_search(config, references, store, parse_overrides(overrides), top, verify=verify, as_json=as_json)


app.command()(verify)
app.command()(frames)


@app.command()
def status(campaign: Campaign = None, store: Store = None, as_json: Json = False) -> None:
    """Say how far a campaign is: generations, funnel, reasons of failure, work lost in flight."""
    from matsearch.cli.views import show_status

    show_status(campaign, store, as_json=as_json)


@app.command()
def top(
    campaign: Campaign = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 20,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Print the best distinct crystals of a campaign."""
    from matsearch.cli.views import show_top

    show_top(campaign, n, store, as_json=as_json)


@app.command()
def show(
    candidate_id: Annotated[str, typer.Argument(metavar="ID", help="Candidate id, or the beginning of it.")],
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Show one candidate: where it came from, what became of it, its crystal."""
    from matsearch.cli.views import show_candidate

    show_candidate(candidate_id, store, as_json=as_json)


@app.command()
def export(
    campaign: Campaign = None,
    to: Annotated[Path, typer.Option(help="Folder to write; made if missing.")] = Path("matsearch-export"),
    n: Annotated[int | None, typer.Option("-n", min=1, help="Only the best so many.")] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Write the distinct crystals as CIF and POSCAR, with a table (CSV), full records (JSON lines) and provenance."""
    from matsearch.cli.views import export_campaign

    export_campaign(campaign, to, n, store, as_json=as_json)


@app.command()
def report(
    campaign: Campaign = None,
    to: Annotated[Path, typer.Option(help="Folder to write; made if missing.")] = Path("matsearch-report"),
    n: Annotated[int, typer.Option("-n", min=1, help="Crystals in the table, each drawn.")] = 20,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Write what a campaign found as one HTML page, with its figures as PNG and its numbers as JSON."""
    from matsearch.cli.report import report_campaign

    report_campaign(campaign, to, n, store, as_json=as_json)


@app.command()
def doctor(store: Store = None, as_json: Json = False) -> None:
    """Check Python, packages, weights, store and disk; say what to do about what is wrong."""
    from matsearch.cli.doctor import run_doctor

    run_doctor(store, as_json=as_json)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to fill; made if missing.")],
) -> None:
    """Copy the packaged configs, flows and prompts into a folder, to be edited."""
    from matsearch.cli.init import copy_share

    copy_share(directory)


@app.command()
def debug(
    candidate_id: Annotated[str, typer.Argument(metavar="ID", help="Candidate id, or the beginning of it.")],
    stage: Annotated[str, typer.Option(help="parse, relax, hull or properties.")] = "relax",
    allow_import: Annotated[
        bool, typer.Option("--allow-import", help="The code that the stored campaign names may run.")
    ] = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Take one candidate through one stage again, in this process, with its log; nothing is stored."""
    from matsearch.cli.debug import debug_candidate

    debug_candidate(candidate_id, stage, store, allow_import=allow_import, as_json=as_json)


@app.command()
def calls(
    campaign: Campaign = None,
    n: Annotated[int, typer.Option("-n", min=1, help="The last so many.")] = 20,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """List a campaign's calls of its language model: how they ended, tokens, cost, and what they come to."""
    from matsearch.cli.calls import show_calls

    show_calls(campaign, n, store, as_json=as_json)


@app.command()
def call(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A call's key, or the beginning of it.")],
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Show one call: what was asked, word for word, and what was answered."""
    from matsearch.cli.calls import show_call

    show_call(key, store, as_json=as_json)


@app.command()
def parse(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Replies of a language model, as text.")
    ],
    to: Annotated[Path | None, typer.Option(help="Folder to write the crystals to, as CIF.")] = None,
    as_json: Json = False,
) -> None:
    """Read the crystals of replies, however they are written, and say what was mended and what cannot be read."""
    from matsearch.cli.replies import parse_files

    parse_files(files, to, as_json=as_json)


@config_app.command("check")
def config_check(config: Config, overrides: Overrides = None, as_json: Json = False) -> None:
    """Check a configuration and everything it names, without running it."""
    from matsearch.cli.configs import check

    check(config, parse_overrides(overrides), as_json=as_json)


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of a search configuration."""
    from matsearch.cli.configs import print_schema

    print_schema()


@config_app.command("show")
def config_show(
    config: Config,
    resolved: Annotated[bool, typer.Option("--resolved", help="With all defaults filled in.")] = False,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Print a configuration as it is written, or as it is understood."""
    from matsearch.cli.configs import show_config

    show_config(config, parse_overrides(overrides), resolved=resolved, as_json=as_json)


def _version(requested: bool) -> None:
    if requested:
        from matsearch import __version__

        typer.echo(f"matsearch {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Crystal discovery as workflow graphs: propose, screen, verify, learn."""


if __name__ == "__main__":
    main()
