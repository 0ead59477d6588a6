"""The process of a PyTorch driver: answers requests of src/bench/driver_process.ts, JSON lines.

usage: torch_driver.py DRIVER DEVICE WEIGHTS, WEIGHTS being a folder of MODEL.safetensors.
The cases have the values of src/bench/random.ts. With a 16-bit precision inference has 16-bit
weights, and training runs under autocast; TF32 is off.
"""

import gc
import json
import math
import pathlib
import sys
import time

import numpy
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

import torch_networks

driver, device, weights = sys.argv[1:]
configs = pathlib.Path(__file__).parent.parent / "config/imagenet/model-config"
MAX_SAMPLES = 4096


class Unavailable(Exception):
    pass


class Random:
    """Seeded values, those of random.ts: mulberry32, whose n-th state is known beforehand."""

    def __init__(self, seed):
        self.state = seed

    def tensor(self, shape, spread=1.0, center=0.0):
        size = math.prod(shape)
        counts = numpy.arange(1, size + 1, dtype=numpy.uint32)
        h = counts * numpy.uint32(0x6D2B79F5) + numpy.uint32(self.state)
        self.state = (self.state + size * 0x6D2B79F5) % 2**32
        h = (h ^ (h >> 15)) * (h | 1)
        h ^= h + (h ^ (h >> 7)) * (h | 61)
        values = (h ^ (h >> 14)) / 2**31 - 1
        return torch.from_numpy((center + spread * values).astype(numpy.float32).reshape(shape))

    def maps(self, n, h, w, c):
        return self.tensor((n, h, w, c)).permute(0, 3, 1, 2)

    def fill(self, module):
        """Draws a convolution's weights, in tfjs' layout, or a batch norm's."""
        with torch.no_grad():
            if isinstance(module, nn.BatchNorm2d):
                shape = (module.num_features,)
                module.weight.copy_(self.tensor(shape, 0.1, 1))
                module.bias.copy_(self.tensor(shape, 0.1))
                module.running_mean.copy_(self.tensor(shape, 0.1))
                module.running_var.copy_(self.tensor(shape, 0.3, 1))
                return
            outputs, inputs, h, w = module.weight.shape
            spread = math.sqrt(6 / (inputs * h * w))
            if inputs == 1 and module.groups == outputs:
                drawn = self.tensor((h, w, outputs, 1), spread).permute(2, 3, 0, 1)
            else:
                drawn = self.tensor((h, w, inputs, outputs), spread).permute(3, 2, 0, 1)
            module.weight.copy_(drawn)


DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FP16_LOSS_SCALE = 1024  # of src/bench/network.ts


def place(tensor):
    return tensor.to(device, memory_format=torch.channels_last)


def place_module(module):
    module = module.to(device, memory_format=torch.channels_last)
    # Its CUDA graphs are among what max-autotune tries.
    return torch.compile(module, mode="max-autotune") if driver == "torch compile" else module


def network(case, mode, precision):
    name = case["model"]
    config = json.loads(next(configs.glob(f"*/{name}.json")).read_text())
    model = torch_networks.build(config)
    state = load_file(f"{weights}/{name}.safetensors")
    missing = set(model.state_dict()) - set(state)
    if any(not key.endswith("num_batches_tracked") for key in missing):
        raise ValueError(f"{name}: {sorted(missing)} not among the weights")
    model.load_state_dict(state, strict=False)
    images = place(Random(2).maps(case["batch"], case["size"], case["size"], 3))
    dtype = DTYPES[precision]
    if mode == "forward":
        model, images = place_module(model.to(dtype)).eval(), images.to(dtype)
        return lambda: [model(images)]
    model = place_module(model).train()
    labels = torch.tensor([i * 37 % 1000 for i in range(case["batch"])], device=device)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=4e-5
    )

    parameters = list(model.parameters())
    autocast = torch.autocast(torch.device(device).type, dtype, enabled=precision != "float32")

    def step():
        with autocast:
            logits = model(images)
            loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        if precision == "fp16":
            (loss * FP16_LOSS_SCALE).backward()
            torch._foreach_mul_([p.grad for p in parameters], 1 / FP16_LOSS_SCALE)
        else:
            loss.backward()
        optimizer.step()
        return [loss, logits]

    return step


def block(case):
    """A unit or a separable block, and its modules in the order of unit_operation.ts."""
    if case["kind"] == "separable":
        shape = (case["inChannels"], case["outChannels"], case["strides"])
        module = nn.Sequential(*torch_networks.separable(*shape, 0).values())
        return module, [part for part in module if not isinstance(part, nn.ReLU)]
    side = case["side"] if case["op"] == "meUnit" else 0
    shape = (case["inputChannels"], case["channels"], side, case["strides"], case["groups"])
    unit = torch_networks.Unit(*shape, case["compressGroups"])
    opening = [unit.compress, unit.bn_compress, unit.depthwise, unit.bn_depthwise]
    names = ("merge", "conv", "evolve") if side else ()
    branch = [getattr(unit, prefix + n) for n in names for prefix in ("s_", "s_bn_")]
    return unit, [*opening, *branch, unit.expand, unit.bn_expand]


def operation(case, mode, _):
    random = Random(1)
    channels = case["inChannels"] if case["kind"] == "separable" else case["inputChannels"]
    x = place(random.maps(case["batch"], case["size"], case["size"], channels))
    module, order = block(case)
    for part in order:
        random.fill(part)
    parameters = [p for part in order for p in part.parameters()]
    axes = [to_tfjs(part) for part in order for _ in part.parameters()]
    module = place_module(module).train(mode == "gradient")
    if mode == "forward":
        return lambda: [module(x).permute(0, 2, 3, 1)]
    with torch.no_grad():
        n, c, h, w = module.eval()(x).shape
    dy = place(Random(7).maps(n, h, w, c))
    module.train()
    x.requires_grad_()

    def step():
        gradients = torch.autograd.grad(module(x), [x, *parameters], dy)
        return [g.permute(a) for g, a in zip(gradients, [(0, 2, 3, 1), *axes])]

    return step


def to_tfjs(part):
    if isinstance(part, nn.BatchNorm2d):
        return (0,)
    depthwise = part.weight.shape[1] == 1 and part.groups == part.weight.shape[0]
    return (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)


def captured(step):
    """The step as one CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.set_grad_enabled(mode == "gradient"):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    step()
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(graph):
                outputs = step()
    except RuntimeError as error:
        raise Unavailable(f"not captured: {error}") from error

    def replay():
        graph.replay()
        return outputs

    return replay


def prepare(case, mode, precision):
    if case["kind"] not in ("network", "unit", "separable"):
        raise Unavailable(f"no {case['kind']} here")
    make = network if case["kind"] == "network" else operation
    return make(case, mode, precision)


def thin(tensor):
    values = tensor.detach().float().cpu().numpy().reshape(-1)
    return values[:: max(1, len(values) // MAX_SAMPLES | 1)].tolist()


def timed(runs=1):
    """The last run's outputs, and the milliseconds of one until they are here."""
    start = time.perf_counter()
    with torch.set_grad_enabled(mode == "gradient"):
        for _ in range(runs):
            outputs = step()
    outputs[-1].reshape(-1)[:1].cpu()
    return outputs, (time.perf_counter() - start) * 1000 / runs


def timed_with_memory(runs):
    if device == "cpu":
        return {"milliseconds": timed(runs)[1]}
    torch.cuda.reset_peak_memory_stats(device)
    milliseconds = timed(runs)[1]
    return {"milliseconds": milliseconds, "peakBytes": torch.cuda.max_memory_allocated(device)}


def release():
    global step
    step = None
    gc.collect()
    torch.compiler.reset()
    if device != "cpu":
        torch.cuda.empty_cache()


def describe():
    if driver == "torch graphs" and device == "cpu":
        raise Unavailable("CUDA graphs need a GPU")
    if device == "cpu":
        return f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"
    return f"PyTorch {torch.__version__}, {torch.cuda.get_device_name(device)}"


def send(reply):
    print(json.dumps(reply), file=replies, flush=True)


def answer(request):
    global step, mode
    if request["type"] == "prepare":
        release()
        mode = request["mode"]
        step = prepare(request["case"], mode, request.get("precision", "float32"))
        outputs = [thin(output) for output in timed()[0]]
        if driver == "torch graphs":
            step = captured(step)
        # The first runs choose and compile kernels.
        milliseconds = [timed()[1] for _ in range(2)]
        return {"type": "prepared", "outputs": outputs, "milliseconds": milliseconds[-1]}
    if request["type"] == "release":
        release()
        return {"type": "released"}
    if request["type"] == "latencies":
        milliseconds = [timed()[1] for _ in range(request["runs"])]
        return {"type": "latencies", "milliseconds": milliseconds}
    return {"type": "timed", **timed_with_memory(request.get("runs", 1))}


def guard(work):
    try:
        send(work())
    except (Unavailable, torch.OutOfMemoryError) as error:
        send({"type": "unavailable", "reason": str(error).split("\n")[0]})
    except Exception as error:
        send({"type": "failed", "message": f"{type(error).__name__}: {error}"})


# Libraries print to standard output too.
replies, sys.stdout = sys.stdout, sys.stderr
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True
step, mode = None, "forward"


def started():
    return {"type": "started", "description": describe()}


guard(started)
for line in sys.stdin:
    guard(lambda: answer(json.loads(line)))
