"""Finds flows, prompts and configs: explicit path, then ``MATSEARCH_SHARE``, then packaged. Never the cwd."""

import difflib
from importlib.resources import files
from pathlib import Path

from matsearch.core.errors import InputError
from matsearch.core.settings import Settings

_SUFFIXES = {"flows": ".py", "prompts": ".md", "configs": ".yaml"}


def share_roots() -> list[Path]:
    """Return the folders that hold ``flows``, ``prompts`` and ``configs``, first one first."""
    package = Path(str(files("matsearch")))
    chosen = Settings().share
    # in a checkout the shared folders lie beside the package; in site-packages anything may
    checkout = [package.parent] if (package.parent / "pyproject.toml").is_file() else []
    roots = [*([chosen] if chosen else []), package / "_share", *checkout]
    return [root for root in roots if (root / "configs").is_dir()]


def find(kind: str, name: str) -> Path:
    """Return the path of a shared file.

    Parameters
    ----------
    kind : str
        ``flows``, ``prompts`` or ``configs``.
    name : str
        A path that exists, or a name such as ``quickstart`` or ``configs/quickstart.yaml``.

    Raises
    ------
    InputError
        If there is no such file.
    """
    suffix = _SUFFIXES[kind]
    explicit = Path(name).expanduser()
    if explicit.suffix in {suffix, ".yml"} and explicit.is_file():
        return explicit
    short = name.removeprefix(f"{kind}/")
    for root in share_roots():
        for candidate in (root / kind / short, root / kind / f"{short}{suffix}"):
            if candidate.is_file():
                return candidate
    names = available(kind)
    near = difflib.get_close_matches(short, names, n=3) or names
    raise InputError(f"no such file: {name}", f"give a path, or one of: {', '.join(near)}")


def available(kind: str) -> list[str]:
    """Return the names of the shared files of a kind."""
    found = {p.stem for root in share_roots() for p in (root / kind).glob(f"*{_SUFFIXES[kind]}")}
    return sorted(found - {"README"})
