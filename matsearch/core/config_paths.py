"""Paths in a configuration: which values are files, and where they lie."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

BUILT_IN = ("embedded", "toy")
"""Reference sets and seeds that come with matsearch."""

_ENTRIES = (".json", ".csv")
_PACKED = (".gz", ".bz2", ".xz")


def names_entries_file(source: str) -> bool:
    """Return whether a reference is given by path: with a directory separator or a suffix of entries; else by name."""
    name = source.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return "/" in source or os.sep in source or name.endswith(_ENTRIES)


def make_paths_absolute(data: dict[str, Any]) -> None:
    """Change the paths in what a YAML file says, in place: jobs may run in another folder than they were given in."""
    _change(data.get("reference"), "source", names_entries_file)
    _change(data.get("seeds"), "source", lambda source: source not in BUILT_IN)
    others = data.get("opinions")
    verify = data.get("verify")
    verify = verify if isinstance(verify, dict) else {}
    _change(verify.get("run"), "folder", bool)
    _change(verify.get("run"), "python", lambda python: "/" in python)
    potentials = (data.get("potential"), verify.get("potential"))
    for section in (*potentials, *(others if isinstance(others, list | tuple) else ())):
        for key in ("weights", "python"):
            _change(section, key, bool)
    propose = data.get("propose")
    model = propose.get("llm") if isinstance(propose, dict) else None
    _change(model, "prompt", _names_prompt_file)
    if isinstance(model, dict) and isinstance(prompts := model.get("prompts"), dict):
        model["prompts"] = {_absolute(key, _names_prompt_file): share for key, share in prompts.items()}


def _change(section: Any, key: str, is_path: Callable[[str], bool]) -> None:
    if isinstance(section, dict) and key in section:
        section[key] = _absolute(section[key], is_path)


def _absolute(value: Any, is_path: Callable[[str], bool]) -> Any:
    if isinstance(value, str) and is_path(value):
        return str(Path(value).expanduser().absolute())
    return value


def _names_prompt_file(prompt: str) -> bool:
    return prompt.endswith(".md")
