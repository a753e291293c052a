"""Layers are ordinary equations: their text is what a user would type, and its derivation is right."""

from __future__ import annotations

import doctest
import subprocess
import sys
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from brute_force import Point, Value, Witness, central_difference, close

import symprop
from symprop.declaration import layers
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.derivation.reverse_sweep import backpropagate
from symprop.errors import SympropError


@dataclass(frozen=True)
class Case:
    """Some pieces, what they compute (its squares are the objective), and small sizes, no two alike if it can be.

    A size that is a floor is counted by hand.
    """

    pieces: tuple[layers.Piece | str, ...]
    sizes: dict[str, int]
    output: str = ""
    lines: tuple[str, ...] = field(default=())

    def network(self) -> Network:
        if not self.output:
            return layers.network(*self.pieces)
        indices = self.output.partition("[")[2].rstrip("]")
        # Different weights for the components: in a plain sum of squares some mistakes cancel.
        weighted = " + ".join(f"{place + 2}*{index}" for place, index in enumerate(indices.split(",")))
        return layers.network(*self.pieces, f"L = sum({indices}, ({weighted})*{self.output}**2)/3", minimize="L")


X = layers.input("x[i]", i="D")
SEQUENCE = layers.input("x[t,i]", i="D")
PICTURE = layers.input("x[r,u,v]", r="R", u="0..U-1", v="0..V-1")

CASES: dict[str, Case] = {
    "dense": Case(
        (X, layers.dense("h[j]", "x[i]", j="H", activation="tanh")),
        {"D": 2, "H": 3},
        "h[j]",
        ("a_h[j] = sum(i, W_h[j,i]*x[i]) + b_h[j]", "h[j] = tanh(a_h[j])"),
    ),
    "dense without bias": Case(
        (X, layers.dense("h[j]", "x[i]", j="H", bias=False)),
        {"D": 2, "H": 3},
        "h[j]",
        ("h[j] = sum(i, W_h[j,i]*x[i])",),
    ),
    "dense at every step": Case(
        (SEQUENCE, layers.dense("h[t,j]", "x[t,i]", j="H", t="T", activation="softmax")),
        {"D": 2, "H": 3, "T": 2},
        "h[t,j]",
        ("a_h[t,j] = sum(i, W_h[j,i]*x[t,i]) + b_h[j]", "h[t,j] = softmax(j, a_h[t,j])"),
    ),
    "dense on a picture": Case(
        (PICTURE, layers.dense("h[j]", "x[r,u,v]", j="H")),
        {"R": 2, "U": 2, "V": 3, "H": 2},
        "h[j]",
        ("h[j] = sum(r, u, v, W_h[j,r,u,v]*x[r,u,v]) + b_h[j]",),
    ),
    "shared weights": Case(
        (
            layers.input("x[i]", i="D"),
            layers.input("z[i]", i="D"),
            layers.dense("g[j]", "x[i]", j="H", activation="tanh", weights="s"),
            layers.dense("h[j]", "z[i]", j="H", activation="tanh", weights="s"),
            "d = sum(j, (g[j] - h[j])**2)",
        ),
        {"D": 2, "H": 3},
        "",
        ("parameter W_s[j,i], b_s[j]", "a_g[j] = sum(i, W_s[j,i]*x[i]) + b_s[j]"),
    ),
    "activation": Case(
        (X, layers.activation("z[i]", "x[i]", "softplus")), {"D": 3}, "z[i]", ("z[i] = softplus(x[i])",)
    ),
    "conv1d": Case(
        (
            layers.input("x[r,q]", r="R", q="0..Q-1"),
            layers.conv1d("h[c,p]", "x[r,q]", c="C", kernel="K", stride=2, padding=1, lengths="Q", activation="tanh"),
        ),
        {"R": 2, "Q": 5, "C": 2, "K": 3, "P_h": 3},
        "h[c,p]",
        (
            "zero outside x[r,q]",
            "size P_h = floor((Q + 2 - K)/2) + 1",
            "a_h[c,p] = sum(r, k_h, W_h[c,r,k_h]*x[r,2*p + k_h - 1]) + b_h[c]",
        ),
    ),
    "conv1d without channels": Case(
        (layers.input("x[q]", q="0..Q-1"), layers.conv1d("h[p]", "x[q]", kernel=2, lengths="Q")),
        {"Q": 4},
        "h[p]",
        ("h[p] = sum(k_h, W_h[k_h]*x[p + k_h]) + b_h",),
    ),
    "two convolutions": Case(
        (
            PICTURE,
            layers.conv2d("h[c,p,q]", "x[r,u,v]", c="C", kernel=(3, 2), padding=(1, 0), lengths=("U", "V")),
            layers.conv2d(
                "g[d,y,z]", "h[c,p,q]", d="D", kernel=2, stride=(2, 1), lengths=("P_h", "Q_h"), activation="tanh"
            ),
        ),
        {"R": 1, "U": 4, "V": 4, "C": 2, "D": 1, "Y_g": 2},
        "g[d,y,z]",
        (
            "h[c,p,q] = sum(r, k_h, l_h, W_h[c,r,k_h,l_h]*x[r,p + k_h - 1,q + l_h]) + b_h[c]",
            "a_g[d,y,z] = sum(c, k_g, l_g, W_g[d,c,k_g,l_g]*h[c,2*y + k_g,z + l_g]) + b_g[d]",
        ),
    ),
    "max pool": Case(
        (PICTURE, layers.max_pool("m[r,p,q]", "x[r,u,v]", window=2, lengths=("U", "V"))),
        {"R": 2, "U": 4, "V": 5, "P_m": 2, "Q_m": 2},
        "m[r,p,q]",
        ("m[r,p,q] = max(k_m, l_m, x[r,2*p + k_m,2*q + l_m])",),
    ),
    "mean pool": Case(
        (layers.input("x[u]", u="0..U-1"), layers.mean_pool("m[p]", "x[u]", window=3, stride=1, lengths="U")),
        {"U": 5},
        "m[p]",
        ("m[p] = mean(k_m, x[p + k_m])",),
    ),
    "rnn": Case(
        (SEQUENCE, layers.rnn("h[t,j]", "x[t,i]", j="H"), layers.dense("y[k]", "h[T,j]", k="K", over="j")),
        {"D": 2, "H": 2, "T": 3, "K": 2},
        "y[k]",
        (
            "h[0,j] = 0",
            "h[t,j] = tanh(sum(i, W_h[j,i]*x[t,i]) + sum(j_1, V_h[j,j_1]*h[t-1,j_1]) + b_h[j]) for t = 1..T",
        ),
    ),
    "bidirectional rnn": Case(
        (
            SEQUENCE,
            layers.rnn("f[t,j]", "x[t,i]", j="H"),
            layers.rnn("g[t,j]", "x[t,i]", j="H", reverse=True),
            layers.residual("h[t,j]", "f[t,j]", "g[t,j]"),
        ),
        {"D": 1, "H": 2, "T": 3},
        "h[t,j]",
        ("g[T+1,j] = 0", "h[t,j] = f[t,j] + g[t,j]"),
    ),
    "lstm": Case(
        (SEQUENCE, layers.lstm("h[t,j]", "x[t,i]", j="H")),
        {"D": 1, "H": 2, "T": 3},
        "h[t,j]",
        (
            "c_h[t,j] = f_h[t,j]*c_h[t-1,j] + i_h[t,j]*g_h[t,j] for t = 1..T",
            "h[t,j] = o_h[t,j]*tanh(c_h[t,j]) for t = 1..T",
        ),
    ),
    "lstm with initial state": Case(
        (
            SEQUENCE,
            "parameter s[j], q[j]",
            layers.lstm("h[t,j]", "x[t,i]", j="H", initial="s[j]", initial_cell="q[j]", bias=False, reverse=True),
        ),
        {"D": 1, "H": 2, "T": 2},
        "h[t,j]",
        ("c_h[T+1,j] = q[j]", "h[T+1,j] = s[j]"),
    ),
    "gru": Case(
        (SEQUENCE, layers.gru("h[t,j]", "x[t,i]", j="H")),
        {"D": 1, "H": 2, "T": 3},
        "h[t,j]",
        ("h[t,j] = z_h[t,j]*h[t-1,j] + (1 - z_h[t,j])*c_h[t,j] for t = 1..T",),
    ),
    "gru with reset after": Case(
        (SEQUENCE, layers.gru("h[t,j]", "x[t,i]", j="H", reset_after=True)), {"D": 1, "H": 2, "T": 2}, "h[t,j]"
    ),
    "attention": Case(
        (layers.input("x[s,d]", s="S", d="D"), layers.attention("o[s,d]", "x[s,d]", width="C", heads="A", bias=True)),
        {"S": 2, "D": 2, "A": 2, "C": 1},
        "o[s,d]",
        (
            "r_o[a_o,s,s_1] = sum(c_o, q_o[a_o,s,c_o]*k_o[a_o,s_1,c_o])/sqrt(C)",
            "p_o[a_o,s,s_1] = softmax(s_1, r_o[a_o,s,s_1])",
        ),
    ),
    "causal attention": Case(
        (layers.input("x[s,e]", s="S", e="E"), layers.attention("o[s,d]", "x[s,e]", d="D", width="C", causal=True)),
        {"S": 3, "D": 1, "E": 2, "C": 2},
        "o[s,d]",
        ("p_o[s,s_1] = softmax(s_1 = 1..s, r_o[s,s_1])",),
    ),
    "attention to a memory": Case(
        (
            layers.input("x[s,e]", s="S", e="E"),
            layers.input("m[u,f]", u="U", f="F"),
            layers.attention("o[s,d]", "x[s,e]", memory="m[u,f]", d="D", width="C"),
        ),
        {"S": 2, "U": 3, "D": 1, "E": 1, "F": 2, "C": 2},
        "o[s,d]",
        ("k_o[u,c_o] = sum(f, Wk_o[c_o,f]*m[u,f])",),
    ),
    "layer norm": Case(
        (layers.input("x[s,d]", s="S", d="D"), layers.layer_norm("y[s,d]", "x[s,d]")),
        {"S": 2, "D": 3},
        "y[s,d]",
        (
            "constant eps_y = 1e-5",
            "mu_y[s] = mean(d, x[s,d])",
            "y[s,d] = g_y[d]*n_y[s,d] + b_y[d]",
        ),
    ),
    "batch norm": Case(
        (layers.batch("n"), layers.input("x[n,j]", j="H"), layers.batch_norm("y[n,j]", "x[n,j]")),
        {"N": 3, "H": 2},
        "y[n,j]",
        ("batch n = 1..N", "mu_y[j] = mean(n, x[n,j])", "var_y[j] = mean(n, (x[n,j] - mu_y[j])**2)"),
    ),
    "batch norm without affine map": Case(
        (layers.input("x[n,j]", j="H"), layers.batch_norm("y[n,j]", "x[n,j]", examples="N", affine=False)),
        {"N": 3, "H": 2},
        "y[n,j]",
        ("y[n,j] = (x[n,j] - mu_y[j])*r_y[j]",),
    ),
    "embedding": Case(
        (layers.embedding("e[s,d]", "tok[s]", vocabulary="V", s="S", d="D"),),
        {"V": 3, "S": 4, "D": 2},
        "e[s,d]",
        ("integer tok[s] in 0..V-1", "e[s,d] = E_e[tok[s],d]"),
    ),
    "dropout": Case(
        (X, layers.dropout("y[i]", "x[i]", mask="m", keep=0.75), layers.dense("h[j]", "y[i]", j="H")),
        {"D": 3, "H": 2},
        "h[j]",
        ("input m[i]", "y[i] = m[i]*x[i]/keep_y"),
    ),
    "classification": Case(
        (
            X,
            layers.dense("y[k]", "x[i]", k="K", activation="softmax"),
            layers.loss("cross_entropy", "t", "y[k]", distribution=False),
        ),
        {"D": 2, "K": 3},
        "",
        ("target t[k]", "L = cross_entropy(k, t[k], y[k])"),
    ),
    "regression with weight decay": Case(
        (
            SEQUENCE,
            layers.dense("y[t,k]", "x[t,i]", t="T", k="K"),
            layers.loss("half_squared_error", "g", "y[t,k]", reduce="sum"),
            layers.weight_decay("R", "W_y[k,i]", "b_y[k]", rate="lam"),
            "J = L + R",
        ),
        {"D": 2, "K": 2, "T": 2},
        "",
        (
            "L = sum(t, k, half_squared_error(g[t,k], y[t,k]))",
            "R = lam/2*(sum(k, i, W_y[k,i]**2) + sum(k, b_y[k]**2))",
        ),
    ),
}

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def values_of(network: Network, sizes: dict[str, int]) -> dict[str, dict[Point, Value]]:
    """Return values between -1/2 and 1/2, where nothing saturates; integers go through their range."""
    witness = Witness(network, sizes, {})
    values: dict[str, dict[Point, Value]] = {}
    state = 7
    for quantity in network.quantities.values():
        if quantity.is_given:
            values[quantity.name] = {}
            for count, point in enumerate(witness.components(quantity.name)):
                state = (state * 48271 + 11) % (2**31 - 1)
                value = Fraction(state % 8009 - 4004, 8009)
                if quantity.integer:
                    assert quantity.domain is not None
                    lower, upper = (int(witness.of(end)) for end in (quantity.domain.lower, quantity.domain.upper))
                    value = Fraction(lower + (2 * count) % (upper - lower + 1))
                values[quantity.name][point] = value
    return values


@every_case
def test_text_is_what_a_user_would_type(case: Case) -> None:
    lines = case.network().text.splitlines()
    for line in case.lines:
        assert line in lines


@every_case
def test_text_reads_back_to_the_same_network(case: Case) -> None:
    network = case.network()
    again = parse(network.text)
    assert again.quantities == network.quantities
    assert [equation.expression for equation in again.equations] == [e.expression for e in network.equations]


@every_case
def test_gradients_are_central_differences(case: Case) -> None:
    network = case.network()
    names = [quantity.name for quantity in network.quantities.values() if quantity.is_given and not quantity.integer]
    derivation = backpropagate(network, wrt=names)
    values = values_of(network, case.sizes)
    objective = network.objective
    assert objective is not None
    plain = Witness(network, case.sizes, values)
    adjoints = tuple((a.access, a.bounds, a.textbook) for a in derivation.adjoints.values())
    derived = Witness(network, case.sizes, values, adjoints)
    differs = False
    for name, gradient in derivation.gradients.items():
        for indices in derived.points(gradient.bounds):
            point = tuple(int(indices[bound.index]) for bound in gradient.bounds)
            found = derived.of(gradient.expression, indices)
            wanted = central_difference(plain, (objective.name, ()), (name, point))
            differs = differs or abs(wanted) > 1e-3
            assert close(found, wanted), f"{name}{list(point)}: {gradient}"
    assert differs


def test_masked_values_have_no_gradient() -> None:
    case = CASES["dropout"]
    network = case.network()
    derivation = backpropagate(network, wrt=("x",))
    values = values_of(network, case.sizes) | {"m": {(1,): Fraction(0), (2,): Fraction(1), (3,): Fraction(0)}}
    adjoints = tuple((a.access, a.bounds, a.textbook) for a in derivation.adjoints.values())
    witness = Witness(network, case.sizes, values, adjoints)
    gradient = derivation.gradients["x"]
    found = [witness.of(gradient.expression, indices) for indices in witness.points(gradient.bounds)]
    assert [value != 0 for value in found] == [False, True, False]


def test_extent_of_a_convolution_is_the_number_of_places_where_the_kernel_fits() -> None:
    for length in range(3, 9):
        for kernel in (1, 2, 3):
            for stride in (1, 2, 3):
                for padding in (0, 1):
                    piece = layers.conv1d(
                        "h[p]",
                        "x[q]",
                        kernel=kernel,
                        stride=stride,
                        padding=padding,
                        lengths=length,
                        q=f"0..{length - 1}",
                    )
                    starts = range(-padding, length + padding - kernel + 1, stride)
                    assert dict(piece.ranges)["p"] == f"0..{len(starts) - 1}"


def test_softmax_classifier_has_the_textbook_gradient() -> None:
    # Bishop (2006), eq. 4.109: the error of the logits is y - t, for targets that sum to 1.
    network = layers.network(
        layers.input("x[i]", i="D"),
        layers.dense("y[k]", "x[i]", k="K", activation="softmax"),
        loss="cross_entropy",
        target="t",
    )
    assert str(symprop.derive(network).gradients["b_y"]) == "y[k] - t[k]"
    assert network.predictions == ("y",)


def test_a_transformer_block_is_a_composition() -> None:
    network = layers.network(
        layers.embedding("e[s,d]", "tok[s]", vocabulary="V", s="S", d="D"),
        layers.layer_norm("m[s,d]", "e[s,d]"),
        layers.attention("o[s,d]", "m[s,d]", width="C", heads="A", causal=True),
        layers.residual("g[s,d]", "e[s,d]", "o[s,d]"),
        layers.layer_norm("n[s,d]", "g[s,d]"),
        layers.dense("h[s,f]", "n[s,d]", f="F", activation="gelu"),
        layers.dense("q[s,d]", "h[s,f]"),
        layers.residual("z[s,d]", "g[s,d]", "q[s,d]"),
        layers.dense("y[s,k]", "z[s,d]", k="V", activation="softmax"),
        loss="cross_entropy",
        target="t",
    )
    assert set(symprop.derive(network).gradients) == set(network.parameters)


def test_pieces_may_tell_the_same_range_again() -> None:
    first = layers.dense("h[j]", "x[i]", i="D", j="H")
    second = layers.dense("y[k]", "h[j]", j="H", k="K")
    assert layers.text(first, second).splitlines()[0] == "index i = 1..D, j = 1..H, k = 1..K"


MISTAKES = {
    "an option with a slip": (
        lambda: layers.dense("h[j]", "x[i]", actvation="tanh"),
        "OptionError: dense has no option and no index 'actvation'\n  Its indices: j, i.",
    ),
    "no index to sum over": (
        lambda: layers.dense("h[j]", "x[j]"),
        "IndexNotationError: dense sums over indices that x[j] has and h[j] has not\n"
        "  Call an index of the source otherwise, with the same range: x[m].",
    ),
    "no quantity": (
        lambda: layers.dense("2*h[j]", "x[i]"),
        "NotationError: the output '2*h[j]' is no quantity\n  Write it with its indices: 'h[t,j]'.",
    ),
    "no name for an axis": (
        lambda: layers.dense("h[j,j]", "x[i]"),
        "IndexNotationError: the output 'h[j,j]' needs a name of its own for each index\n  Write such as 'h[t,j]'.",
    ),
    "two ranges": (
        lambda: layers.text(layers.dense("h[j]", "x[i]", j="H"), layers.dense("y[k]", "h[j]", j="K")),
        "DeclarationError: the index 'j' has the range 1..H and, in y[k], 1..K\n  Give one of them another name.",
    ),
    "an unknown loss": (
        lambda: layers.loss("crossentropy", "t", "y[k]"),
        "OptionError: there is no loss 'crossentropy'\n  Did you mean 'cross_entropy'?",
    ),
    "a loss without target": (
        lambda: layers.network(X, loss="mse"),
        "OptionError: a loss needs a target\n  Write network(..., loss='cross_entropy', target='t').",
    ),
    "positions that the source has": (
        lambda: layers.conv1d("h[c,q]", "x[r,q]", kernel=3),
        "IndexNotationError: conv1d reads 1 position of x[r,q] for h[c,q]\n"
        "  Its positions stand last and have other names: 'h[c,p,q]' of 'x[r,u,v]'.",
    ),
    "a pool of nothing": (
        lambda: layers.max_pool("m[c,p]", "h[c,p]"),
        "IndexNotationError: max_pool changes the last indices of h[c,p], which m[c,p] does not show\n"
        "  Its positions stand last and have other names: 'm[c,p,q]' of 'h[c,u,v]'.",
    ),
    "no time": (
        lambda: layers.lstm("h[j]", "x[i]"),
        "IndexNotationError: lstm needs time and unit as the last indices of h[j], and the time in x[i]\n"
        "  Write such as 'h[t,j]' of 'x[t,i]'.",
    ),
    "statements in a name": (
        lambda: layers.dense("h[j; minimize h]", "x[i]"),
        "NotationError: the output 'h[j; minimize h]' is no quantity\n  Write it with its indices: 'h[t,j]'.",
    ),
    "a range that is more": (
        lambda: layers.input("x[i]", i="D; y = 1"),
        "OptionError: 'D; y = 1' is no range\n  Write a size, 'H' or 10, or limits, '0..P-1'.",
    ),
    "an impossible probability": (
        lambda: layers.dropout("y[i]", "x[i]", mask="m", keep=0),
        "OptionError: keep is a probability, not 0\n  Give one in (0, 1].",
    ),
}


@pytest.mark.parametrize(("make", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_told_with_a_way_out(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(SympropError) as caught:
        make()
    assert str(caught.value) == message


def test_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(layers).failed == 0


def test_layers_need_neither_sympy_nor_numba() -> None:
    code = "import sys; from symprop import layers; layers.network(layers.input('x[i]', i=2), 'y = sum(i, x[i])'); "
    code += "print(sorted({'sympy', 'numba'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
