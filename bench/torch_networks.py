"""The networks of menet's configurations in PyTorch, under the published names of their weights.

MENet (arXiv:1803.09127), ShuffleNet (arXiv:1707.01083) and MobileNet (arXiv:1704.04861).
"""

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, kernel=1, strides=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, strides, kernel // 2, groups=groups, bias=False)


def shuffle(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Unit(nn.Module):
    """A ShuffleNet unit; with `side` channels a merging-and-evolution unit."""

    def __init__(self, inputs, outputs, side, strides, groups, compress_groups):
        super().__init__()
        middle = outputs // 4
        expanded = outputs - inputs if strides == 2 else outputs
        self.strides, self.groups, self.side = strides, groups, side
        self.compress = conv(inputs, middle, groups=compress_groups)
        self.bn_compress = nn.BatchNorm2d(middle)
        self.depthwise = conv(middle, middle, 3, strides, middle)
        self.bn_depthwise = nn.BatchNorm2d(middle)
        self.expand = conv(middle, expanded, groups=groups)
        self.bn_expand = nn.BatchNorm2d(expanded)
        if side:
            self.s_merge, self.s_bn_merge = conv(middle, side), nn.BatchNorm2d(side)
            self.s_conv, self.s_bn_conv = conv(side, side, 3, strides), nn.BatchNorm2d(side)
            self.s_evolve, self.s_bn_evolve = conv(side, middle), nn.BatchNorm2d(middle)

    def forward(self, x):
        h = shuffle(F.relu(self.bn_compress(self.compress(x))), self.groups)
        y = self.bn_depthwise(self.depthwise(h))
        if self.side:
            gate = F.relu(self.s_bn_merge(self.s_merge(h)))
            gate = F.relu(self.s_bn_conv(self.s_conv(gate)))
            y = y * torch.sigmoid(self.s_bn_evolve(self.s_evolve(gate)))
        y = self.bn_expand(self.expand(y))
        if self.strides == 1:
            return F.relu(y + x)
        return F.relu(torch.cat([y, F.avg_pool2d(x, 3, 2, 1)], 1))


def separable(inputs, outputs, strides, i):
    return {
        f"dw_conv_{i}": conv(inputs, inputs, 3, strides, inputs),
        f"dw_norm_{i}": nn.BatchNorm2d(inputs),
        f"dw_relu_{i}": nn.ReLU(),
        f"pw_conv_{i}": conv(inputs, outputs),
        f"pw_norm_{i}": nn.BatchNorm2d(outputs),
        f"pw_relu_{i}": nn.ReLU(),
    }


class Network(nn.Module):
    def __init__(self, features, channels, classes=1000):
        super().__init__()
        self.features = nn.Sequential()
        for name, module in features.items():
            self.features.add_module(name, module)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def units(widths, counts, sides, inputs, groups):
    for stage, (width, count, side) in enumerate(zip(widths, counts, sides)):
        for unit in range(count):
            opening = stage == 0 and unit == 0
            strides = 2 if unit == 0 else 1
            yield (
                f"stage_{stage + 1}_{unit + 1}",
                Unit(inputs, width, side, strides, groups, 1 if opening else groups),
            )
            inputs = width


def menet(config):
    first, widths = config["init_c"], config["block_channels"]
    stem = nn.Sequential()
    stem.add_module("conv", conv(3, first, 3, 2))
    stem.add_module("bn", nn.BatchNorm2d(first))
    stem.add_module("relu", nn.ReLU())
    stem.add_module("pool", nn.MaxPool2d(3, 2, 1))
    counts = [count + 1 for count in config["block_layers"]]
    body = dict(units(widths, counts, config["side_channels"], first, config["groups"]))
    return Network({"init": stem, **body}, widths[-1])


def shufflenet(config):
    groups = int(config["name"].rsplit("_", 1)[1])

    def multiple(width):
        return -(-int(width) // groups) * groups

    first = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}[groups]
    widths = [multiple(first * 2**i * config["width_mul"]) for i in range(3)]
    stem = multiple(24 * config["init_mul"])
    head = {
        "conv_1": conv(3, stem, 3, 2),
        "norm_1": nn.BatchNorm2d(stem),
        "relu_1": nn.ReLU(),
        "pool_1": nn.MaxPool2d(3, 2, 1),
    }
    body = dict(units(widths, [4, 8, 4], [0, 0, 0], stem, groups))
    return Network({**head, **body}, widths[-1])


def mobilenet(config):
    widths = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    widths = [int(width * config["width_mul"]) for width in widths]
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    body = {
        "conv_0": conv(3, widths[0], 3, 2),
        "norm_0": nn.BatchNorm2d(widths[0]),
        "relu_0": nn.ReLU(),
    }
    for i, stride in enumerate(strides):
        body |= separable(widths[i], widths[i + 1], stride, i)
    return Network(body, widths[-1])


def build(config):
    families = {"menet": menet, "shufflenet": shufflenet, "mobilenet": mobilenet}
    return families[config["name"].split("_")[0]](config)
