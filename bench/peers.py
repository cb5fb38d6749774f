"""One method of SciPy or scikit-learn on a table, for bench_fit.

peers.py mlp|gp|rbf exact|noisy SECONDS ROWS UNSEEN OUT

ROWS and UNSEEN are CSV with a header; the last column of ROWS is the target. Writes a prediction a
line to OUT and prints: wall seconds, processor seconds, a remark. Reading and the start of the
interpreter are left out of the times.
"""

import os
import sys
import time
import warnings

if sys.argv[1:2] == ["mlp"]:  # many small products: threads of BLAS would wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

try:
    import numpy as np
except ImportError as missing:
    sys.exit(f"left out: {missing} (PYTHON may name another interpreter)")

GP_ROWS, GP_TRIAL_ROWS, MANY_ROWS, RBF_NEIGHBOURS = 2000, 500, 6000, 150


def some_rows(x, y, count):
    if len(x) <= count:
        return x, y
    chosen = np.random.default_rng(1).choice(len(x), count, replace=False)
    return x[chosen], y[chosen]


def mlp(x, y, unseen, noisy, seconds):
    """Two tanh layers of 64; L-BFGS in pieces until one gains nothing or half the time is used."""
    import sklearn
    from sklearn.neural_network import MLPRegressor

    end = time.perf_counter() + seconds / 2
    piece = 200 if len(x) <= MANY_ROWS else 50
    net = MLPRegressor(hidden_layer_sizes=(64, 64), activation="tanh", solver="lbfgs",
                       max_iter=piece, max_fun=10**6, alpha=1.0 if noisy else 0.0, tol=1e-15,
                       warm_start=True, random_state=1)
    steps = 0
    while time.perf_counter() < end:
        net.fit(x, y)
        steps += net.n_iter_
        if net.n_iter_ <= 2 or (noisy and steps >= 1000):
            break
    remark = f"scikit-learn {sklearn.__version__}, 2 tanh layers of 64, {steps} L-BFGS steps"
    return net.predict(unseen), remark


def gp(x, y, unseen, noisy, seconds):
    """A length scale an input, found on a part of the rows, then a fit to more of them."""
    import sklearn
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(1.0, (1e-3, 1e6)) * RBF(np.ones(x.shape[1]), (1e-2, 1e3))
    if noisy:
        kernel += WhiteKernel(0.1, (1e-8, 1e1))
    trial = GaussianProcessRegressor(kernel, alpha=1e-10, normalize_y=True, random_state=1)
    trial.fit(*some_rows(x, y, GP_TRIAL_ROWS))
    final = GaussianProcessRegressor(trial.kernel_, alpha=1e-10, normalize_y=True, optimizer=None)
    used = some_rows(x, y, GP_ROWS)
    final.fit(*used)
    remark = (f"scikit-learn {sklearn.__version__}, {len(used[0])} of {len(x)} rows, "
              f"length scales from {min(len(x), GP_TRIAL_ROWS)}")
    return final.predict(unseen), remark


def rbf(x, y, unseen, noisy, seconds):
    """Quintic splines; of noisy data smoothed as a tenth of the rows asks for."""
    import scipy
    from scipy.interpolate import RBFInterpolator

    local = RBF_NEIGHBOURS if len(x) > MANY_ROWS else None
    kernel = "thin_plate_spline" if noisy else "quintic"
    smoothing = 0.0
    if noisy:
        keep = np.arange(len(x)) % 10 != 0
        trials = 10.0 ** np.arange(-4, 7)
        errors = [np.mean((RBFInterpolator(x[keep], y[keep], kernel=kernel, smoothing=s)(x[~keep])
                           - y[~keep]) ** 2) for s in trials]
        smoothing = trials[int(np.argmin(errors))]
    fit = RBFInterpolator(x, y, neighbors=local, kernel=kernel, smoothing=smoothing)
    remark = f"SciPy {scipy.__version__}, {kernel}, smoothing {smoothing:g}"
    if local:
        remark += f", {local} neighbours a point"
    return fit(unseen), remark


def main():
    method = {"mlp": mlp, "gp": gp, "rbf": rbf}[sys.argv[1]]
    noisy, seconds = sys.argv[2] == "noisy", float(sys.argv[3])
    rows = np.loadtxt(sys.argv[4], delimiter=",", skiprows=1, ndmin=2)
    unseen = np.loadtxt(sys.argv[5], delimiter=",", skiprows=1, ndmin=2)
    x, y = rows[:, :-1], rows[:, -1]
    warnings.simplefilter("ignore")
    try:
        __import__("scipy.interpolate" if method is rbf else "sklearn.gaussian_process")
    except ImportError as missing:
        sys.exit(f"left out: {missing} (PYTHON may name another interpreter)")
    wall, cpu = time.perf_counter(), time.process_time()
    low, high, level, spread = x.min(0), x.max(0), y.mean(), y.std()
    half, middle = (high - low) / 2, (high + low) / 2
    predicted, remark = method((x - middle) / half, (y - level) / spread, (unseen - middle) / half,
                               noisy, seconds)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    np.savetxt(sys.argv[6], level + spread * predicted, fmt="%.17g")
    print(f"{wall:.6f} {cpu:.6f} {remark}")


main()
