"""A linear map on numpy arrays as a torch function."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.autograd import Function

Map = Callable[[np.ndarray], np.ndarray]


class Linear(Function):
    """A map and its adjoint: the gradient of the one is the other, as often as one asks."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, there: Map, back: Map) -> torch.Tensor:
        """Return `there(values)`, on the device of `values`.

        Args:
            ctx: Torch's.
            values: Any tensor that `there` takes as an array.
            there: The map.
            back: Its adjoint.
        """
        ctx.maps = there, back
        return torch.from_numpy(there(values.detach().cpu().numpy())).to(values.device)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Return the adjoint of the gradient."""
        there, back = ctx.maps
        return Linear.apply(gradient, back, there), None, None
