"""The verbs of ``matsearch prompt``."""

from typing import Annotated

import typer

from matsearch.cli.options import Config, Json, Overrides, Store, parse_overrides

prompts_app = typer.Typer(
    help="List, show, preview and try the prompts that language models are asked with.", no_args_is_help=True
)

Name = Annotated[
    str | None,
    typer.Option("--prompt", metavar="NAME|FILE", help="This prompt; by default the slot's own."),
]
Slot = Annotated[
    int | None,
    typer.Option("--slot", min=0, help="Slot of the generation; by default the first with this prompt."),
]
OfCampaign = Annotated[
    str | None,
    typer.Option(
        "--campaign",
        help="Id, name or beginning of it: what its next generation builds on. Default: the seeds.",
    ),
]


@prompts_app.command("list")
def prompt_list(as_json: Json = False) -> None:
    """List the prompts that can be named in propose.llm.prompt and propose.llm.prompts, and what each needs."""
    from matsearch.cli.prompts import list_prompts

    list_prompts(as_json=as_json)


@prompts_app.command("show")
def prompt_show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A prompt's name, or a file.")],
    as_json: Json = False,
) -> None:
    """Show a prompt as it is written, and what it needs."""
    from matsearch.cli.prompts import show_prompt

    show_prompt(name, as_json=as_json)


@prompts_app.command("preview")
def prompt_preview(
    config: Config,
    prompt: Name = None,
    slot: Slot = None,
    campaign: OfCampaign = None,
    store: Store = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Print word for word what the next generation would ask in a slot, and about how many tokens; nothing is sent."""
    from matsearch.cli.prompt_trials import preview_prompt

    preview_prompt(config, parse_overrides(overrides), prompt, slot, campaign, store, as_json=as_json)


@prompts_app.command("test")
def prompt_test(
    config: Config,
    prompt: Name = None,
    n: Annotated[int, typer.Option("-n", min=1, max=50, help="Crystals to ask for.")] = 1,
    slot: Slot = None,
    campaign: OfCampaign = None,
    store: Store = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Ask the endpoint once: the reply, the crystals in it, what sanity says of each, tokens, cost; nothing is stored."""
    from matsearch.cli.prompt_trials import try_prompt

    try_prompt(config, parse_overrides(overrides), prompt, n, slot, campaign, store, as_json=as_json)
