"""From photons to counts, and back to attenuation."""
