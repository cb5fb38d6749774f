"""PyTorch's steps on the networks of bench_train: forward, backward and optimiser, in single
precision on the processor. Prints one line: milliseconds of a step, eager and compiled, and the
peak of resident bytes above the process before the network was made. Without seconds: a few steps,
eager alone.

    python3 bench/peers_train.py CASE [THREADS [SECONDS]]
"""

import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Mlp(nn.Sequential):
    def __init__(self, widths):
        layers = []
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            layers += [nn.Linear(a, b)] + ([nn.Tanh()] if i + 2 < len(widths) else [])
        super().__init__(*layers)


class Residual(nn.Module):
    """y = relu(x + N2 K2 relu(N1 K1 x)), the shortcut with zeros for channels that it lacks."""

    def __init__(self, a, b, stride):
        super().__init__()
        self.k1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.n1 = nn.BatchNorm2d(b)
        self.k2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.n2 = nn.BatchNorm2d(b)
        self.stride, self.more = stride, b - a

    def forward(self, x):
        y = self.n2(self.k2(F.relu(self.n1(self.k1(x)))))
        if self.more:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(x + y)


class Resnet(nn.Module):
    def __init__(self, channels, layers):
        super().__init__()
        self.stem = nn.Conv2d(3, channels[0], 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels[0])
        blocks, before = [], channels[0]
        for c, n in zip(channels, layers):
            for j in range(n):
                blocks.append(Residual(before, c, 2 if c != before else 1))
                before = c
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.norm(self.stem(x))))
        return self.head(x.mean((2, 3)))


class Verlet(nn.Module):
    """Z -= h relu(N1(K' Y)), Y += h relu(N2(K Z))."""

    def __init__(self, half, h):
        super().__init__()
        self.k = nn.Parameter(torch.randn(half, half, 3, 3) / (3 * half**0.5))
        self.n1, self.n2, self.h = nn.BatchNorm2d(half), nn.BatchNorm2d(half), h

    def forward(self, y, z):
        z = z - self.h * F.relu(self.n1(F.conv_transpose2d(y, self.k, padding=1)))
        y = y + self.h * F.relu(self.n2(F.conv2d(z, self.k, padding=1)))
        return y, z


class Hamiltonian(nn.Module):
    def __init__(self, channels, layers):
        super().__init__()
        self.stem = nn.Conv2d(3, channels[0], 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels[0])
        self.stages, self.between = nn.ModuleList(), nn.ModuleList()
        for i, (c, n) in enumerate(zip(channels, layers)):
            if i:
                k = nn.Conv2d(channels[i - 1], c, 1, bias=False)
                self.between.append(nn.Sequential(k, nn.BatchNorm2d(c), nn.ReLU(), nn.AvgPool2d(2)))
            self.stages.append(nn.ModuleList(Verlet(c // 2, 1 / n) for _ in range(n)))
        self.last = nn.BatchNorm2d(channels[-1])
        self.head = nn.Linear(channels[-1], 10)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        for i, stage in enumerate(self.stages):
            if i:
                x = self.between[i - 1](x)
            y, z = x.chunk(2, 1)
            for layer in stage:
                y, z = layer(y, z)
            x = torch.cat((y, z), 1)
        return self.head(F.relu(self.last(x)).mean((2, 3)))


CASES = {
    "mlp-small": (lambda: Mlp([64, 64, 10]), (32, 64)),
    "mlp-large": (lambda: Mlp([784, 512, 512, 10]), (128, 784)),
    "resnet-20": (lambda: Resnet([16, 32, 64], [3, 3, 3]), (64, 3, 32, 32)),
    "resnet-110": (lambda: Resnet([16, 32, 64], [18, 18, 18]), (64, 3, 96, 96)),
    "hamiltonian": (lambda: Hamiltonian([32, 64, 128], [6, 6, 5]), (64, 3, 32, 32)),
}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(model, shape, seconds):
    """Milliseconds of the fastest tenth of steps: what else runs on the machine counts least."""
    x, y = torch.randn(shape), torch.randint(10, (shape[0],))
    if x.ndim == 4:
        x = x.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)

    def step():
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        optimiser.step()

    for _ in range(5 if seconds else 1):
        step()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < (10 if seconds else 2):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    times.sort()
    return 1e3 * times[len(times) // 10]


def main():
    name = sys.argv[1]
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 3
    torch.manual_seed(1)
    make, shape = CASES[name]
    base = peak()
    model = make()
    if len(shape) == 4:
        model = model.to(memory_format=torch.channels_last)
    weights = sum(p.numel() for p in model.parameters())
    eager = measure(model, shape, seconds)
    held = peak() - base
    compiled = float("nan")
    try:
        if seconds:
            compiled = measure(torch.compile(model), shape, seconds)
    except Exception as error:  # no compiler, or a version without one for this processor
        print(f"not compiled: {error}"[:200], file=sys.stderr)
    print(f"{weights} {eager:.4f} {compiled:.4f} {held}")


main()
