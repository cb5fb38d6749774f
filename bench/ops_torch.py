"""Ops of networks, forward and backward, beside PyTorch: values, derivatives and time, in one process
and in turn.

    OMP_WAIT_POLICY=passive python bench/ops_torch.py build/librung.so [THREADS]

Each line: microseconds of Rung and of PyTorch (the faster of contiguous and channels-last images),
their ratio PyTorch / Rung (medians of rounds in which both are run one after the other), and the
largest difference of values and gradients, relative to the largest of each. It fails where that is
above 1e-4.
"""
import ctypes
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

ROUNDS, SLICE = 7, 0.02
NONE = -1
I64 = ctypes.c_int64


class Options(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("memory_limit", ctypes.c_size_t), ("more", I64 * 16)]


class Pool(ctypes.Structure):
    _fields_ = [("window", I64 * 2), ("stride", I64 * 2), ("padding", I64 * 4)]


class Rung:
    """Programs of node functions, by the public functions of the shared library."""

    def __init__(self, path, threads):
        self.lib = ctypes.CDLL(path)
        self.lib.rung_error.restype = ctypes.c_char_p
        self.lib.rung_program_bytes.restype = ctypes.c_size_t
        self.lib.rung_compile_options_default.restype = Options
        self.ctx = ctypes.c_void_p()
        self.check(self.lib.rung_context_create(None, ctypes.byref(self.ctx)))
        self.check(self.lib.rung_set_threads(self.ctx, threads))

    def check(self, status):
        if status:
            raise RuntimeError(self.lib.rung_error(self.ctx))

    def program(self, build, arrays, varied, cotangent):
        """A function that runs build(graph, nodes) and, for the given cotangent (None: a scalar's),
        its gradient in the first `varied` arrays; and its results."""
        lib, graph, program = self.lib, ctypes.c_void_p(), ctypes.c_void_p()
        self.check(lib.rung_graph_create(self.ctx, ctypes.byref(graph)))
        inputs = arrays + ([cotangent] if cotangent is not None else [])
        nodes = [lib.rung_input(graph, b"x", a.ndim, (I64 * a.ndim)(*a.shape)) for a in inputs]
        out = (ctypes.c_int32 * (varied + 1))(build(graph, nodes))
        self.check(lib.rung_gradient(graph, out[0], nodes[-1] if cotangent is not None else NONE, varied,
                                     (ctypes.c_int32 * varied)(*nodes[:varied]),
                                     ctypes.byref(out, 4)))
        options = lib.rung_compile_options_default()
        options.dtype = 0
        count = len(inputs)
        self.check(lib.rung_compile(graph, ctypes.byref(options), count, (ctypes.c_int32 * count)(*nodes),
                                    varied + 1, out, ctypes.byref(program)))
        space = np.zeros(lib.rung_program_bytes(program) + 64, np.uint8)
        work = ctypes.c_void_p(space.ctypes.data + -space.ctypes.data % 64)
        value = np.zeros((), np.float32) if cotangent is None else np.empty_like(cotangent)
        results = [value] + [np.empty_like(a) for a in arrays[:varied]]
        given = (ctypes.c_void_p * count)(*[a.ctypes.data for a in inputs])
        taken = (ctypes.c_void_p * (varied + 1))(*[r.ctypes.data for r in results])

        def run(keep=(space, inputs)):
            self.check(lib.rung_program_run(program, self.ctx, work, given, taken))
        return run, results


def nchw(a, form):
    t = torch.from_numpy(a)
    return t.permute(0, 3, 1, 2).contiguous(memory_format=form) if a.ndim == 4 else t.clone()


def theirs(f, arrays, varied, cotangent, form):
    t = [nchw(a, form) for a in arrays]
    for x in t[:varied]:
        x.requires_grad_()
    c = None if cotangent is None else nchw(cotangent, form)

    def run():
        for x in t[:varied]:
            x.grad = None
        y = f(*t)
        y.backward(c)
        return [y.detach()] + [x.grad for x in t[:varied]]
    return run


def seconds(f):
    f()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SLICE:
        f()
        count += 1
    return (time.perf_counter() - start) / count


def difference(mine, other):
    other = other.permute(0, 2, 3, 1) if other.dim() == 4 else other
    other = other.numpy()
    return float(np.max(np.abs(mine - other)) / max(float(np.max(np.abs(other))), 1e-30))


def compare(rung, name, build, torched, arrays, varied, cotangent=None, values=True):
    run, results = rung.program(build, arrays, varied, cotangent)
    images = any(a.ndim == 4 for a in arrays)
    forms = [torch.contiguous_format] + ([torch.channels_last] if images else [])
    others = [theirs(torched, arrays, varied, cotangent, form) for form in forms]
    run()
    worst = max(difference(m, t) for m, t in zip(results, others[0]())) if values else 0.0
    times = [[seconds(run)] + [seconds(f) for f in others] for _ in range(ROUNDS)]
    own = statistics.median(t[0] for t in times)
    ratio = min(statistics.median(t[k] / t[0] for t in times) for k in range(1, len(times[0])))
    print(f"{name:34s} {own * 1e6:9.1f} {own * ratio * 1e6:9.1f} {ratio:7.2f}   {worst:.1e}", flush=True)
    if not worst <= 1e-4:
        sys.exit(f"{name}: differs from PyTorch by {worst}")


def main():
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    rung = Rung(sys.argv[1], threads)
    lib, rng = rung.lib, np.random.default_rng(1)
    eps, f64 = ctypes.c_double(1e-5), ctypes.c_double

    def normal(*shape):
        return rng.standard_normal(shape, np.float32)

    def norm(kind, groups=4, bend=True):
        def build(g, n):
            y = lib.rung_normalize(g, n[0], kind, I64(groups), eps, n[1], n[2], None, None)
            return lib.rung_relu(g, y) if bend else y
        return build

    print(f"{'':34s} {'Rung':>9s} {'PyTorch':>9s} {'ratio':>7s}   difference   ({threads} threads)")
    for size, c in ((32, 16), (16, 32), (8, 64)):
        a = [normal(64, size, size, c), normal(c), normal(c)]
        ct = normal(*a[0].shape)
        label = f"64x{size}x{size}x{c}"
        compare(rung, f"batch norm + relu {label}", norm(0),
                lambda x, g, s: F.relu(F.batch_norm(x, None, None, g, s, True, 0, 1e-5)), a, 3, ct)
    a = [normal(64, 16, 16, 32), normal(32), normal(32)]
    ct = normal(*a[0].shape)
    compare(rung, "group norm 64x16x16x32", norm(2, bend=False),
            lambda x, g, s: F.group_norm(x, 4, g, s, 1e-5), a, 3, ct)
    compare(rung, "instance norm 64x16x16x32", norm(3, bend=False),
            lambda x, g, s: F.instance_norm(x, None, None, g, s, True, 0, 1e-5), a, 3, ct)
    a = [normal(128, 512), normal(512), normal(512)]
    compare(rung, "layer norm 128x512", norm(1, 1, False),
            lambda x, g, s: F.layer_norm(x, [512], g, s, 1e-5), a, 3, normal(128, 512))
    x = normal(64, 32, 32, 16)
    ct = normal(*x.shape)
    for name, torched in (("gelu", F.gelu), ("silu", F.silu), ("softplus", F.softplus)):
        compare(rung, f"{name} 64x32x32x16", lambda g, n, name=name: getattr(lib, "rung_" + name)(g, n[0]),
                torched, [x], 1, ct)
    halves = Pool((2, 2), (2, 2), (0, 0, 0, 0))
    ct = normal(64, 16, 16, 16)
    compare(rung, "max pool 2x2 64x32x32x16", lambda g, n: lib.rung_max_pool2d(g, n[0], ctypes.byref(halves)),
            lambda x: F.max_pool2d(x, 2), [x], 1, ct)
    compare(rung, "average pool 2x2 64x32x32x16",
            lambda g, n: lib.rung_average_pool2d(g, n[0], ctypes.byref(halves)),
            lambda x: F.avg_pool2d(x, 2), [x], 1, ct)
    compare(rung, "global mean 64x8x8x64", lambda g, n: lib.rung_mean(g, n[0], 6, 0),
            lambda x: x.mean((2, 3)), [normal(64, 8, 8, 64)], 1, normal(64, 64))
    key = np.array([1, 2, 3, 4], np.float32)
    ct = normal(*x.shape)
    compare(rung, "dropout 64x32x32x16", lambda g, n: lib.rung_dropout(g, n[0], n[1], f64(0.1)),
            lambda x, k: F.dropout(x, 0.1), [x, key], 1, ct, values=False)
    for n, k in ((32, 10), (128, 10), (64, 1000)):
        labels = rng.integers(0, k, n).astype(np.float32)
        compare(rung, f"cross-entropy, smoothed {n}x{k}",
                lambda g, a: lib.rung_cross_entropy(g, a[0], a[1], NONE, f64(0.1)),
                lambda s, y: F.cross_entropy(s, y.long(), label_smoothing=0.1), [normal(n, k), labels], 1)
    compare(rung, "huber 128x10", lambda g, a: lib.rung_huber(g, a[0], a[1], NONE, f64(0.7)),
            lambda p, t: F.huber_loss(p, t, delta=0.7), [normal(128, 10), normal(128, 10)], 1)
    index = rng.integers(0, 10000, (64, 32)).astype(np.float32)
    compare(rung, "embedding 10000x64, 2048 rows", lambda g, a: lib.rung_gather(g, a[0], a[1]),
            lambda t, i: F.embedding(i.long(), t), [normal(10000, 64), index], 1, normal(64, 32, 64))


main()
