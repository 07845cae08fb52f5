"""``matsearch init``."""

import shutil
from pathlib import Path

from matsearch.cli.console import print_line
from matsearch.core.errors import InputError
from matsearch.core.resources import share_roots

KINDS = ("configs", "flows", "prompts")


def copy_share(directory: Path) -> None:
    """Copy the shared files into a folder; an existing file is never overwritten."""
    root = share_roots()[0]
    sources = [path for kind in KINDS for path in sorted((root / kind).rglob("*")) if _wanted(path)]
    targets = [directory / source.relative_to(root) for source in sources]
    existing = next((target for target in targets if target.exists()), None)
    if existing is not None:
        raise InputError(f"{existing} exists already", "choose an empty folder")
    try:
        for source, target in zip(sources, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    except OSError as error:
        raise InputError(f"cannot write to {directory}: {error}", "choose another folder") from error
    print_line(
        f"{len(targets)} files in {directory}. Next: matsearch run {directory / 'configs' / 'quickstart.yaml'}"
    )


def _wanted(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts
