"""Measure what README.md states in numbers, and print it. Run: python examples/measure.py

Times of processes are medians of several runs on this machine; only ratios carry over to another.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent


def chain(layers: int) -> str:
    """Return a network of `layers` tanh layers in the language."""
    lines = ["index i = 1..D", "input x[i]", "target t"]
    lines.append("index " + ", ".join(f"j{layer} = 1..H{layer}" for layer in range(1, layers + 1)))
    previous, index = "x", "i"
    for layer in range(1, layers + 1):
        unit = f"j{layer}"
        lines.append(f"parameter W{layer}[{unit},{index}], b{layer}[{unit}]")
        product = f"W{layer}[{unit},{index}]*{previous}[{index}]"
        lines.append(f"a{layer}[{unit}] = sum({index}, {product}) + b{layer}[{unit}]")
        lines.append(f"h{layer}[{unit}] = tanh(a{layer}[{unit}])")
        previous, index = f"h{layer}", unit
    lines.append(f"parameter v[{index}]")
    lines.append(f"y = sum({index}, v[{index}]*{previous}[{index}])")
    lines.append("L = half_squared_error(t, y)")
    return "\n".join(lines)


def transformer(blocks: int) -> str:
    """Return a causal transformer of `blocks` blocks, layer normalisation first (Xiong and others, 2020)."""
    lines = ["index s, u = 1..S, d = 1..D, a = 1..A, c = 1..dk, f = 1..F"]
    lines += ["input X0[s,d]", "target Y[s,d]", "constant eps = 1e-5"]
    for n in range(1, blocks + 1):
        x = f"X{n - 1}"
        lines += [
            f"parameter g{n}[d], b{n}[d], Q{n}[a,d,c], K{n}[a,d,c], V{n}[a,d,c], O{n}[a,c,d]",
            f"parameter k{n}[d], e{n}[d], W{n}[d,f], w{n}[f], U{n}[f,d]",
            f"m{n}[s] = mean(d, {x}[s,d])",
            f"v{n}[s] = mean(d, ({x}[s,d] - m{n}[s])**2)",
            f"N{n}[s,d] = g{n}[d]*({x}[s,d] - m{n}[s])/sqrt(v{n}[s] + eps) + b{n}[d]",
            f"q{n}[a,s,c] = sum(d, N{n}[s,d]*Q{n}[a,d,c])",
            f"y{n}[a,s,c] = sum(d, N{n}[s,d]*K{n}[a,d,c])",
            f"z{n}[a,s,c] = sum(d, N{n}[s,d]*V{n}[a,d,c])",
            f"P{n}[a,s,u] = softmax(u = 1..s, sum(c, q{n}[a,s,c]*y{n}[a,u,c])/sqrt(dk))",
            f"H{n}[a,s,c] = sum(u = 1..s, P{n}[a,s,u]*z{n}[a,u,c])",
            f"R{n}[s,d] = {x}[s,d] + sum(a, c, H{n}[a,s,c]*O{n}[a,c,d])",
            f"o{n}[s] = mean(d, R{n}[s,d])",
            f"r{n}[s] = mean(d, (R{n}[s,d] - o{n}[s])**2)",
            f"M{n}[s,d] = k{n}[d]*(R{n}[s,d] - o{n}[s])/sqrt(r{n}[s] + eps) + e{n}[d]",
            f"G{n}[s,f] = gelu(sum(d, M{n}[s,d]*W{n}[d,f]) + w{n}[f])",
            f"X{n}[s,d] = R{n}[s,d] + sum(f, G{n}[s,f]*U{n}[f,d])",
        ]
    return "\n".join([*lines, f"L = mean(s, d, (X{blocks}[s,d] - Y[s,d])**2)"])


def median_of_process(*arguments: str, runs: int = 5) -> float:
    """Return the median wall time of a whole process, in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def first_and_again(call: Callable[[], object]) -> str:
    """Return the time of a first call and the median of four more, which find templates and sympy's cache filled."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return f"{times[0]:.3f} s at first, {statistics.median(times[1:]):.3f} s again"


def main() -> None:
    """Print one line for each number."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    bare = median_of_process("-c", "pass")
    print(f"import sympy                         {median_of_process('-c', 'import sympy') - bare:.2f} s")
    print(f"import symprop                       {median_of_process('-c', 'import symprop') - bare:.3f} s")
    heart = str(HERE / "heart.net")
    derive = median_of_process("-m", "symprop.command_line", "derive", heart)
    print(f"symprop derive heart.net             {derive:.2f} s, the process as a whole")

    import symprop

    symprop.derive(symprop.parse(chain(2)))  # sympy is imported here
    networks = {
        "one equation": "J = exp(-w*x**2)*sin(3*x)",
        **{f"{layers:3d} tanh layers": chain(layers) for layers in (20, 100, 400)},
        "12 transformer blocks": transformer(12),
    }
    for name, text in networks.items():
        print(f"derive {name:<30}{first_and_again(partial(symprop.derive, symprop.parse(text)))}")

    train = ("-m", "symprop.command_line", "train", heart, str(HERE / "data" / "heart.csv"))
    subprocess.run([sys.executable, *train], check=True, capture_output=True)  # fills the cache
    print(f"symprop train heart.net, from cache  {median_of_process(*train):.2f} s, the process as a whole")


if __name__ == "__main__":
    main()
