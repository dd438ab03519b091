"""A stand-in for cupy where numba simulates the card: numpy's arrays under a name of their own."""

import numpy as np


class Memory(np.ndarray):
    """What would lie in a card's memory."""


def zeros(shape, dtype=float) -> Memory:
    """Return zeros on the card."""
    return np.zeros(shape, dtype).view(Memory)


def ones(shape, dtype=float) -> Memory:
    """Return ones on the card."""
    return np.ones(shape, dtype).view(Memory)


def asarray(array, dtype=None) -> Memory:
    """Return a copy on the card; of what is there already, itself."""
    return array if isinstance(array, Memory) and dtype is None else np.array(array, dtype).view(Memory)


def __getattr__(name: str):
    """Return numpy's own: its functions leave results where their arguments lie."""
    return getattr(np, name)
