"""From attenuation to volumes."""
