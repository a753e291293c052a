"""Every example network against JAX: the objective and its gradients, each forward function written by hand.

A check for development: it needs ``pip install jax``, which is no dependency, and runs with ``--slow``.  The peers
share nothing with the package but the names of parameters; they are in plain `jax.numpy`, one example each (all where
the network has a batch), and their gradients are JAX's own reverse mode in float64.  What was found is recorded in
``agreement.txt`` beside this file; ``RECORD_AGREEMENT=1`` writes it anew.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symprop

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "examples" / "networks"
EXAMPLES = 5
# Both sides round each of some hundred terms by 1e-16; the greatest gradient of a parameter is the measure.
TOLERANCE = 1e-12

Arrays = Mapping[str, Any]
Objective = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Peer:
    """A forward function: of parameters and one example, or of all examples if `batched`."""

    objective: Objective
    sizes: Mapping[str, Any]
    batched: bool = False
    of: str | None = None
    over: tuple[str, ...] | None = None
    label: str = field(default="")


PEERS: dict[str, Peer] = {}


def peer(name: str, batched: bool = False, of: str | None = None, **sizes: Any) -> Callable[[Objective], Objective]:
    """Register the forward function of the network in ``examples/networks/<name>.net``."""

    def register(function: Objective) -> Objective:
        over = {"LD": ("A", "a", "u", "c"), "LG": ("B", "b", "V")}.get(of or "")
        PEERS[name if of is None else f"{name} {of}"] = Peer(function, sizes, batched, of, over, name)
        return function

    return register


def logistic(a: Any) -> Any:
    return 1 / (1 + jnp.exp(-a))


def softmax(a: Any) -> Any:
    e = jnp.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normalized(a: Any) -> Any:
    """Centred and scaled along the last axis."""
    centred = a - a.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)


@peer("logistic_regression", D=4)
def _(p: Any, d: Any) -> Any:
    y = logistic(p["w"] @ d["x"] + p["b"])
    return d["t"] * jnp.log(y) + (1 - d["t"]) * jnp.log(1 - y)


@peer("logistic_matrix", batched=True, D=4)
def _(p: Any, d: Any) -> Any:
    y = logistic(d["X"] @ p["w"] + p["b"])
    return -(d["t"] * jnp.log(y) + (1 - d["t"]) * jnp.log(1 - y)).mean()


@peer("mlp", D=3, H=4, M=2, K=3)
def _(p: Any, d: Any) -> Any:
    one = jnp.ones(1)
    h = jnp.concatenate([one, logistic(p["U"] @ jnp.concatenate([one, d["x"][1:]]))[1:]])
    g = jnp.concatenate([one, logistic(p["V"] @ h)[1:]])
    return ((logistic(p["W"] @ g) - d["t"]) ** 2).sum() / 2


@peer("mlp_matrix", D=3, H=4, M=2, K=3)
def _(p: Any, d: Any) -> Any:
    h = jnp.tanh(p["W1"] @ d["x"] + p["b1"])
    g = jnp.tanh(p["W2"] @ h + p["b2"])
    return -(d["t"] * jnp.log(softmax(p["W3"] @ g + p["b3"]))).sum()


@peer("softmax_regression", D=3, K=4)
def _(p: Any, d: Any) -> Any:
    return -(d["t"] * jnp.log(softmax(p["W"] @ d["x"] + p["b"]))).sum()


@peer("layers", n=[3, 5, 4, 2])
def _(p: Any, d: Any) -> Any:
    z = d["x"]
    for w, b in zip(p["w"], p["b"], strict=True):
        z = jnp.tanh(w @ z + b)
    return ((z - d["y"]) ** 2).sum() / 2


@peer("conv_net", C=2, R=9, A=3, F=3, B=2, G=2, K=3)
def _(p: Any, d: Any) -> Any:
    def convolved(x: Any, w: Any, stride: int, padding: int) -> Any:
        numbers = ("NCHW", "OIHW", "NCHW")
        sides = [(padding, padding)] * 2
        return jax.lax.conv_general_dilated(x[None], w, (stride, stride), sides, dimension_numbers=numbers)[0]

    y = jax.nn.softplus(convolved(d["x"], p["U"], 2, 1) + p["ub"][:, None, None])
    z = jnp.tanh(convolved(y, p["V"], 1, 0) + p["vb"][:, None, None])
    even = z.shape[1] // 2 * 2
    pools = z[:, :even, :even].reshape(z.shape[0], even // 2, 2, even // 2, 2).max((2, 4))
    return -(d["t"] * jnp.log(softmax(jnp.tensordot(p["W"], pools, 3) + p["wb"]))).sum()


@peer("rnn", T=5, D=3, H=4, K=2)
def _(p: Any, d: Any) -> Any:
    h = jnp.zeros(4)
    for x in d["x"]:
        h = jnp.tanh(p["U"] @ x + p["V"] @ h + p["c"])
    return ((p["W"] @ h + p["d"] - d["y"]) ** 2).sum() / 2


@peer("lstm", T=5, D=3, H=4)
def _(p: Any, d: Any) -> Any:
    h, c, loss = jnp.zeros(4), jnp.zeros(4), 0.0
    for x, y in zip(d["x"], d["y"], strict=True):
        i, f, o = (logistic(p[f"W{n}"] @ x + p[f"U{n}"] @ h + p[f"b{n}"]) for n in "ifo")
        c = f * c + i * jnp.tanh(p["Wg"] @ x + p["Ug"] @ h + p["bg"])
        h = o * jnp.tanh(c)
        loss += (p["v"] @ h - y) ** 2
    return loss / len(d["y"])


@peer("gru", T=5, D=3, H=4, K=3)
def _(p: Any, d: Any) -> Any:
    h = jnp.zeros(4)
    for x in d["x"]:
        r = logistic(p["Wr"] @ x + p["Ur"] @ h)
        z = logistic(p["Wz"] @ x + p["Uz"] @ h)
        h = z * h + (1 - z) * jnp.tanh(p["W"] @ x + p["U"] @ (r * h) + p["b"])
    return -(d["y"] * jnp.log(softmax(p["V"] @ h))).sum()


@peer("bidirectional_rnn", T=5, D=3, H=4)
def _(p: Any, d: Any) -> Any:
    def chain(inputs: Any, w: Any, recurrent: Any) -> list[Any]:
        h, states = jnp.zeros(4), []
        for x in inputs:
            h = jnp.tanh(w @ x + recurrent @ h)
            states.append(h)
        return states

    forwards = chain(d["x"], p["A"], p["B"])
    backwards = chain(d["x"][::-1], p["C"], p["E"])[::-1]
    a = jnp.stack([p["u"] @ f + p["v"] @ g for f, g in zip(forwards, backwards, strict=True)]) + p["b"]
    return -(d["y"] * jnp.log(logistic(a)) + (1 - d["y"]) * jnp.log(1 - logistic(a))).sum()


@peer("layer_norm", D=3, H=5)
def _(p: Any, d: Any) -> Any:
    h = jnp.tanh(p["gain"] * normalized(p["W"] @ d["x"]) + p["bias"])
    return (d["t"] - p["v"] @ h) ** 2 / 2


@peer("batch_norm", batched=True, D=3, H=4)
def _(p: Any, d: Any) -> Any:
    u = normalized((d["x"] @ p["W"].T).T).T
    y = jax.nn.softplus(p["gamma"] * u + p["beta"]) @ p["v"] + p["c"]
    return ((d["t"] - y) ** 2).mean() / 2


def attended(x: Any, p: Any) -> Any:
    """Causal attention of several heads, with the output projection."""
    heads = []
    past = jnp.tril(jnp.ones((len(x), len(x)), bool))
    for wq, wk, wv, wo in zip(p["WQ"], p["WK"], p["WV"], p["WO"], strict=True):
        scores = (x @ wq) @ (x @ wk).T / np.sqrt(wq.shape[1])
        heads.append(softmax(jnp.where(past, scores, -jnp.inf)) @ (x @ wv) @ wo)
    return sum(heads)


@peer("attention", S=4, D=5, A=2, dk=3)
def _(p: Any, d: Any) -> Any:
    return ((attended(d["X"], p) - d["Y"]) ** 2).mean()


@peer("attention_matrix", S=4, D=5, dk=3, dv=2)
def _(p: Any, d: Any) -> Any:
    x = d["X"]
    weights = softmax((x @ p["WQ"]) @ (x @ p["WK"]).T / np.sqrt(3))
    return ((weights @ (x @ p["WV"]) @ p["WO"] - d["Y"]) ** 2).sum() / 2


@peer("transformer", S=4, D=5, A=2, dk=3, F=6)
def _(p: Any, d: Any) -> Any:
    r = d["X"] + attended(p["g1"] * normalized(d["X"]) + p["b1"], p)
    inner = (p["g2"] * normalized(r) + p["b2"]) @ p["W1"] + p["c1"]
    gelu = inner * (1 + jax.scipy.special.erf(inner / np.sqrt(2))) / 2
    return ((r + gelu @ p["W2"] + p["c2"] - d["Y"]) ** 2).mean()


@peer("embedding", S=4, D=3, K=3, V=6)
def _(p: Any, d: Any) -> Any:
    h = p["E"][d["word"]].mean(0)
    return -jnp.log(softmax(p["W"] @ h + p["b"])[d["label"]])


@peer("siamese", D=3, H=4, K=2)
def _(p: Any, d: Any) -> Any:
    one, two = (p["V"] @ jnp.tanh(p["W"] @ x + p["b"]) for x in (d["x1"], d["x2"]))
    distance = jnp.sqrt(((one - two) ** 2).sum())
    return d["same"] * distance**2 / 2 + (1 - d["same"]) * jnp.maximum(0, 1 - distance) ** 2 / 2


@peer("weight_decay", D=3, H=4)
def _(p: Any, d: Any) -> Any:
    y = p["v"] @ logistic(p["W"] @ d["x"] + p["b"]) + p["c"]
    return (y - d["t"]) ** 2 / 2 + 0.005 * ((p["W"] ** 2).sum() + (p["v"] ** 2).sum())


def discriminated(p: Any, x: Any) -> Any:
    return logistic(p["u"] @ jnp.tanh(p["A"] @ x + p["a"]) + p["c"])


def generated(p: Any, noise: Any) -> Any:
    return p["V"] @ jnp.tanh(p["B"] @ noise + p["b"])


@peer("gan", of="LD", D=3, H=4, Z=2, G=3)
def _(p: Any, d: Any) -> Any:
    return -jnp.log(discriminated(p, d["x"])) - jnp.log(1 - discriminated(p, generated(p, d["noise"])))


@peer("gan", of="LG", D=3, H=4, Z=2, G=3)
def _(p: Any, d: Any) -> Any:
    return -jnp.log(discriminated(p, generated(p, d["noise"])))


@peer("variational_autoencoder", D=4, H=3, Z=2)
def _(p: Any, d: Any) -> Any:
    h = jnp.tanh(p["A"] @ d["x"] + p["a"])
    mean, logvar = p["M"] @ h + p["m"], p["S"] @ h + p["s"]
    z = mean + jnp.exp(logvar / 2) * d["noise"]
    y = logistic(p["C"] @ jnp.tanh(p["B"] @ z + p["b"]) + p["c"])
    divergence = -(1 + logvar - mean**2 - jnp.exp(logvar)).sum() / 2
    return divergence - (d["x"] * jnp.log(y) + (1 - d["x"]) * jnp.log(1 - y)).sum()


@peer("rbf", D=3, H=4, K=2)
def _(p: Any, d: Any) -> Any:
    phi = jnp.exp(-((d["x"] - p["centre"]) ** 2).sum(1) / (2 * p["width"] ** 2))
    return ((d["t"] - p["W"] @ phi - p["b"]) ** 2).sum() / 2


@peer("maxout", D=3, H=4, P=3, K=3)
def _(p: Any, d: Any) -> Any:
    h = (p["W"] @ d["x"] + p["b"]).max(1)
    return -(d["t"] * jnp.log(softmax(p["V"] @ h + p["c"]))).sum()


@peer("mixture_density", D=3, H=4, K=3)
def _(p: Any, d: Any) -> Any:
    h = jnp.tanh(p["W"] @ d["x"] + p["b"])
    weight, mean, sigma = softmax(p["A"] @ h + p["a"]), p["M"] @ h + p["m"], jnp.exp(p["S"] @ h + p["s"])
    density = jnp.exp(-(((d["t"] - mean) / sigma) ** 2) / 2) / (sigma * np.sqrt(2 * np.pi))
    return -jnp.log((weight * density).sum())


@peer("autoregressive", T=7, K=3)
def _(p: Any, d: Any) -> Any:
    y: list[Any] = []
    for x in d["x"]:
        y.append(x + sum(a * before for a, before in zip(p["a"], y[::-1], strict=False)))
    return ((jnp.stack(y) - d["d"]) ** 2).mean()


@peer("word2vec", D=3, K=4, V=6)
def _(p: Any, d: Any) -> Any:
    word = p["In"][d["centre"]]
    wrong = p["Out"][d["noise"]] @ word
    return jnp.log(logistic(p["Out"][d["context"]] @ word)) + jnp.log(logistic(-wrong)).sum()


@peer("matrix_factorisation", U=4, I=3, F=2)
def _(p: Any, d: Any) -> Any:
    error = d["r"] - p["mu"] - p["bu"][:, None] - p["bi"] - p["p"] @ p["q"].T
    return (d["known"] * error**2).sum() + 0.02 * sum((p[name] ** 2).sum() for name in ("p", "q", "bu", "bi"))


@peer("masked_autoregressive", D=4)
def _(p: Any, d: Any) -> Any:
    x = d["x"]
    mean = p["b"] + jnp.tril(p["W"], -1) @ x
    alpha = jnp.tanh(p["s"] + jnp.tril(p["S"], -1) @ x)
    return (((x - mean) * jnp.exp(-alpha)) ** 2 / 2 + alpha + np.log(2 * np.pi) / 2).sum()


# ---- the comparison -------------------------------------------------------------------------------------------------


def point(functions: Any, sizes: Mapping[str, Any], seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return random parameters and data; targets of classes are one-hot, those in (0, 1) inside it."""
    random = np.random.default_rng(seed)
    module = functions.module
    known = dict.fromkeys(functions.metadata.sizes, EXAMPLES) | dict(sizes)
    if "n" in sizes:
        known["L"] = len(sizes["n"]) - 1
    for name, value in (*module.DERIVED, *getattr(module, "GREATEST", ())):
        known[name] = value(known)
    parameters: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for name, role in functions.metadata.roles.items():
        shape = module.SHAPES[name](known)
        if name in module.INTEGERS:
            data[name] = random.integers(0, known["K"] if name == "label" else known["V"], shape)
        elif role == "parameter" and name in functions.metadata.ragged:
            _, first, part = module.RAGGED[name]
            parameters[name] = [0.6 * random.standard_normal(part(known, first(known) + n)) for n in range(shape[0])]
        elif role == "parameter":
            parameters[name] = 0.6 * random.standard_normal(shape)
        elif role == "target" or name in ("known",):
            data[name] = random.uniform(0.1, 0.9, shape)
            if "K" in sizes and shape[-1] == sizes["K"]:
                data[name] = np.eye(sizes["K"])[random.integers(0, sizes["K"], shape[:-1])]
        else:
            data[name] = random.uniform(0.1, 0.9, shape)
    return parameters, data


def compared(peer: Peer, target: str) -> float:
    """Return the largest difference of objective and gradients, relative to the greatest entry of each."""
    functions = symprop.compile(symprop.read(FOLDER / f"{peer.label}.net"), target=target, of=peer.of, wrt=peer.over)
    parameters, data = point(functions, peer.sizes)

    def objective(p: Any) -> Any:
        if peer.batched:
            return peer.objective(p, data)
        return jax.vmap(peer.objective, (None, 0))(p, {name: jnp.asarray(array) for name, array in data.items()}).mean()

    wanted, gradients = jax.value_and_grad(objective)(parameters)
    found, ours = functions.gradient(parameters, data)
    distances = [abs(found - float(wanted)) / abs(float(wanted))]
    for name, gradient in ours.items():
        for mine, other in zip(_parts(gradient), _parts(gradients[name]), strict=True):
            assert mine.shape == other.shape
            distances.append(float(np.abs(mine - other).max() / np.abs(other).max()))
    return max(distances)


def _parts(gradient: Any) -> Iterator[np.ndarray]:
    for part in gradient if isinstance(gradient, list) else [gradient]:
        yield np.asarray(part)


FOUND: dict[tuple[str, str], float] = {}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["numpy", "numba"])
@pytest.mark.parametrize("name", PEERS)
def test_a_network_agrees_with_jax(name: str, target: str) -> None:
    FOUND[name, target] = compared(PEERS[name], target)
    assert FOUND[name, target] <= TOLERANCE


@pytest.mark.slow
def test_every_example_network_has_a_peer() -> None:
    assert {peer.label for peer in PEERS.values()} == {path.stem for path in FOLDER.glob("*.net")}


@pytest.mark.slow
@pytest.mark.skipif("RECORD_AGREEMENT" not in os.environ, reason="RECORD_AGREEMENT=1 writes the table")
def test_the_agreement_is_recorded() -> None:
    import numba

    versions = (
        f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}, jax {jax.__version__}"
    )
    lines = [
        "Largest difference between compiled objectives and gradients and those of JAX, float64, relative to the",
        "greatest entry of each array; written by test_jax.py.",
        versions,
        "",
        f"{'network':<26}{'plain Python':>14}{'numba':>14}",
    ]
    for name in PEERS:
        cells = [f"{FOUND[name, t]:>14.1e}" if (name, t) in FOUND else f"{'-':>14}" for t in ("numpy", "numba")]
        lines.append(f"{name:<26}{''.join(cells)}")
    (HERE / "agreement.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
