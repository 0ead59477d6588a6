"""Trains a model's parameters with PyTorch, and writes the training checkpoint.

usage: train_with_torch.py WEIGHTS.safetensors FOLDER CONFIGS, CONFIGS being a JSON list of
optimizer configurations. Of each, FOLDER/NAME.pth.tar holds the state after three steps, and
FOLDER/NAME.safetensors the weights after a fourth one. The gradient of a weight w in step t,
counted from 0, is 0.3 w + 0.01 (t + 1).
"""

import json
import pathlib
import sys

import safetensors.torch
import torch

weights, folder, configs = sys.argv[1:]
names = {"epsilon": "eps"}


def is_buffer(name):
    return name.endswith(("running_mean", "running_var"))


def train(config):
    state = safetensors.torch.load_file(weights)
    parameters = {n: torch.nn.Parameter(t) for n, t in state.items() if not is_buffer(n)}
    settings = {names.get(key, key): value for key, value in config.items() if key != "name"}
    optimizer = getattr(torch.optim, config["name"])(parameters.values(), lr=0.01, **settings)

    def step(t):
        for parameter in parameters.values():
            parameter.grad = 0.3 * parameter.detach() + 0.01 * (t + 1)
        optimizer.step()

    for t in range(3):
        step(t)
    checkpoint = {
        "model_name": "menet",
        "state_dict": {n: parameters.get(n, t).detach() for n, t in state.items()},
        "optimizer": optimizer.state_dict(),
        "last_epoch": 0,
        "best_prec1": 12.5,
    }
    path = pathlib.Path(folder) / config["name"]
    torch.save(checkpoint, f"{path}.pth.tar")
    step(3)
    after = {n: p.detach().contiguous() for n, p in parameters.items()}
    safetensors.torch.save_file(after, f"{path}.safetensors")


for config in json.loads(configs):
    train(config)
