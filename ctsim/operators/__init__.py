"""Projection and its adjoint."""
