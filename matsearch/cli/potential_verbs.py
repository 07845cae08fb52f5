"""The verbs of ``matsearch potentials``."""

from typing import Annotated

import typer

from matsearch.cli.options import Json, Overrides, parse_overrides

potentials_app = typer.Typer(help="List, show and try the potentials that can relax.", no_args_is_help=True)


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

    check_potential(name, version, parse_overrides(overrides), as_json=as_json)
