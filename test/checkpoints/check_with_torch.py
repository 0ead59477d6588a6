"""Loads a checkpoint that menet wrote for PyTorch, and compares it with its safetensors twin.

usage: check_with_torch.py FILE.pth.tar FILE.safetensors OPTIMIZER
"""

import sys

import safetensors.torch
import torch

pth, twin, optimizer_name = sys.argv[1:]
found = torch.load(pth, weights_only=True)
tensors = safetensors.torch.load_file(twin)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(
        a.contiguous().view(torch.uint8) if a.ndim else a,
        b.contiguous().view(torch.uint8) if b.ndim else b,
    )


def build(state):
    """A tree of torch modules with this state: what a network of these names is made of."""
    root = torch.nn.Module()
    for prefix in dict.fromkeys(name.rpartition(".")[0] for name in state):
        weight = state[f"{prefix}.weight"]
        bias = f"{prefix}.bias" in state
        if f"{prefix}.running_mean" in state:
            leaf = torch.nn.BatchNorm2d(len(weight))
        elif weight.ndim == 4:
            out, inner, *kernel = weight.shape
            leaf = torch.nn.Conv2d(inner, out, tuple(kernel), bias=bias)
        else:
            leaf = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias)
        *path, last = prefix.split(".")
        parent = root
        for part in path:
            if not hasattr(parent, part):
                parent.add_module(part, torch.nn.Module())
            parent = getattr(parent, part)
        parent.add_module(last, leaf)
    return root


state = found["state_dict"]
weights = {n: t for n, t in tensors.items() if not n.startswith(("optimizer.", "ema."))}
assert list(state) == [n for n in weights] or set(state) == set(weights), "names"
assert all(same(state[n], t) for n, t in weights.items()), "values"
model = build(state)
missing, unexpected = model.load_state_dict(state)
assert not missing and not unexpected
for name, value in model.state_dict().items():
    if not name.endswith("num_batches_tracked"):
        assert same(value, state[name]), name

for name, value in found.get("state_dict_ema", {}).items():
    assert same(value, tensors[f"ema.{name}"]), name

# The optimizer's groups in the order of the file, as the model's own parameters.
groups = found["optimizer"]["param_groups"]
by_name = dict(model.named_parameters())
names = list(by_name)
in_order = [g.get("param_names", [names[i] for i in g["params"]]) for g in groups]
optimizer = getattr(torch.optim, optimizer_name)(
    [{"params": [by_name[n] for n in group]} for group in in_order], lr=0.5
)
optimizer.load_state_dict(found["optimizer"])
slots = 0
torch_names = {"momentum": "momentum_buffer"}
for name, tensor in tensors.items():
    if name.startswith("optimizer."):
        _, slot, parameter = name.split(".", 2)
        kept = optimizer.state[by_name[parameter]][torch_names.get(slot, slot)]
        assert same(kept, tensor), name
        slots += 1
for group in optimizer.param_groups:
    assert group["lr"] != 0.5
before = {n: p.detach().clone() for n, p in by_name.items()}
for p in by_name.values():
    p.grad = torch.ones_like(p)
optimizer.step()
trained = [n for group in in_order for n in group]
assert all(not torch.equal(before[n], by_name[n]) for n in trained), "step"
print(f"{len(weights)} weights, {slots} slots, {len(groups)} groups")
