"""``matsearch frames``."""

from pathlib import Path

from matsearch.cli.console import print_json, print_line
from matsearch.cli.lookup import find_campaign, opened
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.core.text import counted
from matsearch.export.frames.folder import formats_of, write_frames
from matsearch.export.frames.rows import FrameSource
from matsearch.pipeline.rounds import calculations_of, plans_of, tasks_of


def export_frames(campaign: str | None, to: Path, form: str, store: str | None, *, as_json: bool) -> None:
    """Write every ionic step of a campaign's calculations to a folder.

    Raises
    ------
    InputError
        If the format is unknown, or there is no calculation.
    """
    formats = formats_of(form)
    with opened(store) as repository:
        campaign_id = find_campaign(repository, campaign).campaign_id
        sources = frame_sources(repository, campaign_id)
    if not sources:
        raise InputError(
            f"campaign {campaign_id} has no calculation with an ionic step",
            f"run `matsearch verify {campaign_id}` first",
        )
    index = write_frames(sources, to, formats)
    if as_json:
        print_json({"folder": str(to), "campaign_id": campaign_id, **index})
        return
    for group in index["settings"]:
        for file in group["files"]:
            without = "".join(f", {n} left out: {why}" for why, n in file["left_out"].items())
            print_line(f"{to / file['name']}: {counted(file['frames'], 'frame')}{without}")
    print_line(f"{to / 'frames.json'}: settings, schemes, units, sha256")


def frame_sources(repository: Repository, campaign_id: str) -> list[FrameSource]:
    """Return the calculations of a campaign that made ionic steps, with what each was computed for."""
    names: dict[str, set[str]] = {}
    for plan in plans_of(repository, campaign_id):
        candidates = {promoted.candidate_id for promoted in plan.promoted}
        for name, task in tasks_of(plan, repository).items():
            kind = "candidate" if name in candidates else "phase"
            names.setdefault(task.key, set()).add(f"{kind}:{name}")
    return [
        FrameSource(
            key=key, names=tuple(sorted(names[key])), steps=steps, converged=outcome.calculation is not None
        )
        for key, outcome in sorted(calculations_of(repository, campaign_id).items())
        if (steps := outcome.calculation.steps if outcome.calculation else outcome.unfinished) is not None
    ]
