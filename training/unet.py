"""The small 3D U-Net of the segmentation recipes."""

import math
from collections.abc import Sequence

import torch
from monai.networks.nets import UNet

PRIOR = 0.01  # share of voxels called defect before anything is learnt


def make_unet(widths: Sequence[int], rng: torch.Generator) -> torch.nn.Sequential:
    """Return a residual 3D U-Net, one volume in and one logit a voxel out; its weights are drawn from `rng`.

    Plain ReLU and batch norm, because they fuse, quantise and prune; MONAI's default PReLU and its BasicUNet are
    refused by torch-pruning. The first level keeps full resolution: a first stride of 2 would lose pores of two voxels.
    The head is a layer of its own: asked for one channel, MONAI's last level has one all through, and its ReLU dies.

    Args:
        widths: Channels of each level, from full resolution down; each level after the first halves the resolution.
        rng: Where the weights come from.

    Reference: Cicek et al. 2016, doi:10.1007/978-3-319-46723-8_49 (3D U-Net); Kerfoot et al. 2019,
    doi:10.1007/978-3-030-12029-0_40 (residual units); He et al. 2015, doi:10.1109/ICCV.2015.123 (weights); Lin et al.
    2017, doi:10.1109/ICCV.2017.324 (a first bias that says "rare").
    """
    strides = (1,) + (2,) * (len(widths) - 2)
    body = UNet(3, 1, widths[0], channels=tuple(widths), strides=strides, num_res_units=2, act="RELU", norm="BATCH")
    head = torch.nn.Conv3d(widths[0], 1, kernel_size=1)
    for module in [*body.modules(), head]:
        if isinstance(module, torch.nn.Conv3d | torch.nn.ConvTranspose3d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=rng)
            torch.nn.init.zeros_(module.bias)
    torch.nn.init.normal_(head.weight, std=0.01, generator=rng)
    torch.nn.init.constant_(head.bias, -math.log(1 / PRIOR - 1))
    return torch.nn.Sequential(body, head)
