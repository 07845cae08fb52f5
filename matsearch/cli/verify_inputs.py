"""``matsearch verify --dry-run``: inputs for another machine."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from matsearch.cli.console import print_line
from matsearch.core.config import SearchConfig
from matsearch.core.dft import DftTask
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.core.text import counted
from matsearch.core.verification import VerificationPlan
from matsearch.graph.vasp import write_inputs
from matsearch.pipeline.rounds import tasks_of

INDEX = "verification.json"


def write_inputs_of(
    plan: VerificationPlan, search: SearchConfig, repository: Repository, folder: Path
) -> dict[str, Any]:
    """Write the inputs of a round's calculations, each into a folder of its own, and an index of them.

    Returns
    -------
    dict
        The index: campaign, settings, and of each calculation its folder, what it is of, and its steps' folders.

    Raises
    ------
    InputError
        If the folder cannot be written, or holds something: calculations of another round would be run with these.
    """
    folder = folder.expanduser().absolute()
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder} is not empty", "choose another folder for --dry-run")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # all of them or none
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as part:
            whole = Path(part) / folder.name
            whole.mkdir()
            index = {
                "campaign_id": plan.campaign_id,
                "folder": str(folder),
                "settings": plan.settings.document(),
                "rule": plan.rule,
                "seed": plan.seed,
                "strata": [stratum.document() for stratum in plan.strata],
                "left_out": plan.left_out,
                "calculations": _write_calculations(plan, search, repository, whole),
                "without_structure": [p.phase_id for p in plan.phases if p.structure is None],
            }
            (whole / INDEX).write_text(json.dumps(index, indent=2))
            whole.replace(folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}", "choose another folder") from error
    return index


def _write_calculations(
    plan: VerificationPlan, search: SearchConfig, repository: Repository, folder: Path
) -> dict[str, dict[str, Any]]:
    roles = {p.candidate_id: p.role for p in plan.promoted}
    lines = {}
    for name, task in tasks_of(plan, repository).items():
        own = folder / _folder_name(name, task)
        own.mkdir()
        steps = write_inputs(task, search.verify.vasp, own)
        lines[own.name] = {
            "of": name,
            "role": roles.get(name, "phase"),
            "formula": task.structure.composition.reduced_formula,
            "key": task.key,
            "steps": [str(step.relative_to(own)) for step in steps],
        }
    return lines


def print_inputs(index: dict[str, Any]) -> None:
    """Print what was written."""
    for name, line in index["calculations"].items():
        print_line(f"{name}: {', '.join(line['steps'])}")
    print_line(
        f"{counted(len(index['calculations']), 'calculation')} in {index['folder']}; {INDEX} says what each is of. "
        "Nothing was sent and nothing stored."
    )


def _folder_name(name: str, task: DftTask) -> str:
    # names of phases come from files
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{task.structure.composition.reduced_formula}-{name}")
    return f"{plain[:80]}-{task.key[:8]}"
