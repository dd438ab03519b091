"""What is said to a user whose input cannot be used, for the rooms downstream of ctsim."""

from defects.messages import BadInput, unknown

__all__ = ["BadInput", "unknown"]
