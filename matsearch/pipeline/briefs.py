"""What a generation's proposers are told besides their parents."""

from collections import Counter
from collections.abc import Sequence

from matsearch.core.axes import AXES
from matsearch.core.campaign import CampaignState, CandidateQuery
from matsearch.core.config import Objective, SearchConfig
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.core.slots import Brief, Failed
from matsearch.core.text import one_line
from matsearch.core.verdict import TRANSIENT, UNANSWERED, FailureKind
from matsearch.crystal.scope import limits_lines
from matsearch.pipeline.tools import Tools
from matsearch.propose.llm.saying import MAX_FAILURES

_MEANS = {"deformation_energy": "relaxed minus proposed, "}
"""What a name does not say by itself."""

SAY_NOTHING = frozenset(
    {
        *UNANSWERED,
        *TRANSIENT,
        FailureKind.GAVE_UP,
        FailureKind.INTERNAL_ERROR,
        FailureKind.NO_PROPOSAL,
        FailureKind.NULL_CONTENT,
        FailureKind.REFUSED,
        FailureKind.REPLY_TOO_LARGE,
        FailureKind.SURPLUS,
    }
)
"""Ends that no other proposal would have avoided."""


def brief_of(state: CampaignState, tools: Tools, repository: Repository) -> Brief:
    """Return the constraints, objectives, failures of the generation before, and feedback of a campaign.

    It is empty where no language model is asked: nobody else reads it.
    """
    if tools.config.propose.llm is None:
        return Brief()
    before = CandidateQuery(campaign_id=state.campaign_id, generation=state.generation - 1, alive=False)
    ended = repository.query_candidates(before) if state.generation else []
    return Brief(
        constraints=limits_lines(tools.limits),
        objectives=_objective_lines(tools.config),
        failures=chosen_failures(ended),
        feedback=state.feedback,
    )


def _objective_lines(config: SearchConfig) -> tuple[str, ...]:
    """Return a line for each objective; where selection weighs them or takes them in order, the line says so."""
    wanted, scheme = config.objectives, config.selection.scheme
    lines = [objective_line(objective) for objective in wanted]
    if len(wanted) == 1 or scheme not in {"best", "lexical", "weighted"}:
        return tuple(lines)
    if scheme == "weighted":
        said = [f"weight {objective.weight:g}" for objective in wanted]
    else:
        said = [f"number {number} in importance" for number in range(1, len(wanted) + 1)]
    return tuple(f"{line.removesuffix('.')}; {word}." for line, word in zip(lines, said, strict=True))


def objective_line(objective: Objective) -> str:
    """Return in one line what is wanted of an objective, with its unit and what it must keep to."""
    axis = AXES.get(objective.name)
    label = axis.label if axis else objective.name.replace("_", " ")
    unit = f" {axis.unit}" if axis and axis.unit else ""
    wanted = {"minimize": "the lower the better", "maximize": "the higher the better"}
    parts = [wanted.get(objective.direction) or _target(objective, unit)]
    if objective.at_least is not None:
        parts.append(f"at least {objective.at_least:g}{unit} is required")
    if objective.at_most is not None:
        parts.append(f"at most {objective.at_most:g}{unit} is required")
    measured = f" ({_MEANS.get(objective.name, '')}in{unit})" if unit else ""
    return f"{label[0].upper()}{label[1:]}{measured}: {'; '.join(parts)}."


def chosen_failures(ended: Sequence[Candidate]) -> tuple[Failed, ...]:
    """Return at most eight failures that differ: one of each kind, the most frequent kinds first, then more of these.

    Parameters
    ----------
    ended : sequence of Candidate
        Those that came to nothing, in any order.
    """
    ordered = sorted(ended, key=lambda c: (c.generation, c.slot, c.index, c.candidate_id))
    telling = [c for c in ordered if c.verdict is not None and c.verdict.kind not in SAY_NOTHING]
    counts = Counter(_kind(c) for c in telling)
    failures: dict[tuple[str, str], tuple[str, Failed]] = {}
    for candidate in telling:
        failed = _failed(candidate)
        failures.setdefault((failed.formula, failed.reason), (_kind(candidate), failed))
    frequent = sorted(failures.values(), key=lambda item: (-counts[item[0]], item[0]))
    firsts = dict(reversed(frequent))
    chosen = [firsts[kind] for kind in dict.fromkeys(kind for kind, _ in frequent)]
    others = [failed for kind, failed in frequent if failed is not firsts[kind]]
    return tuple([*chosen, *others][:MAX_FAILURES])


def _target(objective: Objective, unit: str) -> str:
    target = objective.target
    if isinstance(target, tuple):
        return f"between {target[0]:g} and {target[1]:g}{unit}, the nearer to this range the better"
    return f"the nearer to {target:g}{unit} the better"


def _kind(candidate: Candidate) -> str:
    return candidate.verdict.kind.value if candidate.verdict else ""


def _failed(candidate: Candidate) -> Failed:
    detail = candidate.verdict.detail if candidate.verdict else ""
    return Failed(
        candidate_id=candidate.candidate_id,
        formula=candidate.formula,
        structure=candidate.structure,
        roots=candidate.lineage.roots,
        reason=one_line(f"{_kind(candidate)}: {detail}"),
    )
