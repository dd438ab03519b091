"""What matter does to photons, by xraylib and numpy alone: the truth that tables and draws are held against.

Nothing here is made for speed, and nothing here knows the Monte Carlo. Free electrons give the shape of Compton
scattering, the incoherent scattering function S holds back what the atom's binding forbids, and the form factor F
bundles what the atom scatters as a whole. The energy after Compton scattering is that of an electron at rest: no
Doppler broadening.

References: Schoonjans et al., Spectrochim. Acta B 66 (2011) 776, for xraylib; Hubbell et al., J. Phys. Chem. Ref. Data
4 (1975) 471, for S and F.
"""

import numpy as np
import xraylib
import xraylib_np
from jaxtyping import Float

from ctsim.materials import material

PROCESSES = ("photo", "compton", "rayleigh")

ELECTRON_KEV = 510.998928
RADIUS2_BARN = 0.079407877
"""Square of the classical electron radius."""

LEAST_Q = 1e-3
"""Below this momentum transfer [1/Angstrom] S is not tabulated; it falls as its square there."""

K_LINES = range(xraylib.KP5_LINE, xraylib.KL1_LINE + 1)


def per_mm(name: str, energies_kev: Float[np.ndarray, " energy"]) -> Float[np.ndarray, "3 energy"]:
    """Return how often a photon meets each of the processes, in their order, on its way through a material [1/mm]."""
    numbers, shares = _elements(name)
    tables = (xraylib_np.CS_Photo, xraylib_np.CS_Compt, xraylib_np.CS_Rayl)
    return np.stack([shares @ table(numbers, energies_kev) for table in tables]) / 10  # 1/cm -> 1/mm


def scattered_kev(energy_kev: float, cosines: Float[np.ndarray, " cosine"]) -> Float[np.ndarray, " cosine"]:
    r"""Return the energy after Compton scattering, $E / (1 + (1 - \cos\theta) E / m c^2)$ [keV]."""
    return energy_kev / (1 + energy_kev / ELECTRON_KEV * (1 - cosines))


def compton_per_mm_sr(
    name: str, energy_kev: float, cosines: Float[np.ndarray, " cosine"]
) -> Float[np.ndarray, " cosine"]:
    r"""Return the differential cross-section of Compton scattering, per length of way [1/(mm sr)].

    $$ \frac{r_e^2}{2} \Big(\frac{E'}{E}\Big)^2 \Big(\frac{E'}{E} + \frac{E}{E'} - \sin^2\theta\Big) S(q, Z) $$

    of an atom, with $q = E \sin(\theta / 2) / h c$ [1/Angstrom].

    Reference: Klein and Nishina, Z. Phys. 52 (1929) 853.
    """
    ratio = scattered_kev(energy_kev, cosines) / energy_kev
    free = RADIUS2_BARN / 2 * ratio**2 * (ratio + 1 / ratio - 1 + cosines**2)
    q = momentum_transfer(energy_kev, cosines)
    numbers, atoms = _atoms(name)
    bound = atoms @ xraylib_np.SF_Compt(numbers, np.maximum(q, LEAST_Q))
    return free * bound * np.minimum(q / LEAST_Q, 1) ** 2


def rayleigh_per_mm_sr(
    name: str, energy_kev: float, cosines: Float[np.ndarray, " cosine"]
) -> Float[np.ndarray, " cosine"]:
    r"""Return the differential cross-section of Rayleigh scattering, per length of way [1/(mm sr)].

    $$ \frac{r_e^2}{2} (1 + \cos^2\theta) F(q, Z)^2 $$

    of an atom; atoms scatter apart from each other.
    """
    numbers, atoms = _atoms(name)
    whole = atoms @ xraylib_np.FF_Rayl(numbers, momentum_transfer(energy_kev, cosines)) ** 2
    return RADIUS2_BARN / 2 * (1 + cosines**2) * whole


def momentum_transfer(energy_kev: float, cosines: Float[np.ndarray, " cosine"]) -> Float[np.ndarray, " cosine"]:
    """Return the momentum that is handed over, as a wave number [1/Angstrom]."""
    return energy_kev / xraylib.KEV2ANGST * np.sqrt(np.maximum(1 - cosines, 0) / 2)


def turns(process: str, name: str, energy_kev: float, count: int = 20_001) -> Float[np.ndarray, "3 cosine"]:
    """Return cosines from -1 to 1, the probability density of each, and how probable smaller ones are.

    The steps shrink towards 1, where Rayleigh scattering has all of its weight at high energy: they are even in the
    logarithm of the sine of half the angle, down to 1e-5. The density's integral by Simpson's rule is 1.
    """
    cosines, by_step, cumulated = _running(process, name, energy_kev, count)
    return np.stack([cosines, by_step / cumulated[-1], cumulated / cumulated[-1]])


def whole_per_mm(process: str, name: str, energy_kev: float, count: int = 20_001) -> float:
    """Return the integral of the differential cross-section over all directions, per length of way [1/mm]."""
    return float(_running(process, name, energy_kev, count)[2][-1])


def k_lines(symbol: str, energy_kev: float) -> Float[np.ndarray, "2 line"]:
    """Return the energies of an element's K lines [keV], and how often each follows when an atom takes up a photon.

    From xraylib's production cross-sections over its photoelectric one; 0 for photons below the edge.
    """
    number = xraylib.SymbolToAtomicNumber(symbol)
    found = [(xraylib.LineEnergy(number, line), _produced(number, line, energy_kev)) for line in _lines(number)]
    return np.array(sorted(found)).T if found else np.zeros((2, 0))


def _running(process: str, name: str, energy_kev: float, count: int):
    """Return cosines, their cross-sections [1/mm] and the integral up to each."""
    differential = {"compton": compton_per_mm_sr, "rayleigh": rayleigh_per_mm_sr}[process]
    # sin(theta / 2), from 1 down; the last step, to 0, holds 1e-10 of the range of cosines
    half = np.concatenate([np.geomspace(1, 1e-5, count - 1), [0.0]])
    cosines = 1 - 2 * half**2
    edges, steps = cosines[:-1], np.diff(cosines)
    ends, middles = (2 * np.pi * differential(name, energy_kev, at) for at in (cosines, edges + steps / 2))
    shares = steps * (ends[:-1] + 4 * middles + ends[1:]) / 6
    return cosines, ends, np.concatenate([[0.0], np.cumsum(shares)])


def _elements(name: str) -> tuple[np.ndarray, Float[np.ndarray, " element"]]:
    """Return atomic numbers, and the density of each element [g/cm3]."""
    what = material(name)
    numbers = np.array([xraylib.SymbolToAtomicNumber(symbol) for symbol, _ in what.mass_fractions])
    return numbers, what.density_g_cm3 * np.array([share for _, share in what.mass_fractions])


def _atoms(name: str) -> tuple[np.ndarray, Float[np.ndarray, " element"]]:
    """Return atomic numbers, and atoms of each element [1/(barn mm)]."""
    numbers, densities = _elements(name)
    weights = np.array([xraylib.AtomicWeight(int(number)) for number in numbers])
    return numbers, xraylib.AVOGNUM * densities / weights / 10


def _lines(number: int) -> list[int]:
    """Return those K lines that an element has."""

    def has(line: int) -> bool:
        try:
            return xraylib.RadRate(number, line) > 0
        except ValueError:
            return False

    return [line for line in K_LINES if has(line)]


def _produced(number: int, line: int, energy_kev: float) -> float:
    try:
        return xraylib.CS_FluorLine(number, line, energy_kev) / xraylib.CS_Photo(number, energy_kev)
    except ValueError:  # it has no photon below the edge make one
        return 0.0
