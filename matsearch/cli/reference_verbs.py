"""The verbs of ``matsearch references``."""

from pathlib import Path
from typing import Annotated

import typer

from matsearch.cli.options import Config, Json, Overrides, Store, parse_overrides

references_app = typer.Typer(
    help="List, show, check and add the reference sets that hulls are made of.", no_args_is_help=True
)


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

    build(config, name, structures, prototypes, store, parse_overrides(overrides), as_json=as_json)
