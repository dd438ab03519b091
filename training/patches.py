"""Patches for training: half of a batch is centred on defects, every draw from a generator that is handed in."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32, Integer

from ctsim.messages import BadInput
from training.data import Scan

Spots = list[Int32[np.ndarray, "voxel 3"]]


class PatchSampler:
    """Scans held in memory, from which batches are cut."""

    def __init__(self, scans: Sequence[Scan], size_voxels: int) -> None:
        self.size_voxels = size_voxels
        self._volumes = [(_at_least(scan.image, size_voxels), _at_least(scan.target, size_voxels)) for scan in scans]
        spots = [
            _defect_spots(target, _at_least(scan.instances, size_voxels))
            for scan, (_, target) in zip(scans, self._volumes, strict=True)
        ]
        self._spots = {number: held for number, held in enumerate(spots) if held}
        if not self._spots:
            raise BadInput("expected defects to learn from, got no voxel labelled as one in any training scan")

    def batch(
        self, count: int, rng: torch.Generator
    ) -> tuple[Float[torch.Tensor, "n 1 s s s"], Float[torch.Tensor, "n 1 s s s"]]:
        """Return images and targets; the first half (rounded up) is centred on defects, the rest lies anywhere."""
        places = [self._near_defect(rng) if i < (count + 1) // 2 else self._anywhere(rng) for i in range(count)]
        pairs = [turned(*self._cut(number, corner), rng) for number, corner in places]
        images, targets = (torch.stack([pair[i] for pair in pairs])[:, None] for i in (0, 1))
        return images, targets

    def _near_defect(self, rng: torch.Generator) -> tuple[int, tuple[int, ...]]:
        """Return scan and corner of a patch around a defect: each defect is as likely as any other of its scan.

        By defect, not by voxel: a pore twice as wide has eight times the voxels, and small ones would hardly be seen.
        """
        number = list(self._spots)[_below(len(self._spots), rng)]
        voxels = self._spots[number][_below(len(self._spots[number]), rng)]
        centre = voxels[_below(len(voxels), rng)]
        shape = self._volumes[number][0].shape
        return number, tuple(
            int(np.clip(c - self.size_voxels // 2, 0, n - self.size_voxels)) for c, n in zip(centre, shape, strict=True)
        )

    def _anywhere(self, rng: torch.Generator) -> tuple[int, tuple[int, ...]]:
        """Return scan and corner of a patch that lies anywhere in any scan."""
        number = _below(len(self._volumes), rng)
        return number, tuple(_below(n - self.size_voxels + 1, rng) for n in self._volumes[number][0].shape)

    def _cut(self, number: int, corner: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        where = tuple(slice(start, start + self.size_voxels) for start in corner)
        image, target = (torch.from_numpy(volume[where].astype(np.float32)) for volume in self._volumes[number])
        return image, target


def turned(
    image: Float[torch.Tensor, "z y x"], target: Float[torch.Tensor, "z y x"], rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both in one of the 16 poses that keep the rotation axis where it is.

    Not all 48 of a cube: cone-beam and ring artefacts know the axis, and a scan lying on its side is never met.
    """
    flips = [axis for axis in (0, 2) if _below(2, rng)]
    quarter_turns = _below(4, rng)
    image, target = (torch.rot90(torch.flip(volume, flips), quarter_turns, dims=(1, 2)) for volume in (image, target))
    return image, target


def _below(limit: int, rng: torch.Generator) -> int:
    return int(torch.randint(limit, (1,), generator=rng))


def _at_least(volume: np.ndarray, size_voxels: int) -> np.ndarray:
    """Return the volume, with air behind it where it is smaller than a patch."""
    missing = [(0, max(0, size_voxels - n)) for n in volume.shape]
    return np.pad(volume, missing) if any(after for _, after in missing) else volume


def _defect_spots(target: Bool[np.ndarray, "z y x"], instances: Integer[np.ndarray, "z y x"]) -> Spots:
    """Return the voxels of every defect that has any in the target."""
    numbers = instances[target]
    order = np.argsort(numbers, kind="stable")
    _, starts = np.unique(numbers[order], return_index=True)
    return np.split(np.argwhere(target)[order].astype(np.int32), starts[1:]) if len(numbers) else []
