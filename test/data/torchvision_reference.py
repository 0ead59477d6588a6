"""What torchvision makes of a formula image, and how its random numbers are distributed.

    python test/data/torchvision_reference.py > test/data/torchvision_reference.json

makes the file anew that the tests of src/data/ compare with (Python with torchvision and Pillow).
The parameters of `samples` are those that transforms.test.ts expects to be drawn; they stay.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode, RandAugment, TrivialAugmentWide
from torchvision.transforms import functional
from torchvision.transforms.autoaugment import _apply_op


def formula_image(width, height):
    """The test's formulaImage."""
    y, x, c = np.indices((height, width, 3))
    level = (3 * x * x + 5 * y * y + x * y * (c + 1) + 40 * c) >> 2
    return Image.fromarray((20 + 30 * c + level % (200 - 40 * c)).astype(np.uint8))


def alterations(space, image):
    """For each alteration its magnitudes, and one hash of what all of them make, then all negated."""
    table = {}
    for name, (magnitudes, signed) in space.items():
        values = magnitudes.tolist() if magnitudes.ndim else [0.0]
        digest = hashlib.sha256()
        for value in values + ([-value for value in values] if signed else []):
            digest.update(_apply_op(image, name, value, InterpolationMode.NEAREST, None).tobytes())
        rounded = [float(f"{value:.9g}") for value in values]  # enough for a float32
        table[name] = {"magnitudes": rounded, "signed": signed, "hash": digest.hexdigest()[:16]}
    return table


def distribution(values, points=24):
    """Shares of the sample that are at most as large as each of some of its quantiles."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    at = np.unique(np.quantile(ordered, np.linspace(0.02, 0.98, points)).round(4))
    shares = np.searchsorted(ordered, at + 1e-9, side="right") / len(ordered)
    return {"at": at.tolist(), "share": shares.round(4).tolist()}


def boxes(draw, width, height, count):
    """Distributions of boxes (top, left, height, width) in an image."""
    top, left, h, w = np.array([draw() for _ in range(count)], dtype=np.float64).T
    quantities = {"left": left, "top": top, "area": w * h / (width * height), "ratio": w / h}
    return {name: distribution(values) for name, values in quantities.items()}


def crops(count):
    image = Image.new("RGB", (500, 375))
    get = transforms.RandomResizedCrop.get_params
    ratio = (3 / 4, 4 / 3)
    scales = {"more_aggressive": 0.08, "aggressive": 0.36, "less_aggressive": 0.64}
    return {
        name: boxes(lambda: get(image, (scale, 1), ratio), 500, 375, count)
        for name, scale in scales.items()
    }


def conservative(count):
    image = Image.new("RGB", (341, 256))
    get = transforms.RandomCrop.get_params
    top, left, _, _ = np.array([get(image, (224, 224)) for _ in range(count)]).T
    return {"left": distribution(left), "top": distribution(top)}


def jitter(count):
    get = transforms.ColorJitter.get_params
    draws = [get((0.9, 1.1), (0.9, 1.1), (0.9, 1.1), (-0.1, 0.1)) for _ in range(count)]
    names = ("brightness", "contrast", "saturation", "hue")
    return {name: distribution([draw[i + 1] for draw in draws]) for i, name in enumerate(names)}


ADJUSTMENTS = (
    functional.adjust_brightness,
    functional.adjust_contrast,
    functional.adjust_saturation,
    functional.adjust_hue,
)


def sample(image, placement, jitter):
    """A sample as our parameters want it, by torchvision's functions."""
    source, resized, crop = (placement[name] for name in ("source", "resized", "crop"))
    image = functional.crop(image, source["top"], source["left"], source["height"], source["width"])
    image = functional.resize(image, (resized["height"], resized["width"]))
    image = functional.crop(image, crop["top"], crop["left"], crop["height"], crop["width"])
    image = functional.hflip(image) if placement["flip"] else image
    for which in jitter["order"] if jitter else []:
        image = ADJUSTMENTS[which](image, jitter["factors"][which])
    return image


def samples(image):
    path = Path(__file__).with_suffix(".json")
    table = json.loads(path.read_text())["samples"]
    for entry in table.values():
        pixels = sample(image, entry["placement"], entry["jitter"]).tobytes()
        entry["hash"] = hashlib.sha256(pixels).hexdigest()[:16]
    return table


def main():
    count = 200_000
    torch.manual_seed(1)
    wide, square = formula_image(61, 47), formula_image(224, 224)
    blank = torch.zeros(3, 224, 224)
    erase = transforms.RandomErasing.get_params
    document = {
        "versions": {"torchvision": torchvision.__version__.split("+")[0], "Pillow": PIL.__version__},
        "alterations": {
            "rand_augment 61x47": alterations(RandAugment()._augmentation_space(31, (47, 61)), wide),
            "trivial_augment 61x47": alterations(TrivialAugmentWide()._augmentation_space(31), wide),
            "trivial_augment 224x224": alterations(TrivialAugmentWide()._augmentation_space(31), square),
        },
        "samples": samples(formula_image(500, 375)),
        "distributions": {
            **crops(count),
            "conservative": conservative(count),
            "color_jitter": jitter(count),
            "random_erasing": boxes(
                lambda: erase(blank, (0.02, 0.33), (0.3, 3.3), [0.0])[:4], 224, 224, count
            ),
        },
    }
    print(json.dumps(document))


main()
