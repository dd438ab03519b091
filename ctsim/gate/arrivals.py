"""What arrives on the panel, scatter included, by GATE 10 (https://opengate.readthedocs.io; Geant4), a peer.

It comes with the extra `gate` and is chosen with `scan: fidelity: gate`. GATE runs in processes of its own
(`ctsim.gate.process`), a few for each view, because Geant4 keeps one simulation a process and ends it where something
is wrong.

Which photon is which: GATE counts how often each has met the processes `compt` and `Rayl`, so single and multiple
scattering are told apart exactly, whatever the spectrum. A photon with a parent was sent out by an atom and counts as
fluorescence, scattered or not.

What is left out: the focal spot is the point in its middle and the stage stands still, as `Exposure.middle` has it; the
heel weighs photons by the direction in which they set out, and hardens nothing; there is no air.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.detector.response import Response
from ctsim.gate.bodies import bodies_of, composition, placed
from ctsim.gate.data import require
from ctsim.gate.runs import run
from ctsim.gate.sight import beam_of, panel_of, rebinned, sight_of
from ctsim.montecarlo.arrivals import COMPTON, PRIMARY, Arrivals
from ctsim.scanner import Scanner
from defects.messages import BadInput
from scenes.build import Solid, Specimen
from scenes.fidelity import GateSpec

STEP_KEV = 0.1
"""Between the energies that the response is given for, beside those of the spectrum."""


def arrivals(
    specimen: Specimen,
    scanner: Scanner,
    spec: GateSpec,
    views: Sequence[int],
    *,
    response: Callable[[np.ndarray], Response],
    seed: int,
    shape: tuple[int, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Arrivals:
    r"""Return what arrives on the panel in some views.

    Photons leave the middle of the focal spot evenly over the solid angle $\Omega$ of the panel, energies drawn from
    the spectrum. With N of them sent out, a pixel's mean is the sum over the photons that arrive in it

    $$ \frac{\Omega}{N \Omega_p h_p \bar m_1} \sum_i h(d_i) \, m_1(E_i), \qquad \bar m_1 = \sum_E p(E) m_1(E) $$

    with its solid angle $\Omega_p$ and the heel h in the direction d in which a photon set out; deviation is that of
    the sum. Photons come straight on for the response, whatever their direction.

    Args:
        specimen: What stands on the stage.
        scanner: What looks at it.
        spec: Photons, physics and how the solids are given.
        views: Which of the scanner's.
        response: What a photon of each energy [keV] leaves in the panel, as `ctsim.detector.response.response_of`.
        seed: The same gives the same photons, for as many processes.
        shape: Rows and columns that the whole panel is cut into; None for its own.
        progress: Told how many views are done, and of how many.

    Raises:
        BadInput: opengate or Geant4's data are missing or cannot serve, the specimen reaches into the panel, or GATE
            ended in the middle or took too long.
    """
    matter = specimen.matter
    if not matter:
        raise BadInput("there is nothing to scan: the defects have taken all of the part")
    environment = require(spec, _names(matter))
    free, done = _free_signal(scanner, response), []
    with tempfile.TemporaryDirectory(prefix="ctsim-gate-", ignore_cleanup_errors=True) as place:
        jobs = _jobs(matter, scanner, spec, views, response, shape, Path(place))
        for view, (job, shares) in zip(views, jobs, strict=True):
            sums = run(job, spec, [seed, view], Path(place), environment)
            done.append(_estimates(sums, job["tube"]["photons"], shares, free))
            if progress is not None:
                progress(len(done), len(views))
    return _together(done, spec.photons)


def _names(matter: Sequence[Solid]) -> tuple[str, ...]:
    """Return the materials of some solids."""
    return tuple(sorted({solid.material for solid in matter}))


def _jobs(
    matter: Sequence[Solid], scanner: Scanner, spec: GateSpec, views: Sequence[int],
    response: Callable[[np.ndarray], Response], shape: tuple[int, int] | None, folder: Path,
) -> Iterator[tuple[dict[str, Any], Float[np.ndarray, "row col"]]]:  # fmt: skip
    """Yield what is to be done for each view, and the share of its photons that sets out for each pixel.

    Files that a job names are written into the folder, those of one view over those of the last.
    """
    names, shape = _names(matter), shape or (scanner.true.rows, scanner.true.columns)
    bodies, materials = bodies_of(matter, names, spec, folder), [composition(names, name) for name in names]
    spectrum = {"energies_kev": scanner.spectrum.energies_kev.tolist(), "weights": _shares(scanner).tolist()}
    table = _table(scanner, response)
    for view in views:
        sight = sight_of(scanner.true.some(slice(view, view + 1)))
        beam, sector_sr = beam_of(sight)
        sent = math.ceil(spec.photons * sector_sr / sight.pixel_sr.sum())
        weight = sight.pixel_sr if scanner.heel is None else sight.pixel_sr * scanner.heel
        job = {
            "matter": placed(bodies, sight, folder) | {"materials": materials},
            "physics": {"physics_list": spec.physics_list, "fluorescence": spec.fluorescence},
            "tube": spectrum | beam | {"photons": sent},
            "panel": panel_of(sight, shape, scanner.heel) | table,
        }
        yield job, rebinned(weight / sector_sr, shape)


def _table(scanner: Scanner, response: Callable[[np.ndarray], Response]) -> dict[str, np.ndarray]:
    """Return the response from nothing to the highest energy, to be interpolated; exact at the spectrum's energies."""
    top = float(scanner.spectrum.energies_kev.max())
    # a photon never gains energy; 1 keV is where cross-sections begin
    energies = np.union1d(np.arange(1.0, top, STEP_KEV), scanner.spectrum.energies_kev)
    found = response(energies)
    first, second = (np.pad(part, ((0, 0), (1, 0))) for part in (found.first, found.second))
    return {"energies_kev": np.concatenate([[0.0], energies]), "first": first, "second": second}


def _free_signal(scanner: Scanner, response: Callable[[np.ndarray], Response]) -> Float[np.ndarray, " band"]:
    """Return the mean signal of a photon of the free beam."""
    return response(scanner.spectrum.energies_kev).first @ _shares(scanner)


def _shares(scanner: Scanner) -> Float[np.ndarray, " energy"]:
    """Return the share of the photons that has each energy of the spectrum."""
    return scanner.spectrum.photons / scanner.spectrum.photons.sum()


def _estimates(
    sums: dict[str, np.ndarray], sent: int, shares: Float[np.ndarray, "row col"], free: Float[np.ndarray, " band"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, deviation [kind band row col] and variance [2 band row col] of the signal.

    Args:
        sums: Over all photons, of the signal, its square and its second moment.
        sent: How many photons there were.
        shares: What of them sets out for each pixel.
        free: Mean signal of a photon of the free beam.
    """
    signal, square, moment = (
        sums[name].reshape(5, len(free), *shares.shape) for name in ("signal", "square", "moment")
    )
    scale = sent * shares * free[:, None, None]
    spread = np.maximum(square - signal**2 / sent, 0)
    apart = np.stack([moment[PRIMARY], moment[COMPTON:].sum(0)])
    return signal / scale, np.sqrt(spread) / scale, apart / (scale * free[:, None, None])


def _together(done: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], photons: int) -> Arrivals:
    """Return the estimates of all views, one after the other."""
    mean, deviation, variance = (np.stack(parts, axis=2) for parts in zip(*done, strict=True))
    scatter = np.sqrt((deviation[COMPTON:] ** 2).sum(0))  # a photon is of one kind
    return Arrivals(mean=mean, deviation=deviation, scatter_deviation=scatter, variance=variance, photons=photons)
