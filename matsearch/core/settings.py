"""Where things live on this machine: environment variables and one file. Never what a search wants."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from matsearch.core.errors import ConfigError

_FILE = "~/.matsearch.yaml"


class Settings(BaseSettings):
    """Machine settings, from ``MATSEARCH_*``, else ``~/.matsearch.yaml``, else the defaults.

    Attributes
    ----------
    store : str
        Repository: ``sqlite:///PATH`` or ``mongodb://HOST:PORT/DATABASE``.
    share : Path or None
        Folder with flows, prompts and configs to use before the packaged ones.
    workers : int or None
        Relaxation processes; None is the number of cores.
    references : Path or None
        Folder of the reference sets that can be named; None is ``matsearch/references`` in the user's data folder.
    """

    model_config = SettingsConfigDict(env_prefix="MATSEARCH_", extra="ignore")

    store: str = Field(default="sqlite:///matsearch.sqlite")
    share: Path | None = None
    workers: int | None = Field(default=None, ge=0)
    references: Path | None = None

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            item = error.errors()[0]
            name = ".".join(str(part) for part in item["loc"])
            raise ConfigError(
                f"MATSEARCH_{name.upper()} or {name} in {_FILE}: {item['msg']} (got {item['input']!r})",
                "mend or remove it",
            ) from error
        except (SettingsError, yaml.YAMLError, OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"cannot use {_FILE}: {' '.join(str(error).split())}", "mend or remove it"
            ) from error

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # pydantic passes all by name
        cls, settings_cls: type[BaseSettings], **sources: PydanticBaseSettingsSource
    ) -> tuple[Any, ...]:
        """Read the environment before the file."""
        file = YamlConfigSettingsSource(settings_cls, yaml_file=Path(_FILE).expanduser())
        return sources["init_settings"], sources["env_settings"], file
