"""Projector and backprojector in torch: each is the other's gradient."""

import numba
import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ctsim.geometry import Grid
from ctsim.operators.projector import backproject, project
from tests.ctsim.voxel_rays import ORBITS, coarse

GEOMETRY = coarse(ORBITS["anyhow"].some(slice(0, 2)), 13)
GRID = Grid(shape=(2, 4, 3), voxel_mm=10.0)


@pytest.fixture(autouse=True)
def one_thread():
    """Thousands of calls on a few voxels: waking a second thread would take longer than they do."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


def random(*shape: int, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def test_tensors_come_to_what_arrays_come_to():
    for dtype in (torch.float32, torch.float64):
        volume = random(2, 2, 4, 3, dtype=dtype)
        image = project(volume, GEOMETRY, GRID)
        assert image.dtype == dtype
        np.testing.assert_array_equal(image.numpy(), project(volume.numpy(), GEOMETRY, GRID))
        back = backproject(image, GEOMETRY, GRID)
        np.testing.assert_array_equal(back.numpy(), backproject(image.numpy(), GEOMETRY, GRID))


def test_gradients_and_second_gradients_are_those_of_finite_differences():
    volume, image = random(2, 4, 3).requires_grad_(), random(2, 3, 3).requires_grad_()
    assert gradcheck(lambda x: project(x, GEOMETRY, GRID), volume)
    assert gradcheck(lambda y: backproject(y, GEOMETRY, GRID), image)
    # of something that is not linear, or there is no second gradient
    assert gradgradcheck(lambda x: project(x, GEOMETRY, GRID).square().sum(), volume)
    assert gradgradcheck(lambda y: backproject(y, GEOMETRY, GRID).square().sum(), image)


def test_the_gradient_of_a_misfit_is_the_backprojected_residual():
    volume, measured = random(2, 2, 4, 3).requires_grad_(), random(2, 2, 3, 3)
    (0.5 * (project(volume, GEOMETRY, GRID) - measured).square().sum()).backward()
    residual = project(volume.detach().numpy(), GEOMETRY, GRID) - measured.numpy()
    np.testing.assert_allclose(volume.grad.numpy(), backproject(residual, GEOMETRY, GRID), atol=1e-11)


def test_a_volume_is_found_by_gradient_descent():
    """What joint reconstruction does: an optimiser of torch on the voxels themselves."""
    truth = random(2, 4, 3).abs()
    many = coarse(ORBITS["anyhow"], 8)
    measured = project(truth, many, GRID)
    volume = torch.zeros(GRID.shape, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([volume], max_iter=40, tolerance_change=0, line_search_fn="strong_wolfe")

    def misfit() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (project(volume, many, GRID) - measured).square().mean()
        loss.backward()
        return loss

    optimiser.step(misfit)
    np.testing.assert_allclose(volume.detach().numpy(), truth.numpy(), atol=1e-3)
