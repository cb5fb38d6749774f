"""Convolutions beside PyTorch (oneDNN), in one process and in turn.

    OMP_WAIT_POLICY=passive python bench/conv_torch.py build/librung.so [THREADS]

Each line: milliseconds of Rung and of PyTorch (the faster of contiguous and channels-last arrays)
for the convolution, its adjoint in the images, its adjoint in the weights, and the ratios
PyTorch / Rung: medians of rounds in which both are run one after the other.
"""
import ctypes
import statistics
import sys
import time

import numpy as np
import torch

ROUNDS, SLICE = 15, 0.03
CASES = [  # images, size, channels, kernel, filters, stride
    (64, 32, 16, 3, 16, 1), (64, 16, 32, 3, 32, 1), (64, 8, 64, 3, 64, 1),
    (64, 28, 16, 3, 16, 1), (64, 14, 32, 3, 32, 1), (64, 7, 64, 3, 64, 1),
    (64, 32, 8, 3, 8, 1), (64, 32, 12, 3, 12, 1), (64, 16, 24, 3, 24, 1), (64, 8, 48, 3, 48, 1),
    (64, 32, 3, 3, 16, 1), (64, 28, 1, 3, 16, 1),
    (64, 32, 16, 3, 32, 2), (64, 16, 32, 3, 64, 2), (64, 32, 16, 1, 32, 2), (64, 16, 32, 1, 64, 2),
]


class Conv(ctypes.Structure):
    _fields_ = [("stride", ctypes.c_int64 * 2), ("padding", ctypes.c_int64 * 4),
                ("groups", ctypes.c_int64)]


class Options(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("memory_limit", ctypes.c_size_t), ("more", ctypes.c_int64 * 16)]


class Rung:
    """Programs of one operation, by the public functions of the shared library."""

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

    def program(self, a, b, build):
        """A function that runs what build(graph, a, b) gives, and its result's array."""
        graph, program = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.lib.rung_graph_create(self.ctx, ctypes.byref(graph)))
        nodes = [self.lib.rung_input(graph, b"x", x.ndim, (ctypes.c_int64 * x.ndim)(*x.shape))
                 for x in (a, b)]
        out = build(graph, *nodes)
        if out < 0:
            raise RuntimeError(self.lib.rung_error(self.ctx))
        options = self.lib.rung_compile_options_default()
        options.dtype = 0
        self.check(self.lib.rung_compile(graph, ctypes.byref(options), 2, (ctypes.c_int32 * 2)(*nodes),
                                         1, (ctypes.c_int32 * 1)(out), ctypes.byref(program)))
        space = np.zeros(self.lib.rung_program_bytes(program) + 64, np.uint8)
        work = ctypes.c_void_p(space.ctypes.data + -space.ctypes.data % 64)
        inputs = (ctypes.c_void_p * 2)(a.ctypes.data, b.ctypes.data)

        def run(result):
            outputs = (ctypes.c_void_p * 1)(result.ctypes.data)
            self.check(self.lib.rung_program_run(program, self.ctx, work, inputs, outputs))
            return space  # kept alive with the function
        return run


def array(*shape):
    """Zeros that begin at a cache line, as both sides' own arrays do."""
    count = int(np.prod(shape))
    space = np.zeros(count + 16, np.float32)
    start = -space.ctypes.data % 64 // 4
    return space[start:start + count].reshape(shape)


def seconds(f):
    """Of one call, from a slice of time: the thread's own where there is but one."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    f()
    count, start = 0, clock()
    while clock() - start < SLICE:
        f()
        count += 1
    return (clock() - start) / count


def compare(rung, images, size, channels, kernel, filters, stride):
    pad = (kernel - 1) // 2
    out = (size + 2 * pad - kernel) // stride + 1
    rng = np.random.default_rng(1)
    x, x_new = array(images, size, size, channels), array(images, size, size, channels)
    w, w_new = array(kernel, kernel, channels, filters), array(kernel, kernel, channels, filters)
    y, y_new = array(images, out, out, filters), array(images, out, out, filters)
    for a in (x, w, y):
        rng.standard_normal(a.shape, np.float32, a)
    s = Conv((stride, stride), (pad, pad, pad, pad), 1)
    lib, i64 = rung.lib, ctypes.c_int64
    mine = [
        (rung.program(x, w, lambda g, a, b: lib.rung_conv2d(g, a, b, ctypes.byref(s))), y_new),
        (rung.program(y, w, lambda g, a, b: lib.rung_conv2d_transpose(
            g, a, b, ctypes.byref(s), i64(size), i64(size))), x_new),
        (rung.program(x, y, lambda g, a, b: lib.rung_conv2d_weights(
            g, a, b, ctypes.byref(s), i64(kernel), i64(kernel))), w_new),
    ]
    last = torch.channels_last
    theirs = []
    for form in (torch.contiguous_format, last):
        tx = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=form)
        tw = torch.from_numpy(w).permute(3, 2, 0, 1).contiguous(memory_format=form)
        ty = torch.from_numpy(y).permute(0, 3, 1, 2).contiguous(memory_format=form)

        def back(which, tx=tx, tw=tw, ty=ty):
            return torch.ops.aten.convolution_backward(
                ty, tx, tw, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1,
                [which == 0, which == 1, False])[which]
        theirs.append([
            lambda tx=tx, tw=tw: torch.nn.functional.conv2d(tx, tw, None, stride, pad),
            lambda back=back: back(0), lambda back=back: back(1)])
    order = [(0, 2, 3, 1), (0, 2, 3, 1), (2, 3, 1, 0)]
    line = f"{images:5d} {size:4d} {channels:4d} {filters:4d} {kernel:3d} {stride:3d}"
    for k, (run, result) in enumerate(mine):
        run(result)
        expected = theirs[0][k]().permute(order[k]).numpy()
        error = np.abs(result - expected).max() / np.abs(expected).max()
        assert error < 1e-4, (k, error)
        a, b = [], []
        for _ in range(ROUNDS):
            a.append(seconds(lambda: run(result)))
            b.append(min(seconds(t[k]) for t in theirs))
        ratio = statistics.median(q / p for p, q in zip(a, b))
        line += f"  {1e3 * statistics.median(a):7.3f} {1e3 * statistics.median(b):7.3f} {ratio:5.2f}"
    print(line, flush=True)


def main():
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    rung = Rung(sys.argv[1], threads)
    print(f"PyTorch {torch.__version__}, {threads} threads; milliseconds of Rung, of PyTorch, ratio")
    print("batch size    C    K ker str  convolution            transpose              weights")
    for case in CASES:
        compare(rung, *case)


main()
