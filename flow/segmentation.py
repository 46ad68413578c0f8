"""A class for every pixel: scenes made of digits, and how well their pixels are found."""

import torch
import torch.nn.functional as F

from spikewright.flow.datasets import N_CLASSES, Dataset
from spikewright.golden.errors import ConfigurationError

__all__ = ["MOST_DIGITS", "SCENE", "digit_scenes", "mean_iou"]

SCENE = 32
"""Pixels of a scene in each direction: two by two places, each of twice as few."""
MOST_DIGITS = 3
DARK = 0.4  # from which on a pixel is a digit's; a mean of four is paler than each
TEXTURE = 0.3  # the most that a pixel of the background has


def digit_scenes(data: Dataset, *, train: int, test: int, seed: int = 0) -> Dataset:
    """Scenes of 32 x 32 pixels with one to three digits before a texture, a label for each pixel.

    A synthetic set, in place of those of Kim, Chough and Panda (Neuromorphic Computing and
    Engineering 2022), whose text was not at hand. A digit has half its size, stands in one of four
    quarters, at random to a pixel, and hides the texture of 8 x 8 patches. Labels are [N, 32, 32]:
    a digit's class where its pixel is at least 0.4, else 10, the background.

    Parameters
    ----------
    data : digits of 28 x 28 pixels; those of its two halves stay apart.
    train, test : how many scenes of each half.
    seed : of all that is random.

    Raises
    ------
    ConfigurationError
        If the digits have another size, or no scene is asked for.
    """
    quarter = SCENE // 2
    if data.image != (28, 28) or min(train, test) < 1:
        raise ConfigurationError(
            "scenes must be made of digits of 28 x 28 pixels, one scene of each half at least",
            found=f"{data.image[0]} x {data.image[1]}, {train} and {test} scenes",
            where=data.name,
        )
    draw = torch.Generator().manual_seed(seed)
    made = []
    for x, y, n in ((data.x_train, data.y_train, train), (data.x_test, data.y_test, test)):
        small = F.avg_pool2d(x.reshape(-1, 1, *data.image), 2).squeeze(1)
        size = small.shape[1]
        patches = torch.rand(n, 1, 8, 8, generator=draw) * TEXTURE
        scene = F.interpolate(patches, size=(SCENE, SCENE), mode="nearest").squeeze(1)
        labels = torch.full((n, SCENE, SCENE), N_CLASSES)
        digits = torch.randint(1, MOST_DIGITS + 1, (n,), generator=draw).tolist()
        for k, count in enumerate(digits):
            for place in torch.randperm(4, generator=draw)[:count].tolist():
                index = int(torch.randint(len(small), (1,), generator=draw))
                top, left = torch.randint(quarter - size + 1, (2,), generator=draw).tolist()
                top, left = top + quarter * (place // 2), left + quarter * (place % 2)
                at = (k, slice(top, top + size), slice(left, left + size))
                scene[at] = torch.maximum(scene[at], small[index])
                labels[at] = torch.where(small[index] >= DARK, y[index], N_CLASSES)
        made.append((scene, labels))
    (x_train, y_train), (x_test, y_test) = made
    return Dataset(
        name=f"{data.name}-scenes",
        image=(SCENE, SCENE),
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
    )


def mean_iou(found: torch.Tensor, labels: torch.Tensor, classes: int) -> float:
    """The mean over classes of intersection over union, all pixels of all samples together.

    Of a class the intersection are the pixels that are labelled and found as it, the union those
    that are one of both. The background is a class; one that is neither labelled nor found does not
    count.

    Parameters
    ----------
    found, labels : classes of pixels, integers from 0, of one shape. classes : how many there are.
    """
    pairs = torch.bincount(
        labels.reshape(-1) * classes + found.reshape(-1), minlength=classes * classes
    ).reshape(classes, classes)
    both = pairs.diagonal()
    either = pairs.sum(0) + pairs.sum(1) - both
    there = either > 0
    return float((both[there].double() / either[there]).mean())
