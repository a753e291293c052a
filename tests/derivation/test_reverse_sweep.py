"""The reverse sweep on what makes index calculus hard: strides, diagonals, triangles, shared weights, kinks."""

from __future__ import annotations

import pytest
from three_roads import Example

from symprop.declaration.parser import parse
from symprop.derivation.reverse_sweep import backpropagate
from symprop.errors import DeclarationError
from symprop.rendering.report import to_text


def convolution(stride: int) -> str:
    return f"""
        index p = 0..P-1, q = 0..P-1, r = 0..R-1, s = 0..R-1, k = 0..K-1, l = 0..K-1
        size P = floor((R + 2 - K)/{stride}) + 1
        input x[r,s]
        parameter w[k,l], b
        zero outside x[r,s]
        a[p,q] = sum(k, l, w[k,l]*x[{stride}*p + k - 1, {stride}*q + l - 1]) + b
        L = sum(p, q, tanh(a[p,q])**2)
    """


NETWORKS: dict[str, tuple[str, dict[str, int], dict[str, int]]] = {
    "logistic regression": (
        "index i = 1..D\ninput x[i]\ntarget t\nparameter w[i], b\n"
        "y = sigmoid(sum(i, w[i]*x[i]) + b)\nL = half_squared_error(t, y)",
        {"D": 2},
        {"D": 3},
    ),
    "three hidden layers": (
        "index i = 1..D, j = 1..H, k = 1..M, m = 1..K\ninput x[i]\ntarget t\n"
        "parameter U[j,i], V[k,j], W[m,k], v[m]\n"
        "h[j] = tanh(sum(i, U[j,i]*x[i]))\ng[k] = softplus(sum(j, V[k,j]*h[j]))\n"
        "f[m] = sigmoid(sum(k, W[m,k]*g[k]))\nL = (sum(m, v[m]*f[m]) - t)**2",
        {"D": 2, "H": 3, "M": 1, "K": 2},
        {"D": 1, "H": 2, "M": 3, "K": 2},
    ),
    "bilinear form": (
        "index i = 1..D, j = 1..H\nparameter W[i,j], u[i], v[j]\nL = sum(i, j, u[i]*W[i,j]*v[j])**2",
        {"D": 2, "H": 3},
        {"D": 3, "H": 1},
    ),
    "trace of a product": (
        "index i = 1..D, j = 1..H\nparameter A[i,j], B[j,i]\nL = sum(i, j, A[i,j]*B[j,i])**2",
        {"D": 2, "H": 3},
        {"D": 3, "H": 2},
    ),
    "convolution of stride 1": (convolution(1), {"R": 3, "K": 2}, {"R": 4, "K": 3}),
    "convolution of stride 2": (convolution(2), {"R": 4, "K": 3}, {"R": 5, "K": 2}),
    "convolution of stride 3": (convolution(3), {"R": 5, "K": 2}, {"R": 4, "K": 3}),
    "overlapping max-pool": (
        "index p = 0..P-1, r = 0..2*P, k = 0..2\nparameter x[r], c[p]\n"
        "a[p] = max(k, x[2*p + k])\nL = sum(p, c[p]*a[p]**2)",
        {"P": 2},
        {"P": 3},
    ),
    "relu and abs": (
        "index i = 1..N\nparameter x[i], c[i]\nL = sum(i, c[i]*relu(x[i]) + abs(x[i])**3)",
        {"N": 3},
        {"N": 4},
    ),
    "cumulative sum": (
        "index i = 1..N, t = 1..N\nparameter x[i]\nc[t] = sum(i = 1..t, x[i])\nL = sum(t, exp(c[t]))",
        {"N": 3},
        {"N": 4},
    ),
    "triangle of weights": (
        "index i = 1..N, t = 1..N\nparameter W[t,i], x[i]\ny[t] = sum(i = 1..t, W[t,i]*x[i])\nL = sum(t, y[t]**2)",
        {"N": 3},
        {"N": 4},
    ),
    "shared weights": (
        "index i = 1..D, j = 1..H\ninput x[i], u[i]\nparameter W[j,i]\n"
        "y[j] = tanh(sum(i, W[j,i]*x[i]))\nz[j] = tanh(sum(i, W[j,i]*u[i]))\nL = sum(j, (y[j] - z[j])**2)",
        {"D": 2, "H": 3},
        {"D": 3, "H": 2},
    ),
    "diagonal": (
        "index i = 1..N, j = 1..N\nparameter x[i,j]\nL = sum(i, x[i,i]**2) + sum(i, j, x[i,j])",
        {"N": 2},
        {"N": 3},
    ),
    "x[2*i+3*j]": (
        "index i = 0..I-1, j = 0..J-1, m = 0..2*I+3*J\nparameter x[m]\nL = sum(i, j, x[2*i + 3*j]**2)",
        {"I": 2, "J": 3},
        {"I": 3, "J": 2},
    ),
    "x[i+j, i-j]": (
        "index i = 0..I-1, j = 0..J-1, a = 0..I+J, b = -J..I\nparameter x[a,b]\nL = sum(i, j, x[i + j, i - j]**3)",
        {"I": 2, "J": 3},
        {"I": 3, "J": 2},
    ),
    "constant index": ("index i = 1..N\nparameter x[i]\nL = sum(i, x[i]*x[1]) + x[N]**2", {"N": 2}, {"N": 3}),
    "product": ("index i = 1..N\nparameter x[i]\nL = prod(i, x[i])", {"N": 3}, {"N": 4}),
    "product that reads an outer loop of the same letter": (
        "index i = 1..D, i_1 = 1..3, i_2 = 1..2, i_3 = 1..2, r = 0..1, c = 0..4\nparameter W[r,c], x[i]\n"
        "a[i] = sum(i_1, i_2, prod(i_3, where(i_1 - 1 >= 1, W[0, i_1 - 1], 0)))\nL = sum(i, a[i]**2) + x[1]",
        {"D": 1},
        {"D": 2},
    ),
}


@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_adjoints_are_forward_derivatives_and_central_differences(name: str, place: int) -> None:
    text, *sizes = NETWORKS[name]
    network = parse(text)
    assert network.objective is not None
    Example(network, sizes[place - 1], network.objective, seed=place).check()


def test_a_product_with_a_zero_entry_has_the_product_of_the_others() -> None:
    import symprop

    point = symprop.evaluate("index i = 1..3\nL = prod(i, x[i])", {"x": [2, 0, 5]})
    assert [point.adjoints["x"][place] for place in (1, 2, 3)] == [0, 10, 0]


def test_the_first_index_owns_a_tie() -> None:
    import symprop

    point = symprop.evaluate("index i = 1..3\nL = max(i, x[i])", {"x": [7, 7, 5]})
    assert [point.adjoints["x"][place] for place in (1, 2, 3)] == [1, 0, 0]


def test_an_unknown_name_is_offered_the_nearest() -> None:
    with pytest.raises(DeclarationError, match="Did you mean 'alpha'"):
        backpropagate(parse("L = alpha*x"), wrt=["alpa"])


def test_without_a_scalar_there_is_nothing_to_derive() -> None:
    with pytest.raises(DeclarationError, match="no scalar to differentiate") as caught:
        backpropagate(parse("index i = 1..3\ny[i] = x[i]**2; z[i] = y[i]"))
    assert (caught.value.line, caught.value.column) == (2, 17)  # the last equation, which could be the scalar
    assert "L = sum(i, z[i]**2)" in str(caught.value)


def test_without_a_parameter_the_first_input_is_shown() -> None:
    import symprop

    with pytest.raises(symprop.OptionError, match="no parameter to differentiate by") as caught:
        symprop.derive("input x, u\ntarget t\nL = (x*u - t)**2")
    assert (caught.value.line, caught.value.column) == (1, 7)
    assert "wrt='x'" in str(caught.value)
    with pytest.raises(symprop.OptionError, match="no parameter to differentiate by") as caught:
        symprop.derive("input α\nL = α**2")  # kept as alpha, which the text does not show
    assert caught.value.line is None


def test_one_value_that_two_players_move_is_derived_once_by_the_parameters_of_both() -> None:
    network = parse("input x; parameter a, b; u = tanh(a*x); V = (u - b)**2*x; minimize V over b; maximize V over a")
    derivation = backpropagate(network)
    assert [str(adjoint.access) for adjoint in derivation.adjoints.values()] == ["V_bar", "u_bar", "a_bar", "b_bar"]
    alone = backpropagate(parse("input x; parameter a, b; u = tanh(a*x); V = (u - b)**2*x; minimize V"))
    assert derivation.gradients == alone.gradients
    page = " ".join(to_text(derivation).split())
    assert "V is minimized over b. V is maximized over a." in page
    assert "a step along them makes it larger" in page
    assert "over a batch the objective is the mean of V." in page


def test_of_several_objectives_each_is_a_part_by_what_it_is_over() -> None:
    network = parse("input x; parameter a, b; u = a*x; L = u**2; J = u*b - x; minimize L over a; maximize J over b")
    derivation = backpropagate(network)
    assert {name: part.wrt for name, part in derivation.parts.items()} == {"L": ("a",), "J": ("b",)}
    page = " ".join(to_text(derivation).split())
    assert "These are the derivatives of J itself" in page
    assert "over a batch the objectives are the means of L and J." in page
