"""The units of the scenario format, section 2.2, and what one of each is in ours."""

import math

MM = {"nm": 1e-6, "um": 1e-3, "mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1e3}
DEG = {"deg": 1.0, "rad": 180 / math.pi}
S = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
KV = {"V": 1e-3, "kV": 1.0, "MV": 1e3}
MA = {"uA": 1e-3, "mA": 1.0, "A": 1e3}
G_PER_CM3 = {"g/cm^3": 1.0, "kg/m^3": 1e-3}
DEG_PER_S = {f"{angle}/{time}": DEG[angle] / S[time] for angle in DEG for time in ("s", "min", "h")}
PER_MM = {"lp/mm": 1.0, "lp/cm": 0.1, "lp/dm": 0.01, "lp/m": 0.001}
PER_KEV = {"1/J": 1.602176634e-16}
"""A keV is 1.602176634e-16 J (SI, exact since 2019)."""
PIXELS = {"px": 1.0, None: 1.0}
PURE = {None: 1.0, "relative": 1.0}

Units = dict[str | None, float]
