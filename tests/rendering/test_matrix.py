"""Matrix notation: the forms that people write, and for every line that prints in it the values of the index form.

The witness reads the printed text with Python's grammar and computes it with numpy, a name with one index being a
column; the index form is computed component by component by the reference evaluator.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest

from symprop.algebra.expressions import Access, Bound, Derivative, Expr, Index, Reduction, free_indices, stem_of, walk
from symprop.declaration.network import Network
from symprop.declaration.parser import parse
from symprop.declaration.quantity import Axis
from symprop.declaration.sizes import layers_of, size_names
from symprop.derivation.extended import as_network
from symprop.derivation.reverse_sweep import backpropagate
from symprop.derivation.steps import Derivation
from symprop.rendering.abbreviations import abbreviated
from symprop.rendering.document import Document, Formula, document
from symprop.rendering.matrix import spelled
from symprop.rendering.matrix_form import matrix_form
from symprop.rendering.matrix_page import in_matrices
from symprop.rendering.report import latex_of, to_html, to_latex, to_markdown, to_text
from symprop.verification.evaluate import Evaluator, to_float

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).parents[2] / "examples"

# ------------------------------------------------------------------------------------------------------ gold forms

MLP = """
index i = 1..D, j = 1..H, k = 1..K
input x[i]
target t[k]
parameter W[j,i], b[j], W2[k,j], b2[k]
a[j] = sum(i, W[j,i]*x[i]) + b[j]
z[j] = sigmoid(a[j])
delta2[k] = sum(j, W2[k,j]*z[j]) + b2[k]
L = sum(k, (delta2[k] - t[k])**2)/2
"""

LOGISTIC = """
index n = 1..N
index i = 1..D
input X[n,i]
target t[n]
parameter w[i], b
a[n] = sum(i, X[n,i]*w[i]) + b
p[n] = sigmoid(a[n])
L = sum(n, binary_cross_entropy(t[n], p[n]))
"""

LEAST_SQUARES = """
index n = 1..N
index i = 1..D
input X[n,i]
target y[n]
parameter w[i]
L = sum(n, (sum(i, X[n,i]*w[i]) - y[n])**2)/2
"""

RIDGE = """
index n = 1..N
index i = 1..D
input X[n,i]
target y[n]
parameter w[i]
hyperparameter lam = 0.1
r[n] = sum(i, X[n,i]*w[i]) - y[n]
L = mean(n, r[n]**2) + lam*sum(i, w[i]**2)
"""

SOFTMAX_BATCH = """
index n = 1..N
index i = 1..D, k = 1..K
input X[n,i]
target T[n,k]
assume sum(k, T[n,k]) = 1
parameter W[i,k], b[k]
A[n,k] = sum(i, X[n,i]*W[i,k]) + b[k]
P[n,k] = softmax(k, A[n,k])
L = -mean(n, sum(k, T[n,k]*log(P[n,k])))
"""

FACTORISATION = """
index i = 1..N, j = 1..M, k = 1..K
target R[i,j]
parameter U[i,k], V[j,k]
E[i,j] = R[i,j] - sum(k, U[i,k]*V[j,k])
L = sum(i, j, E[i,j]**2) + 0.1*sum(i, k, U[i,k]**2)
"""

LAYER_NORM = """
index n = 1..N
index i = 1..D
input X[n,i]
target T[n,i]
parameter g[i], b[i]
constant eps = 1e-5
mu[n] = mean(i, X[n,i])
var[n] = mean(i, (X[n,i] - mu[n])**2)
h[n,i] = (X[n,i] - mu[n])/sqrt(var[n] + eps)
Y[n,i] = g[i]*h[n,i] + b[i]
L = sum(n, i, (Y[n,i] - T[n,i])**2)/2
"""

RADIAL = """
index i = 1..D, j = 1..H
input x[i]
target t
parameter c[j,i], s[j], w[j]
d[j] = sum(i, (x[i] - c[j,i])**2)
z[j] = exp(-s[j]*d[j])
y = sum(j, w[j]*z[j])
L = (y - t)**2/2
"""

QUADRATIC = """
index i, m = 1..D
parameter x[i]
input A[i,m], u[i]
q = sum(i, m, x[i]*A[i,m]*x[m]) + sum(i, A[i,i])*sum(i, u[i]*x[i]) + sum(i, A[i,i]*x[i])
"""

ATTENTION = """
index s, u = 1..T
index c = 1..C
input q[s,c], k[s,c], v[s,c], target_[s,c]
parameter W[c]
dP[s,u] = sum(c, q[s,c]*k[u,c]*W[c])/sqrt(C)
P[s,u] = softmax(u, dP[s,u])
o[s,c] = sum(u, P[s,u]*v[u,c])
L = sum(s, c, (o[s,c] - target_[s,c])**2)/2
"""

NETWORKS = {
    "mlp": MLP,
    "logistic": LOGISTIC,
    "least_squares": LEAST_SQUARES,
    "ridge": RIDGE,
    "softmax_batch": SOFTMAX_BATCH,
    "factorisation": FACTORISATION,
    "layer_norm": LAYER_NORM,
    "radial": RADIAL,
    "quadratic": QUADRATIC,
    "attention": ATTENTION,
}

# Network, quantity, and what stands on the right side of its line; the gradient, if the name is d<name>.
GOLD = [
    ("mlp", "a", "W @ x + b"),
    ("mlp", "L", "sum((delta2 - t)**2)/2"),
    ("mlp", "delta2_bar", "delta2 - t"),
    ("mlp", "W2_bar", "delta2_bar @ z.T"),
    ("mlp", "z_bar", "W2.T @ delta2_bar"),
    ("mlp", "a_bar", "z_bar*z*(1 - z)"),
    ("mlp", "W_bar", "a_bar @ x.T"),
    ("mlp", "dW", "((W2.T @ (delta2 - t))*z*(1 - z)) @ x.T"),
    ("logistic", "a", "X @ w + b"),
    ("logistic", "dw", "X.T @ (p - t)"),
    ("logistic", "db", "sum(p - t)"),
    ("least_squares", "L", "sum((X @ w - y)**2)/2"),
    ("least_squares", "dw", "X.T @ (X @ w - y)"),
    ("ridge", "w_bar", "2*lam*w + X.T @ r_bar"),
    ("softmax_batch", "A", "X @ W + outer(ones(N), b)"),
    ("softmax_batch", "P", "softmax(A)"),
    ("softmax_batch", "A_bar", "(P - T)/N"),
    ("softmax_batch", "W_bar", "X.T @ A_bar"),
    ("softmax_batch", "b_bar", "sum(A_bar, axis=0)"),
    ("factorisation", "E", "R - U @ V.T"),
    ("factorisation", "V_bar", "-2*E.T @ U"),
    ("attention", "dP", "q @ diag(W) @ k.T/sqrt(C)"),
    ("attention", "dP_bar", "P*(P_bar - outer(sum(P_bar*P, axis=1), ones(T)))"),
    ("quadratic", "q", "x.T @ A @ x + trace(A)*(u.T @ x) + sum(sum(A*eye(D), axis=1)*x)"),
    ("quadratic", "dx", "(A + A.T) @ x + trace(A)*u + sum(A*eye(D), axis=1)"),
]


def arrays_of(derivation: Derivation) -> dict[str, tuple[Axis, ...]]:
    arrays = {quantity.name: quantity.axes for quantity in derivation.network.quantities.values()}
    short = abbreviated(derivation, lines=True)
    for adjoint in short.derivation.adjoints.values():
        arrays[adjoint.access.name] = tuple(Axis(b.index, b.lower, b.upper) for b in adjoint.bounds)
    for equation in short.values:
        arrays[equation.name] = tuple(Axis(b.index, b.lower, b.upper) for b in equation.bounds)
    return arrays


def right_side(derivation: Derivation, name: str) -> str | None:
    """Return the matrix form of a forward equation, an adjoint or a gradient."""
    rows: dict[str, tuple[Expr, tuple[Bound, ...]]] = {}
    rows.update({e.name: (e.expression, e.bounds) for e in derivation.network.equations})
    rows.update({a.access.name: (a.textbook, a.bounds) for a in derivation.adjoints.values()})
    rows.update({f"d{g.name}": (g.expression, g.bounds) for g in derivation.gradients.values()})
    form = matrix_form(*rows[name], arrays_of(derivation))
    return None if form is None else spelled(form)


DERIVATIONS = {name: backpropagate(parse(text)) for name, text in NETWORKS.items()}
PRINTED = networks.derivations()


@pytest.mark.parametrize(("network", "name", "expected"), GOLD)
def test_a_line_has_the_form_that_people_write(network: str, name: str, expected: str) -> None:
    assert right_side(DERIVATIONS[network], name) == expected


def hessian(text: str, name: str) -> str | None:
    """Return the matrix form of the Hessian of the objective by one parameter."""
    first = backpropagate(parse(text), wrt=(name,))
    second = backpropagate(as_network(first), of=f"{name}_bar", wrt=(name,))
    return right_side(second, f"d{name}")


def test_second_derivatives_have_the_form_that_people_write() -> None:
    assert hessian(LEAST_SQUARES, "w") == "X.T @ X"
    assert hessian(LOGISTIC, "w") == "X.T @ diag(p*(1 - p)) @ X"


def test_the_jacobian_of_a_softmax_is_a_diagonal_less_an_outer_product() -> None:
    derivation = backpropagate(parse("index k = 1..K\nparameter a[k]\np[k] = softmax(k, a[k])"), of="p", wrt=("a",))
    assert right_side(derivation, "da") == "diag(p) - p @ p.T"


@pytest.mark.parametrize(
    "equation",
    [
        "y[i] = sum(k = 1..i, A[i,k]*x[k])",  # triangular
        "y[i] = where(i > 1, x[i-1], 0)",  # a shift
        "y[i] = sum(k, B[i,k,k]*x[k])",  # three indices
        "y[i] = i*x[i]",  # an index as a number
        "y[i] = max(k, A[i,k])",
        "y[i] = x[N + 1 - i]",
        "y[i] = x[1]*x[i]",
    ],
)
def test_what_has_no_matrix_form_keeps_its_indices(equation: str) -> None:
    text = f"index i, k = 1..N\ninput x[i], B[i,k,k_1]\nparameter A[i,k]\n{equation}\nL = sum(i, y[i]**2)"
    network = parse(text)
    (first, _) = network.equations
    assert matrix_form(first.expression, first.bounds, arrays_of(backpropagate(network))) is None


# --------------------------------------------------------------------------------------------------- the witness

Number = Any  # a float, or an array with two axes

_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "atan": np.arctan,
    "abs": np.abs,
    "sign": np.sign,
    "erf": np.vectorize(math.erf, otypes=[float]),
    "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "sigmoid'": lambda u: np.exp(-u) / (1 + np.exp(-u)) ** 2,
    "tanh'": lambda u: 1 - np.tanh(u) ** 2,
    "relu": lambda u: np.where(u > 0, u, 0.0),
    "relu'": lambda u: np.where(u > 0, 1.0, 0.0),
    "leaky_relu": lambda u, slope=0.1: np.where(u > 0, u, slope * u),
    "softplus": lambda u: np.log(1 + np.exp(u)),
    "gelu": lambda u: u / 2 * (1 + np.vectorize(math.erf, otypes=[float])(u / math.sqrt(2))),
    "bend": lambda u, w: u / (1 + np.exp(-w * u)),
    "max": np.maximum,
    "min": np.minimum,
}
_OPERATORS: dict[type[ast.AST], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: lambda a, b: np.power(a, b) if np.ndim(a) or np.ndim(b) else float(a) ** b,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_PRIME = "_prime"


class Reader:
    """Computes a matrix expression; arrays that do not fit are an error."""

    def __init__(self, values: Mapping[str, Number]) -> None:
        self.values = values

    def of(self, text: str) -> Number:
        return self.value(ast.parse(text.replace("'", _PRIME), mode="eval").body)

    def value(self, node: ast.AST) -> Number:
        match node:
            case ast.Constant(value=value):
                return float(value)
            case ast.Name(id=name):
                return self.values[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return np.logical_not(self.value(operand))
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self.product(self.value(left), self.value(right))
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](*self.alike(self.value(left), self.value(right)))
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [self.value(side) for side in (left, *others)]
                pairs = zip(ops, itertools.pairwise(sides), strict=True)
                return self.all([_OPERATORS[type(op)](*self.alike(*pair)) for op, pair in pairs])
            case ast.BoolOp(op=op, values=values):
                parts = self.alike(*map(self.value, values))
                return self.all(parts) if isinstance(op, ast.And) else np.logical_or.reduce(parts)
            case ast.List(elts=[condition]):
                return np.where(self.value(condition), 1.0, 0.0)[()]
            case ast.Attribute(value=value, attr="T"):
                operand = self.value(value)
                assert np.ndim(operand) == 2
                return operand.T
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                axis = {word.arg: self.value(word.value) for word in keywords}
                return self.call(name.replace(_PRIME, "'"), [self.value(arg) for arg in args], axis.get("axis"))
        raise AssertionError(ast.dump(node))

    @staticmethod
    def all(parts: list[Number]) -> Number:
        return parts[0] if len(parts) == 1 else np.logical_and.reduce(parts)

    @staticmethod
    def alike(*operands: Number) -> list[Number]:
        """Check that arrays have one shape; scalars go with anything."""
        shapes = {np.shape(operand) for operand in operands if np.ndim(operand)}
        assert len(shapes) <= 1, shapes
        return list(operands)

    @staticmethod
    def product(left: Number, right: Number) -> Number:
        assert np.ndim(left) == np.ndim(right) == 2
        result = left @ right
        return float(result[0, 0]) if result.shape == (1, 1) else result

    def call(self, name: str, arguments: list[Number], axis: float | None) -> Number:
        match name, arguments:
            case "sum", [array]:
                assert np.ndim(array) == 2
                return float(array.sum()) if axis is None else array.sum(axis=int(axis)).reshape(-1, 1)
            case "outer", [left, right]:
                assert left.shape[1] == right.shape[1] == 1
                return left @ right.T
            case "diag", [column]:
                assert column.shape[1] == 1
                return np.diag(column[:, 0])
            case "trace", [matrix]:
                assert matrix.shape[0] == matrix.shape[1]
                return float(np.trace(matrix))
            case "eye", [size]:
                return np.eye(int(size))
            case "ones" | "zeros", sizes:
                fill = 1.0 if name == "ones" else 0.0
                return np.full([int(size) for size in (*sizes, 1)[:2]], fill)
            case "softmax", [array]:
                last = 0 if array.shape[1] == 1 else 1  # of a column it is the only one
                powers = np.exp(array - array.max(axis=last, keepdims=True))
                return powers / powers.sum(axis=last, keepdims=True)
            case "where", [condition, then, otherwise]:
                return np.where(*self.alike(condition, then, otherwise))[()]
        return _FUNCTIONS[name](*self.alike(*arguments))


def given_sizes(network: Network) -> dict[str, Any]:
    """Return sizes that differ from each other as far as equations between them allow."""
    sizes: dict[str, Any] = {}
    for name, value in zip(size_names(network), itertools.count(2)):
        if network.sizes.get(name) is None:
            sizes[name] = [2, 3, 4] if layers_of(network, name) else value
    return sizes


def evaluator_of(derivation: Derivation) -> Evaluator:
    network = derivation.network
    sizes = given_sizes(network)
    empty = Evaluator(network, sizes, {})
    count = itertools.count(1)
    values: dict[str, Any] = {}
    for quantity in network.quantities.values():
        if quantity.is_given or (quantity.role == "input"):
            places = [()] if not quantity.axes else list(components(empty, quantity.axes))
            # Between 0 and 1, where every function here is defined; no two alike.
            cells = {place: Fraction(next(count) * 29 % 97, 97) for place in places}
            fixed = network.definitions.get(quantity.name, ())
            for equation in fixed:
                for place in [place for place in cells if matches(equation.target, place)]:
                    del cells[place]
            values[quantity.name] = cells if quantity.axes else cells[()]
    evaluator = Evaluator(network, sizes, values, digits=17)
    evaluator.include(derivation)
    short = abbreviated(derivation, lines=True)
    for delta in short.derivation.adjoints.values():
        if delta.access.name in short.deltas:
            evaluator._assign(delta.access, delta.bounds, delta.textbook, 0)
    for equation in short.values:
        evaluator._assign(equation.target, equation.bounds, equation.expression, 0)
    return evaluator


def matches(target: Access, place: tuple[int, ...]) -> bool:
    return all(isinstance(index, Index) or str(index) == str(n) for index, n in zip(target.indices, place, strict=True))


def components(evaluator: Evaluator, axes: Iterable[Axis | Bound]) -> Iterator[tuple[int, ...]]:
    ranges = []
    for axis in axes:
        lower, upper = (int(to_float(evaluator.value(limit))) for limit in (axis.lower, axis.upper))
        ranges.append(range(lower, upper + 1))
    yield from itertools.product(*ranges)


def as_matrix(evaluator: Evaluator, expr: Expr, bounds: tuple[Axis | Bound, ...]) -> Number:
    """Return every component of an index form: a float, a column or a matrix."""
    if not bounds:
        return float(to_float(evaluator.value(expr)))
    places = list(components(evaluator, bounds))
    indices = [bound.index for bound in bounds]
    cells = [float(to_float(evaluator.value(expr, dict(zip(indices, place, strict=True))))) for place in places]
    shape = [len({place[axis] for place in places}) for axis in range(len(bounds))]
    return np.array(cells).reshape((*shape, 1)[:2])


def formulas(content: Document) -> Iterator[Formula]:
    yield from content.forward
    yield from (line.backward for line in content.lines)
    yield from content.results
    yield from content.definitions


def check(derivation: Derivation) -> int:
    """Compare every line in matrix notation with its index form; return how many there are."""
    with_indices = document(derivation, "steps")
    in_notation = in_matrices(with_indices, derivation)
    evaluator = evaluator_of(derivation)
    arrays = arrays_of(derivation)
    sizes = {name: value for name, value in evaluator.sizes.items() if isinstance(value, int)}
    values: dict[str, Number] = {name: float(value) for name, value in sizes.items()}
    count = 0
    for before, after in zip(formulas(with_indices), formulas(in_notation), strict=True):
        if any(map(has_index, after.forms)) or free_indices(after.left):
            continue  # it has kept its indices
        bounds = bounds_of(before, derivation)
        for form in after.forms:
            for name in names_in(spelled(form)):
                if name not in values and name in arrays:
                    access = Access(name, tuple(axis.index for axis in arrays[name]))
                    values[name] = as_matrix(evaluator, access, arrays[name])
        # The forms of a line are equal; which index form became which matrix form does not matter.
        expected = as_matrix(evaluator, before.forms[-1], bounds)
        for form in after.forms:
            found = Reader(values).of(spelled(form))
            assert np.shape(found) == np.shape(expected), spelled(form)
            # 17 digits went in; cancellation among a few dozen terms of order 1 costs some.
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11, err_msg=spelled(form))
        extents = [int(to_float(evaluator.value(size))) for size in after.shape]
        assert tuple(extents) == np.shape(expected)[: len(extents)]
        assert len(extents) == len(bounds)
        count += 1
    return count


def has_index(expr: Expr) -> bool:
    return any(
        isinstance(node, (Index, Reduction)) or (isinstance(node, Access) and node.indices) for node in walk(expr)
    )


def names_in(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]\w*", text))


def bounds_of(formula: Formula, derivation: Derivation) -> tuple[Bound, ...]:
    left = formula.left
    accesses = (left.of, left.by) if isinstance(left, Derivative) else (left,)
    ranges = {**derivation.network.indices, **{bound.index: bound for bound in formula.ranges}}
    found = []
    for access in accesses:
        for index in access.children:
            if isinstance(index, Index):
                found.append((ranges.get(index) or ranges[Index(stem_of(index))])._replace(index=index))
    return tuple(found)


CORPUS: dict[str, Callable[[], Derivation]] = {
    **{name: (lambda derivation=derivation: derivation) for name, derivation in DERIVATIONS.items()},
    **{
        f"printed_{name}": (lambda derivation=derivation: derivation)
        for name, derivation in PRINTED.items()
        if name != "curious"  # which has an abstract function
    },
    **{
        path.stem: (lambda path=path: backpropagate(parse(path.read_text(encoding="utf-8"))))
        for path in sorted(EXAMPLES.glob("*.net"))
    },
}


@pytest.mark.parametrize("name", CORPUS)
def test_every_line_in_matrix_notation_has_the_values_and_the_shape_of_its_index_form(name: str) -> None:
    assert check(CORPUS[name]())


@pytest.mark.parametrize("name", [*NETWORKS, "hidden_layer", "softmax", "convolution", "recurrent", "jacobian"])
@pytest.mark.parametrize("detail", ["final", "steps", "full"])
def test_a_page_in_matrix_notation_keeps_to_its_form(name: str, detail: str) -> None:
    derivation = DERIVATIONS.get(name) or PRINTED[name]
    text = to_text(derivation, notation="matrix", detail=detail)
    assert not [line for line in text.splitlines() if len(line) > 80]
    assert text.isascii()
    assert not re.search(r"[ \t]\n|\n\n\n", text)
    latex = to_latex(derivation, notation="matrix", detail=detail)
    assert latex.isascii()
    assert latex.count("{") == latex.count("}")
    for write in (to_html, to_markdown):
        assert "MatrixProduct" not in write(derivation, notation="matrix", detail=detail)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("name", [*NETWORKS, *PRINTED])
def test_tex_accepts_matrix_notation_and_no_line_is_overfull(name: str, tmp_path: Path) -> None:
    derivation = DERIVATIONS.get(name) or PRINTED[name]
    (tmp_path / "page.tex").write_text(to_latex(derivation, notation="matrix", detail="full"), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert result.returncode == 0, result.stdout[-2000:]
    assert not re.findall(r"^Overfull .*", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("network", "name", "expected"),
    [
        ("mlp", "W2_bar", r"\bar{\delta}_{2} z^{\top}"),
        ("mlp", "a_bar", r"\bar{z} \odot z \odot (1 - z)"),
        ("mlp", "L", r"\frac{1}{2} \, \mathbf{1}_{K}^{\top} (\delta_{2} - t)^{\odot2}"),
        ("attention", "dP", r"\frac{q \operatorname{diag}(W) k^{\top}}{\sqrt{C}}"),
        ("softmax_batch", "A", r"X W + \mathbf{1}_{N} b^{\top}"),
        ("softmax_batch", "b_bar", r"\bar{A}^{\top} \, \mathbf{1}_{N}"),
    ],
)
def test_matrix_notation_in_latex_is_that_of_paper(network: str, name: str, expected: str) -> None:
    derivation = DERIVATIONS[network]
    rows = {e.name: (e.expression, e.bounds) for e in derivation.network.equations}
    rows |= {a.access.name: (a.textbook, a.bounds) for a in derivation.adjoints.values()}
    form = matrix_form(*rows[name], arrays_of(derivation))
    assert form is not None
    assert latex_of(form) == expected


@pytest.mark.parametrize(
    ("name", "derivation"),
    [
        ("matrix_mlp", DERIVATIONS["mlp"]),
        ("matrix_attention", DERIVATIONS["attention"]),
        ("matrix_recurrent", PRINTED["recurrent"]),
    ],
)
def test_a_report_in_matrix_notation_is_the_one_that_was_read_as_prose(name: str, derivation: Derivation) -> None:
    path = GOLDEN / f"{name}.txt"
    report = to_text(derivation, notation="matrix")
    if os.environ.get("REFRESH_GOLDEN"):
        path.write_text(report, encoding="utf-8")
    assert report == path.read_text(encoding="utf-8")
