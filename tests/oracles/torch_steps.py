"""Losses of 50 steps of PyTorch in double precision, which those of Rung must agree with.

    python3 tests/oracles/torch_steps.py > tests/oracles/torch_steps.txt
    python3 tests/oracles/torch_steps.py resnet-20

Weights and batches are formulas of their index, the same here as in tests/train/test_torch.c, so
that the file holds losses alone. Tensors have Rung's names and layouts: kernels
[height][width][from][to], matrices [to][from], layers of a stage on the first axis.
"""

import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
STEPS, RATE, DECAY, EPSILON = 50, 3e-3, 0.02, 1e-4


def waves(name, count):
    phase = 0.37 * sum(map(ord, name))
    return torch.sin(12.9898 * torch.arange(1, count + 1) + phase)


class Network:
    """Makes its parameters when they are first asked for."""

    def __init__(self):
        self.tensor = {}

    def get(self, name, shape, layer=0, layers=1):
        if name not in self.tensor:
            whole = ([layers] if layers > 1 else []) + list(shape)
            count = 1
            for n in whole:
                count *= n
            value = waves(name, count).reshape(whole)
            last = name.split(".")[-1]
            if last[0] == "K":
                value = value * 1.5 / (shape[0] * shape[1] * shape[2]) ** 0.5
            elif last[0] == "W":
                value = value * 1.5 / shape[1] ** 0.5
            else:
                value = (1 if last == "gain" else 0) + 0.1 * value
            self.tensor[name] = value.requires_grad_()
        return self.tensor[name][layer] if layers > 1 else self.tensor[name]

    def groups(self):
        decays = lambda n: n.split(".")[-1][0] in "KW"
        return [
            {"params": [v for n, v in self.tensor.items() if decays(n)], "weight_decay": DECAY},
            {"params": [v for n, v in self.tensor.items() if not decays(n)], "weight_decay": 0.0},
        ]


def mlp(net, x):
    for i, (a, b) in enumerate(((12, 16), (16, 8))):
        w, s = net.get(f"layer{i + 1}.W", (b, a)), net.get(f"layer{i + 1}.b", (b,))
        x = torch.tanh(F.linear(x, w, s))
    return F.linear(x, net.get("head.W", (5, 8)), net.get("head.b", (5,)))


def conv(net, name, x, to, stride, place):
    k = net.get(name, (3, 3, x.shape[1], to), *place)
    return F.conv2d(x, k.permute(3, 2, 0, 1), stride=stride, padding=1)


def normed(net, block, suffix, kind, x, place):
    c = x.shape[1]
    if kind == "none":
        return x + net.get(f"{block}.b{suffix}", (c,), *place)[:, None, None]
    gain = net.get(f"{block}.norm{suffix}.gain", (c,), *place)
    shift = net.get(f"{block}.norm{suffix}.shift", (c,), *place)
    if kind == "batch":
        return F.batch_norm(x, None, None, gain, shift, training=True)
    return F.group_norm(x, {"layer": 1, "group": 2, "instance": c}[kind], gain, shift)


def resnet(channels, layers, classes, kind):
    def forward(net, x):
        x = x.permute(0, 3, 1, 2)
        one = (0, 1)
        x = F.relu(normed(net, "stem", "", kind, conv(net, "stem.K", x, channels[0], 1, one), one))
        for i, (c, n) in enumerate(zip(channels, layers)):
            for j in range(n):
                opens = i > 0 and j == 0
                block = f"open{i + 1}" if opens else f"stage{i + 1}"
                inside = n - (i > 0)
                place = one if opens else (j - (i > 0), inside)
                stride = 2 if opens else 1
                y = conv(net, f"{block}.K1", x, c, stride, place)
                y = F.relu(normed(net, block, "1", kind, y, place))
                y = normed(net, block, "2", kind, conv(net, f"{block}.K2", y, c, 1, place), place)
                if opens:
                    x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, c - x.shape[1]))
                x = F.relu(x + y)
        head = net.get("head.W", (classes, channels[-1]))
        return F.linear(x.mean((2, 3)), head, net.get("head.b", (classes,)))

    return forward


CASES = {"mlp": (mlp, (12, 12), 5)}
for norm in ("none", "batch", "layer", "group", "instance"):
    CASES[f"resnet {norm}"] = (resnet([4, 8], [2, 2], 5, norm), (6, 8, 8, 3), 5)
FULL = {"resnet-20": (resnet([16, 32, 64], [3, 3, 3], 10, "batch"), (4, 32, 32, 3), 10)}


def run(forward, shape, classes):
    count = 1
    for n in shape:
        count *= n
    index, samples = torch.arange(1, count + 1), torch.arange(shape[0])
    net, optimiser = Network(), None
    for step in range(STEPS):
        x = torch.sin(index * (0.9898 + 0.0137 * step) + step).reshape(shape)
        loss = F.cross_entropy(forward(net, x), (7 * samples + 3 * step) % classes)
        if optimiser is None:
            optimiser = torch.optim.AdamW(net.groups(), lr=RATE, eps=EPSILON)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        print(f"{loss.item():.15g}")


for case, rest in (FULL if sys.argv[1:] == ["resnet-20"] else CASES).items():
    print(case)
    run(*rest)
