"""Photons that matter scatters: tables, a grid of matter, the walk of a photon, and what a panel reads of it."""
