"""Waves that a mid-surface undulates by."""

import numpy as np
from jaxtyping import Float

from defects.messages import BadInput

Waves = tuple[tuple[float, float, float, float], ...]
"""Each (amplitude_mm, x and y wave number in 1/mm, phase in deg)."""

WAVES = 4
"""Added up in one mid-surface."""


def draw_waves(rng: np.random.Generator, length_mm: float, rms_mm: float) -> Waves:
    """Return waves in any direction, a third to twice that length long, of that root mean square together."""
    waves = []
    for _ in range(WAVES):
        direction, number = rng.uniform(0, 2 * np.pi), 2 * np.pi / length_mm * rng.uniform(0.5, 3.0)
        along, phase_deg = (np.cos(direction), np.sin(direction)), rng.uniform(0, 360)
        waves.append((rms_mm * np.sqrt(2 / WAVES), number * along[0], number * along[1], phase_deg))
    return tuple(tuple(float(x) for x in wave) for wave in waves) if rms_mm > 0 else ()


def require_waves(waves: tuple[tuple[float, ...], ...]) -> None:
    """Raise BadInput unless every wave is four finite numbers."""
    for wave in waves:
        if len(wave) != 4 or not np.all(np.isfinite(wave)):
            raise BadInput(f"a wave must be 4 finite numbers (mm, 1/mm, 1/mm, deg), got {wave!r}")


def undulation_mm(
    waves: Waves, x_mm: Float[np.ndarray, "*n"], y_mm: Float[np.ndarray, "*n"]
) -> Float[np.ndarray, "*n"]:
    """Return the height of the waves [mm] at points."""
    height = np.zeros(np.shape(x_mm))
    for amplitude_mm, kx, ky, phase_deg in waves:
        height = height + amplitude_mm * np.sin(kx * x_mm + ky * y_mm + np.deg2rad(phase_deg))
    return height
