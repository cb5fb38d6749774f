"""Training steps of bench_engine's networks in PyTorch: forward, cross-entropy, backward, Adam.

    python3 bench/engine_torch.py [THREADS]

Prints the median microseconds of a step, eager, with the faster of the two Adams. On one thread the
clock is the process's own, as in bench_engine: other work on the machine does not move it."""
import statistics
import sys
import time

import torch

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
now = time.process_time if THREADS == 1 else time.perf_counter


def step_time(widths, batch, repeats):
    torch.manual_seed(1)
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    x = torch.randn(batch, widths[0])
    target = torch.randint(widths[-1], (batch,))
    loss_of = torch.nn.CrossEntropyLoss()
    times = []
    for fused in (False, True):
        adam = torch.optim.Adam(net.parameters(), fused=fused)
        rounds = []
        for _ in range(9):
            start = now()
            for _ in range(repeats):
                adam.zero_grad()
                loss_of(net(x), target).backward()
                adam.step()
            rounds.append((now() - start) / repeats)
        times.append(statistics.median(rounds))
    return 1e6 * min(times)


torch.set_num_threads(THREADS)
print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
print(f"mlp 64-64-10 batch 32: {step_time([64, 64, 10], 32, 100):.1f} us a step")
print(f"mlp 784-512-512-10 batch 128: {step_time([784, 512, 512, 10], 128, 5):.1f} us a step")
