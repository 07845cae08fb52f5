"""How predictions fared against DFT: rates, errors and counts, as verification makes them and a report shows them."""

from matsearch.core.model import Record


class Rate(Record):
    """A share, with its denominator and its interval.

    Attributes
    ----------
    count, of : int
        Hits and denominator, as they were counted.
    estimate : float or None
        Of the share; ``count / of`` unless strata weigh it. None where nothing allows one.
    lower, upper : float
        Ends of the exact interval.
    name : str
        ``DFT-confirmed of asked``.
    note : str
        What must be said with it; empty if nothing.
    denominator : str
        ``asked``, ``valid``, ``unique``, ``sent`` or ``survivors``.
    limit : float or None
        In eV/atom above the hull: what counts as a hit lies under it.
    is_lower_bound : bool
        Others, who were not sent, may be hits too.
    """

    count: int
    of: int
    estimate: float | None
    lower: float
    upper: float
    name: str
    note: str = ""
    denominator: str = ""
    limit: float | None = None
    is_lower_bound: bool = False


class ErrorSummary(Record):
    """Potential minus DFT of one quantity.

    Attributes
    ----------
    n : int
        Crystals of which both say it.
    mean, mean_absolute, rms : float or None
        Of the differences, in ``unit``; None without any.
    lower, upper : float or None
        95 percent interval of the mean by Student's t (Biometrika 6, 1 (1908)); None with fewer than two. It takes the
        differences for independent and normal, which those of crystals that share reference phases are not quite.
    """

    quantity: str
    unit: str
    n: int
    mean: float | None = None
    mean_absolute: float | None = None
    rms: float | None = None
    lower: float | None = None
    upper: float | None = None


class Confusion(Record):
    """Predictions at one threshold (eV/atom, exclusive), by what DFT found: counts of crystals."""

    threshold: float
    true_stable: int
    false_stable: int
    false_unstable: int
    true_unstable: int


class ChemistryCount(Record):
    """How the survivors of one chemistry fared: counts of those sent.

    Attributes
    ----------
    lower, upper : float
        95 percent interval of Clopper and Pearson (Biometrika 26, 404 (1934)) of confirmed over sent, from 0 to 1.
    """

    chemistry: str
    sent: int
    confirmed: int
    indicative: int
    refuted: int
    failed: int
    pending: int
    lower: float
    upper: float
