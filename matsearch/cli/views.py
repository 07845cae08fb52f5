"""``status``, ``top``, ``show`` and ``export``."""

from collections.abc import Mapping
from pathlib import Path

from matsearch.cli.calls import usage_of_campaign, usage_sentence
from matsearch.cli.console import print_counts, print_json, print_line, print_ranked
from matsearch.cli.lookup import find_campaign, find_candidate, opened
from matsearch.cli.verdicts import print_verified
from matsearch.cli.verify_status import print_rounds, round_documents
from matsearch.core.records import Candidate, HullPlacement, OxidationStates, Relaxation
from matsearch.core.text import counted
from matsearch.crystal.ions import ion_summary
from matsearch.export.folder import write_folder
from matsearch.pipeline.feedback import code_name
from matsearch.pipeline.funnel import hull_sentence
from matsearch.pipeline.result import load_result
from matsearch.pipeline.rounds import plans_of


def show_status(campaign: str | None, store: str | None, *, as_json: bool) -> None:
    """Print how far a campaign is."""
    with opened(store) as repository:
        record = find_campaign(repository, campaign)
        result = load_result(repository, record)
        verdicts = repository.verdict_counts(record.campaign_id)
        work = repository.work_summary(record.campaign_id)
        usage = usage_of_campaign(repository, record)
        rounds = round_documents(repository, record.campaign_id, result.candidates)
    state = record.state
    if as_json:
        print_json(
            {
                "campaign_id": record.campaign_id,
                "status": state.status,
                "generation": state.generation,
                "history": [summary.document() for summary in state.history],
                "funnel": result.funnel.document(),
                "verdicts": verdicts,
                "work": {**work.document(), "lost": work.lost},
                "verification": rounds,
                **({"usage": usage.document(), "stopped": state.stopped} if usage else {}),
                "hull": record.provenance["hull"],
            }
        )
        return
    print_line(f"{record.campaign_id}: {state.status}, {counted(state.generation, 'generation')} done")
    if state.stopped:
        print_line(f"Stopped: {state.stopped}")
    print_counts("Funnel", result.funnel.document())
    print_counts("Verdicts", verdicts)
    print_counts("Relaxations", {**work.document(), "lost in flight": work.lost})
    print_rounds(rounds, record.campaign_id)
    if usage:
        print_line(f"Calls of {record.provenance['language_model']['model']}: {usage_sentence(usage)}")
    if state.history and state.history[-1].hypervolume is not None:
        print_line(f"Hypervolume of all objectives: {state.history[-1].hypervolume:.4f} of their axes' space")
    print_line(hull_sentence(record))


def show_top(campaign: str | None, n: int, store: str | None, *, as_json: bool) -> None:
    """Print the best distinct crystals."""
    with opened(store) as repository:
        result = load_result(repository, find_campaign(repository, campaign))
    if as_json:
        print_json({"campaign_id": result.record.campaign_id, "top": result.rows(n)})
        return
    print_ranked(result.rows(n))
    print_line(hull_sentence(result.record))


def show_candidate(candidate_id: str, store: str | None, *, as_json: bool) -> None:
    """Print one candidate."""
    with opened(store) as repository:
        candidate = find_candidate(repository, candidate_id)
        plans = plans_of(repository, candidate.campaign_id) if candidate.verification else []
    if as_json:
        print_json(candidate.document())
        return
    _print_candidate(candidate, {plan.settings.key: code_name(plan.settings) for plan in plans})


def export_campaign(
    campaign: str | None, to: Path, n: int | None, store: str | None, *, as_json: bool
) -> None:
    """Write a campaign's crystals to a folder."""
    with opened(store) as repository:
        result = load_result(repository, find_campaign(repository, campaign))
    files = write_folder(result.record, list(result.ranked[:n]), result.rows(n), to)
    if as_json:
        print_json({"folder": str(to), "files": files})
        return
    print_line(f"{len(result.ranked[:n])} crystals in {to}: {', '.join(files[:4])}, ...")


def _print_candidate(candidate: Candidate, codes: Mapping[str, str]) -> None:
    """Print a candidate; ``codes`` name what its independent calculation was done with, by key of the settings."""
    lineage = candidate.lineage
    made = ", ".join(f"{key} {str(value)[:40]}" for key, value in lineage.details.items())
    print_line(f"{candidate.candidate_id}  {candidate.formula}  {candidate.spacegroup or ''}".rstrip())
    print_line(
        f"  campaign    {candidate.campaign_id}, generation {candidate.generation}, slot {candidate.slot}"
    )
    print_line(f"  made by     {lineage.operator} from {', '.join(lineage.parent_ids) or 'nothing'} ({made})")
    if candidate.verdict:
        print_line(
            f"  ended       {candidate.verdict.kind} in {candidate.verdict.stage}: {candidate.verdict.detail}"
        )
    for repair in candidate.repairs:
        print_line(f"  mended      {repair}")
    _print_energies(candidate)
    if candidate.verification:
        print_verified(candidate.verification, codes)
    if candidate.match:
        print_line(f"  known as    {candidate.match.known_id} (by {candidate.match.kind.replace('_', ' ')})")
    _print_kind(candidate)
    if candidate.duplicate_of:
        print_line(f"  same as     {candidate.duplicate_of}")
    if candidate.flags:
        print_line(f"  flagged     {', '.join(candidate.flags).replace('_', ' ')}")
    if candidate.best_structure is not None:
        print_line("  crystal     " + ("relaxed" if candidate.relaxation else "as proposed"))
        print_line("\n".join(f"    {line}" for line in str(candidate.best_structure).splitlines()))


def _print_kind(candidate: Candidate) -> None:
    nearest = candidate.nearest_known
    if candidate.prototype:
        print_line(f"  prototype   {candidate.prototype}")
    if nearest:
        like = "isotypic with it" if nearest.isotypic else "another type"
        print_line(f"  most like   {nearest.known_id} ({like}, {nearest.distance:.3f} apart by fingerprint)")
    if candidate.charge_balance:
        print_line(f"  balanced    {candidate.charge_balance} (charges by known oxidation states)")


def _print_energies(candidate: Candidate) -> None:
    relaxation, placement = candidate.relaxation, candidate.placement
    if relaxation:
        steps = f"{relaxation.n_steps} steps, fmax {relaxation.fmax:.3f} eV/A, volume x{relaxation.volume_ratio:.3f}"
        print_line(
            f"  relaxed     {relaxation.energy_per_atom:.4f} eV/atom by {relaxation.potential} ({steps})"
        )
    if relaxation and relaxation.magmoms:
        print_line(f"  moments     {' '.join(f'{m:.2f}' for m in relaxation.magmoms)} muB")
    if relaxation and candidate.oxidation_states:
        print_line(f"  ions        {_ions(relaxation, candidate.oxidation_states)}")
    if placement:
        products = " + ".join(f"{share:.2f} {name}" for name, share in placement.decomposition.items())
        print_line(
            f"  above hull  {placement.energy_above_hull:+.4f} eV/atom against {placement.hull_name}: {products}"
        )
        _print_opinions(placement)
    for name, value in candidate.properties.items():
        print_line(f"  {name}  {value.value:.4g} {value.unit}")


def _print_opinions(placement: HullPlacement) -> None:
    for name, energy in placement.opinions.items():
        print_line(f"  opinion     {energy:+.4f} eV/atom by {name}")
    for name, verdict in placement.failed_opinions.items():
        print_line(f"  opinion     none by {name}: {verdict.kind}, {verdict.detail}")
    if placement.energy_above_hull_uncertainty is not None:
        print_line(f"  uncertainty {placement.energy_above_hull_uncertainty:.4f} eV/atom above hull")


def _ions(relaxation: Relaxation, charges: OxidationStates) -> str:
    summary = ion_summary([site.specie.symbol for site in relaxation.structure], charges.states)
    return f"{summary}, " + (f"by {charges.method}" if charges.decided else f"undecided: {charges.reason}")
