"""Optimizers as small machines: told the gradient and energy where they are, they say where to look next.

They never call a potential, so that one crystal or many can be relaxed by whoever has the energies.
"""

from collections import deque
from typing import Protocol

import numpy as np

DESCENT = 1e-4
"""Cosine between step and change of gradient under which a pair says nothing sound about the curvature."""


class Optimizer(Protocol):
    """Coordinates of any shape, their gradient (eV/angstrom) and the energy (eV) in, the next coordinates out."""

    def next(self, values: np.ndarray, gradient: np.ndarray, energy: float) -> np.ndarray:
        """Return where to go."""
        ...


class Fire:
    """The fast inertial relaxation engine (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)), with ASE's parameters."""

    def __init__(self) -> None:
        self._velocity = np.zeros(1)
        self._time_step = 0.1
        self._mixing = 0.1
        self._downhill = 0

    def next(self, values: np.ndarray, gradient: np.ndarray, energy: float) -> np.ndarray:  # noqa: ARG002
        """Return where inertia and force lead."""
        force = -gradient
        if self._velocity.shape != force.shape:
            self._velocity = np.zeros_like(force)
        elif np.vdot(force, self._velocity) > 0.0:
            self._speed_up(force)
        else:
            self._velocity = np.zeros_like(force)
            self._mixing, self._downhill = 0.1, 0
            self._time_step *= 0.5
        self._velocity = self._velocity + self._time_step * force
        return values + _shortened(self._time_step * self._velocity, 0.2)

    def _speed_up(self, force: np.ndarray) -> None:
        velocity = self._velocity
        along = force / np.linalg.norm(force) * np.linalg.norm(velocity)
        self._velocity = (1.0 - self._mixing) * velocity + self._mixing * along
        if self._downhill > 5:
            self._time_step = min(1.1 * self._time_step, 1.0)
            self._mixing *= 0.99
        self._downhill += 1


class Lbfgs:
    """Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5), kept on a leash.

    The first inverse Hessian of each step is scaled by the last curvature seen (their equation 7.20), pairs from concave
    ground are left out, no atom moves further than the reach, and a step that climbs is taken back and halved.

    Parameters
    ----------
    stiffness : float
        Curvature before any was seen, in eV/angstrom^2.
    reach : float
        Longest step of an atom or a row of the cell, in angstrom.
    """

    def __init__(self, stiffness: float = 20.0, reach: float = 0.2, memory: int = 30) -> None:
        self._first_stiffness = self._stiffness = stiffness
        self._longest = self._reach = reach
        self._pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=memory)
        self._before: tuple[np.ndarray, np.ndarray, float] | None = None
        self._climbs = 0

    def next(self, values: np.ndarray, gradient: np.ndarray, energy: float) -> np.ndarray:
        """Return the quasi-Newton step, or a shorter one from the point before where the last one climbed."""
        if self._before is not None:
            values_before, gradient_before, energy_before = self._before
            self._learn(values - values_before, gradient - gradient_before)
            if energy > energy_before + 1e-4 and self._climbs < 4:
                self._climbs += 1
                self._reach = max(0.4 * self._reach, 0.01)
                return values_before + self._step(gradient_before)
            self._reach = min(1.5 * self._reach, self._longest)
        self._climbs = 0
        self._before = (values, gradient, energy)
        return values + self._step(gradient)

    def _learn(self, step: np.ndarray, change: np.ndarray) -> None:
        product = float(np.vdot(step, change))
        if product <= DESCENT * np.linalg.norm(step) * np.linalg.norm(change):
            return
        self._pairs.append((step, change, product))
        self._stiffness = float(np.clip(np.vdot(change, change) / product, 2.0, 200.0))

    def _step(self, gradient: np.ndarray) -> np.ndarray:
        direction = self._newton(gradient)
        if np.vdot(direction, gradient) >= 0.0:
            self._pairs.clear()
            direction = -gradient / self._first_stiffness
        longest = np.linalg.norm(direction.reshape(-1, 3), axis=1).max()
        return direction if longest <= self._reach else direction * (self._reach / longest)

    def _newton(self, gradient: np.ndarray) -> np.ndarray:
        rest, weights = gradient, []
        for step, change, product in reversed(self._pairs):
            weights.append(float(np.vdot(step, rest)) / product)
            rest = rest - weights[-1] * change
        rest = rest / self._stiffness
        for (step, change, product), weight in zip(self._pairs, reversed(weights), strict=True):
            rest = rest + step * (weight - float(np.vdot(change, rest)) / product)
        return -rest


def _shortened(step: np.ndarray, longest: float) -> np.ndarray:
    length = float(np.linalg.norm(step))
    return step if length <= longest else step * (longest / length)
