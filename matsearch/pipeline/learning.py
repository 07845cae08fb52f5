"""What a campaign learns from independent calculations: verdicts, feedback for prompts, parents without the refuted."""

from collections.abc import Mapping, Sequence

from matsearch.core.campaign import CampaignRecord, CampaignState
from matsearch.core.config import parse_config
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.core.thresholds import NO_REWARD_FLAGS, REFUTED_FLAG, earns_no_reward
from matsearch.core.verification import VerificationPlan
from matsearch.core.verified import SURVIVOR, Standing, Verified
from matsearch.pipeline.feedback import feedback_lines
from matsearch.pipeline.knowledge import with_refuted_flag, without_refuted_flag
from matsearch.pipeline.own_hull import is_confirmed
from matsearch.pipeline.pool import scored_seeds, scores_seeds
from matsearch.pipeline.succession import parents_anew
from matsearch.pipeline.tools import build_tools

_WEIGHT = {Standing.PENDING: 0, Standing.FAILED: 1}
_ANSWERED = 2
_FAILED_IN = "failed in round"


def with_verdicts(candidates: Sequence[Candidate], judged: Mapping[str, Verified]) -> list[Candidate]:
    """Return the candidates with what was said of them: same length and order, those unchanged the same objects.

    An answer stands until a later round has one; a calculation that failed later is named among its reasons. A survivor that
    was refuted gets ``REFUTED_FLAG``, and its copies with it; a later answer that is another one takes it away again.
    What was not believed until checked, and is confirmed, loses those flags. A control that lies over the threshold is
    what it was said to be, and gets no flag.

    Parameters
    ----------
    judged : mapping of str to Verified
        By candidate id.
    """
    settled = [_with_verdict(c, judged.get(c.candidate_id)) for c in candidates]
    refuted = {c.candidate_id for c in settled if _is_refuted(c.verification)}
    answered = {c.candidate_id for c in settled if _is_answer(c.verification)}
    confirmed = {c.candidate_id for c in settled if is_confirmed(c)}
    return [_believed(_flagged(c, refuted, answered), confirmed) for c in settled]


def learned_state(
    record: CampaignRecord,
    candidates: Sequence[Candidate],
    plans: Sequence[VerificationPlan],
    repository: Repository,
) -> CampaignState:
    """Return the campaign's state with feedback for the next prompts, and parents chosen anew if one was refuted.

    Parameters
    ----------
    candidates : sequence of Candidate
        Of all finished generations, with their verdicts.
    plans : sequence of VerificationPlan
        Of all rounds: they name the code of each verdict.
    """
    state = record.state.evolve(feedback=feedback_lines(candidates, [plan.settings for plan in plans]))
    refuted = {c.candidate_id for c in candidates if REFUTED_FLAG in c.flags}
    if refuted.isdisjoint(parent.parent_id for parent in state.parents):
        return state
    tools = build_tools(parse_config(record.config))
    scored = scores_seeds(tools.config)
    pool = scored_seeds(tools, repository, record.campaign_id) if scored else []
    return state.evolve(parents=parents_anew(state, candidates, tools, pool))


def _with_verdict(candidate: Candidate, new: Verified | None) -> Candidate:
    old = candidate.verification
    if new is None or old is None:
        return candidate if new is None else candidate.evolve(verification=new)
    if _weight(new) >= _weight(old):
        later = _failures(old) if new.round == old.round else ()
        settled = new.evolve(reasons=(*new.reasons, *later))
    elif new.standing is Standing.FAILED and _is_answer(old):
        line = f"{_FAILED_IN} {new.round}: {new.reasons[0] if new.reasons else 'no reason given'}"
        settled = old.evolve(reasons=tuple(dict.fromkeys((*old.reasons, line))))
    else:
        return candidate
    return candidate if settled == old else candidate.evolve(verification=settled)


def _failures(verified: Verified) -> tuple[str, ...]:
    """Return the lines on later rounds that failed."""
    return tuple(reason for reason in verified.reasons if reason.startswith(_FAILED_IN))


def _weight(verified: Verified) -> tuple[int, int]:
    return _WEIGHT.get(verified.standing, _ANSWERED), verified.round


def _is_answer(verified: Verified | None) -> bool:
    return verified is not None and verified.standing not in _WEIGHT


def _is_refuted(verified: Verified | None) -> bool:
    return verified is not None and verified.standing is Standing.REFUTED and verified.role == SURVIVOR


def _flagged(candidate: Candidate, refuted: set[str], answered: set[str]) -> Candidate:
    crystal = candidate.duplicate_of or candidate.candidate_id
    has_flag = REFUTED_FLAG in candidate.flags
    if crystal in refuted and not has_flag:
        return with_refuted_flag(candidate)
    if crystal in answered - refuted and has_flag:
        return without_refuted_flag(candidate)
    return candidate


def _believed(candidate: Candidate, confirmed: set[str]) -> Candidate:
    crystal = candidate.duplicate_of or candidate.candidate_id
    if crystal not in confirmed or not earns_no_reward(candidate.flags):
        return candidate
    return candidate.evolve(flags=tuple(flag for flag in candidate.flags if flag not in NO_REWARD_FLAGS))
