"""The verbs of verification: ``verify`` and ``frames``."""

from pathlib import Path
from typing import Annotated

import typer

from matsearch.cli.options import Campaign, Json, Overrides, Store, parse_overrides


def verify(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CAMPAIGN | FILE...]",
            help="Campaign id, name or beginning of it, by default the newest; or CIF and POSCAR files and folders.",
        ),
    ] = None,
    backend: Annotated[str | None, typer.Option(help="gpaw, vasp or potential: verify.backend.")] = None,
    survivors: Annotated[
        int | None, typer.Option(min=0, help="How many predicted to be stable: verify.promotion.survivors.")
    ] = None,
    controls: Annotated[
        int | None, typer.Option(min=0, help="How many predicted not to be: verify.promotion.controls.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show whom it would send and what that costs; nothing is written.")
    ] = False,
    dry_run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write inputs of VASP for another machine instead.")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="Configuration whose verify section counts; of files also its potential and its hull."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Begins the name of the campaign that files become.")
    ] = None,
    allow_import: Annotated[
        bool, typer.Option("--allow-import", help="The code that the stored campaign names may run.")
    ] = False,
    store: Store = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Send survivors to DFT, or crystals of files; the same command again goes on where it stopped."""
    from matsearch.cli.verify import verify as verify_targets
    from matsearch.cli.verify_targets import asked_overrides

    asked = asked_overrides(parse_overrides(overrides), backend, survivors, controls)
    verify_targets(
        targets or [],
        name,
        config,
        asked,
        store,
        plan=plan,
        dry_run=dry_run,
        allow_import=allow_import,
        as_json=as_json,
    )


def frames(
    campaign: Campaign = None,
    to: Annotated[Path, typer.Option(help="Folder to write; made if missing.")] = Path("matsearch-frames"),
    form: Annotated[str, typer.Option("--format", help="extxyz, chgnet, mace or all.")] = "all",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Write every ionic step of a campaign's calculations as training data."""
    from matsearch.cli.frames import export_frames

    export_frames(campaign, to, form, store, as_json=as_json)
