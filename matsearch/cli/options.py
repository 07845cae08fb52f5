"""Options and arguments that several verbs have."""

from typing import Annotated, Any

import typer

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


def parse_overrides(texts: list[str] | None) -> dict[str, Any]:
    """Return the keys and values of ``--set`` options.

    Raises
    ------
    ConfigError
        If one is not key=value.
    """
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
