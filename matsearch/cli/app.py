"""``matsearch``: one command, thin verbs. Everything heavy is imported by the verb that needs it."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

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
references_app = typer.Typer(
    help="List, show, check and add the reference sets that hulls are made of.", no_args_is_help=True
)
app.add_typer(references_app, name="references")
potentials_app = typer.Typer(help="List, show and try the potentials that can relax.", no_args_is_help=True)
app.add_typer(potentials_app, name="potentials")

Store = Annotated[
    str | None,
    typer.Option(help="Repository: sqlite:///PATH or mongodb://HOST:PORT/DB. Default: MATSEARCH_STORE."),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Campaign = Annotated[
    str | None, typer.Argument(help="Campaign id, name or beginning of it. Default: the newest.")
]
Config = Annotated[
    str, typer.Argument(help="A YAML file, or the name of a packaged one, such as quickstart.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Change a key: --set budget.generations=3.")
]

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
    as_json: Json = False,
) -> None:
    """Run a search; the same command again goes on where it stopped."""
    from matsearch.cli.run import run_search

    run_search(config, references, store, _parse_overrides(overrides), top, as_json=as_json)


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


@config_app.command("check")
def config_check(config: Config, overrides: Overrides = None, as_json: Json = False) -> None:
    """Check a configuration and everything it names, without running it."""
    from matsearch.cli.configs import check

    check(config, _parse_overrides(overrides), as_json=as_json)


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

    show_config(config, _parse_overrides(overrides), resolved=resolved, as_json=as_json)


@references_app.command("list")
def references_list(as_json: Json = False) -> None:
    """List the reference sets that can be named in reference.source."""
    from matsearch.cli.references import list_sets

    list_sets(as_json=as_json)


@references_app.command("show")
def references_show(
    source: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A set's name, or a file of entries.")],
    elements: Annotated[
        str | None, typer.Option(help="Chemical system, such as Li,Fe,O: what is stable in it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a set's card and its entries say."""
    from matsearch.cli.references import show_set

    show_set(source, elements, as_json=as_json)


@references_app.command("verify")
def references_verify(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|PATH]...", help="Default: all that have names.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check sets: file, scheme, corrections, elements, energies, ids. Exit with 1 if one cannot be used."""
    from matsearch.cli.references import verify_sets

    verify_sets(sources or [], as_json=as_json)


@references_app.command("add")
def references_add(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Entries: .json or .csv, also .gz, .bz2, .xz.")
    ],
    name: Annotated[str, typer.Option(help="What to call the set.")],
    date: Annotated[str, typer.Option(help="Date of the data, such as 2023-02-07.")],
    scheme: Annotated[
        str | None, typer.Option(help="Energy scheme after corrections; they decide it where there are some.")
    ] = None,
    corrections: Annotated[str, typer.Option(help="none, mp2020 or mixing.")] = "none",
    software: Annotated[
        str | None, typer.Option(help="The code, where the entries do not name it, such as VASP.")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="It holds every known phase of its systems.")
    ] = False,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    citation: Annotated[str, typer.Option(help="What to cite.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the data.")] = "",
    as_json: Json = False,
) -> None:
    """Check a file of entries and put it into the library under a name."""
    from matsearch.cli.references import add

    facts = {"name": name, "scheme": scheme, "corrections": corrections, "software": software, "date": date}
    words = {"description": description, "citation": citation, "licence": licence}
    add(file, {**facts, "complete": complete, **words}, as_json=as_json)


@references_app.command("build")
def references_build(
    config: Config,
    name: Annotated[str, typer.Option(help="What the set is to be called.")],
    structures: Annotated[
        Path | None, typer.Option(help="Folder or file of CIF/POSCAR: phases to relax beside the known ones.")
    ] = None,
    prototypes: Annotated[
        str, typer.Option(help="Types to try with the system's elements: NaCl,CsCl or all.")
    ] = "",
    store: Store = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Relax known, given and prototype phases of a system with a configuration's potential, and name the set."""
    from matsearch.cli.building import build

    build(config, name, structures, prototypes, store, _parse_overrides(overrides), as_json=as_json)


@potentials_app.command("list")
def potentials_list(as_json: Json = False) -> None:
    """List the potentials that can be named in potential.name, and whether they are installed."""
    from matsearch.cli.potentials import list_potentials

    list_potentials(as_json=as_json)


@potentials_app.command("show")
def potentials_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A potential's name.")], as_json: Json = False
) -> None:
    """Show a potential's versions, their schemes and weights, and what it needs."""
    from matsearch.cli.potentials import show_potential

    show_potential(name, as_json=as_json)


@potentials_app.command("check")
def potentials_check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A potential's name.")],
    version: Annotated[str | None, typer.Option(help="Default: its first.")] = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Load a potential and compute a crystal: do forces and stress fit the energy? Exit with 1 if not."""
    from matsearch.cli.potentials import check_potential

    check_potential(name, version, _parse_overrides(overrides), as_json=as_json)


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


def _parse_overrides(texts: list[str] | None) -> dict[str, Any]:
    import yaml

    from matsearch.core.errors import ConfigError

    overrides: dict[str, Any] = {}
    for text in texts or []:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {text}: no key=value", "write --set section.key=value")
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {text}: the value is not YAML", "quote it") from error
    return overrides


if __name__ == "__main__":
    main()
