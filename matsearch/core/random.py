"""Random streams derived from (seed, generation, slot), never from order or time."""

import numpy as np

from matsearch.core.keys import content_key


def stream(seed: int, generation: int, slot: int, purpose: str = "propose") -> np.random.Generator:
    """Return the generator of one slot of one generation.

    Parameters
    ----------
    purpose : str
        Keeps streams for different uses of the same slot independent.
    """
    digest = content_key("stream/1", [seed, generation, slot, purpose])
    return np.random.Generator(np.random.PCG64(int(digest[:32], 16)))
