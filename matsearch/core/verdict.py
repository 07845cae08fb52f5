"""Why a candidate ended: the closed, append-only list that is also the funnel's axis."""

from enum import StrEnum

from matsearch.core.model import Record


class FailureKind(StrEnum):
    """Every way to end. Append only: stored campaigns hold these words."""

    NO_REPLY = "no_reply"
    UNPARSABLE = "unparsable"
    NO_PROPOSAL = "no_proposal"
    DISORDERED = "disordered"
    UNKNOWN_ELEMENT = "unknown_element"
    ELEMENT_NOT_ALLOWED = "element_not_allowed"
    TOO_MANY_SITES = "too_many_sites"
    BAD_LATTICE = "bad_lattice"
    BAD_VOLUME = "bad_volume"
    OVERLAPPING_ATOMS = "overlapping_atoms"
    ISOLATED_ATOM = "isolated_atom"
    NON_FINITE = "non_finite"
    EXPLODED = "exploded"
    COLLAPSED = "collapsed"
    COMPOSITION_CHANGED = "composition_changed"
    NOT_CONVERGED = "not_converged"
    POTENTIAL_REFUSED = "potential_refused"
    NO_REFERENCE = "no_reference"
    SCHEME_MISMATCH = "scheme_mismatch"
    TIME_OUT = "time_out"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_DIED = "worker_died"
    INTERNAL_ERROR = "internal_error"
    GAVE_UP = "gave_up"
    CANNOT_WIN = "cannot_win"
    NOT_PERIODIC = "not_periodic"
    CHARGE_UNBALANCED = "charge_unbalanced"
    FORMULA_NOT_ASKED = "formula_not_asked"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    CONNECTION_LOST = "connection_lost"
    CALL_TIME_OUT = "call_time_out"
    SLOW_REPLY = "slow_reply"
    REQUEST_REJECTED = "request_rejected"
    NOT_AN_API = "not_an_api"
    BROKEN_JSON = "broken_json"
    BAD_ENCODING = "bad_encoding"
    WRONG_SCHEMA = "wrong_schema"
    REPLY_TOO_LARGE = "reply_too_large"
    EMPTY_CHOICES = "empty_choices"
    NULL_CONTENT = "null_content"
    REFUSED = "refused"
    CUT_OFF = "cut_off"
    NO_CRYSTAL = "no_crystal"
    BAD_NUMBERS = "bad_numbers"
    WRONG_COUNTS = "wrong_counts"
    BAD_SYMMETRY = "bad_symmetry"
    AMBIGUOUS = "ambiguous"
    SURPLUS = "surplus"
    OUTSIDE_LIMITS = "outside_limits"
    NO_PROPERTY = "no_property"
    SCF_NOT_CONVERGED = "scf_not_converged"
    CALCULATION_FAILED = "calculation_failed"
    DFT_REFUSED = "dft_refused"
    WRONG_DOCUMENT = "wrong_document"


TRANSIENT = frozenset({FailureKind.TIME_OUT, FailureKind.OUT_OF_MEMORY, FailureKind.WORKER_DIED})
"""Kinds that say nothing about the crystal: never cached, tried again on resume."""

UNANSWERED = frozenset(
    {
        FailureKind.NO_REPLY,
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION_LOST,
        FailureKind.CALL_TIME_OUT,
        FailureKind.SLOW_REPLY,
        FailureKind.REQUEST_REJECTED,
        FailureKind.NOT_AN_API,
        FailureKind.BROKEN_JSON,
        FailureKind.BAD_ENCODING,
        FailureKind.WRONG_SCHEMA,
        FailureKind.EMPTY_CHOICES,
    }
)
"""Kinds of calls of a language model that brought no answer. After any other the model may have been paid."""

MAX_TRANSIENT_RETRIES = 2
"""How often a transient verdict is tried again before it stands."""


class Verdict(Record):
    """The end of a candidate.

    Attributes
    ----------
    kind : FailureKind
        The reason, for counting.
    stage : str
        The stage that said so (``propose``, ``parse``, ``relax``, ``hull``, a property's name).
    detail : str
        One line a person understands, with values and units.
    traceback : str or None
        Only for ``internal_error``.
    """

    kind: FailureKind
    stage: str
    detail: str
    traceback: str | None = None

    @property
    def transient(self) -> bool:
        """Whether the same work may end differently when it is tried again."""
        return self.kind in TRANSIENT
