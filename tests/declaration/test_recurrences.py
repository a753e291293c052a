"""Equations in parts, recurrences, layers of different sizes and batches, as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest

import symprop
from symprop.algebra.expressions import Index
from symprop.declaration.network import Network
from symprop.declaration.parser import parse, parse_expression
from symprop.errors import IndexNotationError, SympropError

LAYERS = """
z[0,i] = x[i]                                           for i = 1..n(0)
s[l,j] = sum(i = 1..n(l-1), w[l,j,i]*z[l-1,i]) + b[l,j] for l = 1..L, j = 1..n(l)
z[l,j] = tanh(s[l,j])                                   for l = 1..L, j = 1..n(l)
E      = sum(j = 1..n(L), (z[L,j] - y[j])**2)/2
"""
ROLES = "input x[i]\ntarget y[j]\nparameter w[l,j,i], b[l,j]\n"


def axes(network: Network, name: str) -> str:
    return ", ".join(f"{axis.index} = {axis.lower}..{axis.upper}" for axis in network.quantities[name].axes)


def equations(network: Network) -> list[str]:
    return [
        f"{equation.target} = {equation.expression}"
        + "".join(f" for {bound.index} = {bound.lower}..{bound.upper}" for bound in equation.bounds)
        for equation in network.equations
    ]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("h[0] = 0; h[t] = tanh(w*h[t-1] + x[t]) for t = 1..T", "h", "t = 0..T"),
        ("h[0] = 0; h[t] = tanh(w*h[t-1] + x[t]) for t = 1..T", "x", "t = 1..T"),
        ("g[T+1] = 0; g[t] = w*g[t+1] + x[t] for t = 1..T", "g", "t = 1..T + 1"),
        ("h[0] = 0; h[t+1] = w*h[t] + x[t] for t = 0..T-1", "h", "t = 0..T"),
        ("h[0] = 0; h[t+1] = w*h[t] + x[t] for t = 0..T-1", "x", "t = 0..T - 1"),
        ("h[t] = 1 for t = 0; h[t] = w*h[t-1] for t = 1..T", "h", "t = 0..T"),
        ("u[1] = x; u[2] = u[1]*x; u[3] = u[2] + u[1]", "u", "i = 1..3"),
        ("index k = 1..K; y[t] = sum(k, a[k]*y[t-k]) + x[t] for t = 1..T; zero outside y[t]", "y", "t = 1..T"),
        ("y[t] = sum(s = 1..t-1, a[t,s]*y[s]) + x[t] for t = 1..T", "a", "t = 1..T, s = 1..T - 1"),
        ("h[0,t] = x[t] for t = 1..T; h[l,0] = 0 for l = 1..L\nh[l,t] = h[l-1,t] + h[l,t-1] for l = 1..L, t = 1..T",
         "h", "l = 0..L, t = 0..T"),
        ("h[j,m] = x[j]*x[m] for j, m = 1..H", "h", "j = 1..H, m = 1..H"),
        ("p[t,u] = x[t] + x[u] for t = 1..T, u = 1..t", "p", "t = 1..T, u = 1..T"),
    ],
)  # fmt: skip
def test_axes_cover_the_parts_and_what_is_read(text: str, name: str, expected: str) -> None:
    assert axes(parse(text), name) == expected


def test_a_shift_on_the_left_is_moved_to_the_right() -> None:
    network = parse("h[0] = 1; h[t+1] = tanh(w*h[t] + x[t]) for t = 0..T-1")
    assert equations(network)[1] == "h[t] = tanh(w*h[t - 1] + x[t - 1]) for t = 1..T"


def test_equations_of_one_step_stand_in_their_order() -> None:
    network = parse(
        """
        h[0] = 0
        c[0] = 0
        h[t] = o[t]*tanh(c[t]) for t = 1..T
        c[t] = f[t]*c[t-1] + x[t] for t = 1..T
        o[t] = sigmoid(u*h[t-1]) for t = 1..T
        f[t] = sigmoid(v*h[t-1]) for t = 1..T
        """
    )
    assert [str(equation.target) for equation in network.equations] == ["h[0]", "c[0]", "o[t]", "f[t]", "c[t]", "h[t]"]
    assert [set(group) for group in network.groups] == [{"h", "c", "o", "f"}]
    assert network.is_recurrent(network.groups[0])


@pytest.mark.parametrize(
    "text",
    [
        "y[t] = where(t == 1, x[t], w*y[t-1]) for t = 1..T",
        "g[T+1] = 0; g[t] = w*g[t+1] for t = 1..T; h[0] = 0; h[t] = g[t]*h[t-1] for t = 1..T",
        "a[1] = x; b = a[1]*2; a[2] = b",
        "d[0] = 0; d[t] = s[t] for t = 1..T; s[t] = sum(u = 1..t, d[u-1]) for t = 1..T",
        "m[s,0] = 0 for s = 1..S; m[0,t] = 0 for t = 0..T; m[s,t] = max(m[s-1,t-1], m[s,t-1]) for s = 1..S, t = 1..T",
    ],
)
def test_what_can_be_computed_in_some_order_is_read(text: str) -> None:
    parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "y[t] = y[t]*w for t = 1..T",
        "y[0] = 0; y[T+1] = 0; y[t] = y[t-1] + y[t+1] for t = 1..T",
        "y[t] = y[T-t] for t = 0..T",
        "index j = 1..H; y[0,j] = 0; y[t,j] = y[t-1,j] + y[t,H+1-j] for t = 1..T",
        "a[t] = b[t] for t = 1..T; b[0] = 0; b[t] = a[t] + b[t-1] for t = 1..T",
        "a[T+1] = 0; b[0] = 0; a[t] = a[t+1] + b[t] for t = 1..T; b[t] = b[t-1] + a[t] for t = 1..T",
    ],
)
def test_what_no_order_computes_is_a_circle(text: str) -> None:
    with pytest.raises(SympropError, match=r"no order computes|circle|defined by itself"):
        parse(text)


@pytest.mark.parametrize("roles", [ROLES, "", f"index l = 1..L, j = 1..n(l), i = 1..n(l-1)\nsize n(l)\n{ROLES}"])
def test_sizes_differ_from_layer_to_layer(roles: str) -> None:
    if roles.startswith("index"):  # x and y have no layer, so their indices have ranges of their own
        roles = roles.replace("x[i]", "x[i0]").replace("y[j]", "y[k]")
        roles = f"index i0 = 1..n(0), k = 1..n(L)\n{roles}"
    network = parse(roles + LAYERS)
    assert axes(network, "w") == "l = 1..L, j = 1..n(l), i = 1..n(l - 1)"
    assert axes(network, "b") == "l = 1..L, j = 1..n(l)"
    assert axes(network, "s") == "l = 1..L, j = 1..n(l)"
    assert axes(network, "z") == "l = 0..L, j = 1..n(l)"
    assert axes(network, "x").endswith(" = 1..n(0)")
    assert axes(network, "y").endswith(" = 1..n(L)")
    assert list(network.sizes) in (["n", "L"], ["L", "n"])


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("sum(j, D(E, s[l+1,j])*w[l+1,j,i])", "1..n(l + 1)"),
        ("sum(i, w[l,j,i]*z[l-1,i])", "1..n(l - 1)"),
        ("sum(j, z[L,j])", "1..n(L)"),
    ],
)
def test_a_sum_in_a_claim_runs_over_the_units_of_the_layer_it_reads(text: str, limits: str) -> None:
    (bound,) = parse_expression(text, parse(ROLES + LAYERS)).bounds  # type: ignore[attr-defined]
    assert f"{bound.lower}..{bound.upper}" == limits


def test_batch_makes_the_examples_explicit() -> None:
    network = parse("batch n, m = 1..N; input x[n]; parameter w; y[n] = x[n]*w; L = sum(n, m, (y[n] - y[m])**2)")
    assert network.batch == Index("n")
    assert axes(network, "y") == "n = 1..N"
    assert parse("y = x*w").batch is None


def test_an_undeclared_index_with_limits_of_its_own_needs_no_size() -> None:
    network = parse("input x[k]; parameter w[k]; y = sum(k = 0..3, w[k]*x[k])")
    assert axes(network, "w") == "k = 0..3"
    assert not network.sizes


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("alpha_ji*x_i", "alpha[j,i]*x[i]"),
        ("α_ji*x₁", "alpha[j,i]*x[1]"),
        ("x_12", "x[12]"),
        ("W_hh*x_1", "W_hh*x[1]"),
        ("W_h_ji", "W_h[j,i]"),
        ("b_1*x_i", "b_1*x[i]"),
    ],
)
def test_subscripts_are_indices_where_the_stem_alone_is_known(written: str, read: str) -> None:
    text = (
        "index i = 0..20, j = 1..H\ninput x[i]\nparameter alpha[j,i], W_hh, W_h[j,i], b\nb_1 = 2*b\na[j] = sum(i, {})"
    )
    found, wanted = (parse(text.format(one)).definitions["a"][0].expression for one in (written, read))
    assert str(found) == str(wanted)


@pytest.mark.parametrize(("limits", "lowest"), [("t = 1..T-1", 1), ("t = 2..T-1", 2)])
def test_a_backwards_recurrence_may_start_at_its_last_position(limits: str, lowest: int) -> None:
    network = parse(
        "index t = 1..T\ninput x[t]\nparameter u\n"
        f"h[T] = x[T]\nh[t] = u*h[t+1] + x[t] for {limits}\nL = h[{lowest}]\nminimize L"
    )
    (axis,) = network.quantities["h"].axes
    assert (str(axis.lower), str(axis.upper)) == (str(lowest), "T")
    # Horner's scheme: h[1] = x[1] + u*(x[2] + u*(x[3] + ...)), a polynomial in u.
    values, u = [Fraction(3), Fraction(-2), Fraction(5), Fraction(7)], Fraction(2, 3)
    slope = sum(power * value * u ** (power - 1) for power, value in enumerate(values[lowest - 1 :]) if power)
    evaluated = symprop.evaluate(network, {"x": values, "u": u}, show=["L", "D(L, u)"])
    assert evaluated.shown["D(L, u)"] == slope


def test_a_recurrence_of_second_order_has_two_starts() -> None:
    text = "index t = 1..T\nparameter x[t]\nh[1] = x[1]\n{}h[t] = h[t-1] + h[t-2] for t = 3..T\nL = sum(t, h[t])"
    # Fibonacci's numbers: 1 + 2 + 3 + 5 + 8 + 13.
    values = symprop.evaluate(text.format("h[2] = x[2]\n"), {"x": [1, 2, 0, 0, 0, 0]}, show=["D(L,x[1])"])
    assert (values["L"], values["D(L,x[1])"]) == (32, 1 + 0 + 1 + 1 + 2 + 3)
    with pytest.raises(IndexNotationError, match=r"h\[2\] is read but never defined"):
        parse(text.format(""))
