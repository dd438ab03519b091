"""Filling bad pixels: exact on planes, whatever their pattern."""

import numpy as np

from ctsim.detector.bad_pixels import filled


def test_an_even_slope_is_restored_exactly():
    rows, columns = np.mgrid[:40, :50].astype(float)
    image = 3 + 0.2 * rows - 0.07 * columns
    bad = np.random.default_rng(0).random((40, 50)) < 0.05
    bad[:, 20] = True  # a whole line
    bad[10:13, 30:33] = True  # a cluster
    bad[0, 0] = bad[0, 1] = True  # a corner
    broken = np.where(bad, np.nan, image)
    np.testing.assert_allclose(filled(np.stack([broken, 2 * broken]), bad), np.stack([image, 2 * image]), rtol=1e-9)


def test_good_pixels_are_left_alone_and_the_images_too():
    image = np.random.default_rng(1).random((2, 9, 9))
    before, bad = image.copy(), np.zeros((9, 9), bool)
    bad[4, 4] = True
    out = filled(image, bad)
    np.testing.assert_array_equal(out[:, ~bad], image[:, ~bad])
    np.testing.assert_array_equal(image, before)
    # four sides and four corners, half as heavy, about a lone one
    weights = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 12
    np.testing.assert_allclose(out[:, 4, 4], (image[:, 3:6, 3:6] * weights).sum((1, 2)))


def test_where_there_is_nothing_to_fill_from_nothing_changes():
    image = np.ones((1, 8, 8))
    np.testing.assert_array_equal(filled(image, np.ones((8, 8), bool)), image)
