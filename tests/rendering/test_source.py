"""Generated modules are readable, stand alone, and are the same text every time."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import numpy as np
import pytest
from corpus import CORPUS

from symprop.algebra.expressions import Access, Expr, Index, Size, compare, junction, number, power, scalar, where
from symprop.algebra.expressions import call as function
from symprop.errors import OptionError
from symprop.rendering.printers.numba import Code
from symprop.runtime.load import compile, module_text

x, y, n, N = scalar("x"), scalar("y"), Index("n"), Size("N")
a = Access("a", (n, number(0)))

VALUES: tuple[tuple[Expr, str, str], ...] = (
    (number("1/3"), "0.3333333333333333", "f32(0.3333333333333333)"),
    (number("-1/2") * x, "-0.5*x", "-f32(0.5)*x"),
    (x - y, "x - y", "x - y"),
    (-x + y, "y - x", "y - x"),
    (x * (x + y), "x*(x + y)", "x*(x + y)"),
    (x / (y * N), "x/y/float(N)", "x/y/f32(N)"),
    (power(x, number(2)), "square(x)", "square(x)"),
    (power(x + y, number("1/2")), "math.sqrt(x + y)", "math.sqrt(x + y)"),
    (power(x, number(-2)), "1.0/square(x)", "f32(1.0)/square(x)"),
    (x * n, "x*float(n)", "x*f32(n)"),
    (a, "a[n, 0]", "a[n, 0]"),
    (function("sigmoid", -x), "sigmoid(-x)", "sigmoid(-x)"),
    (function("max", x, y), "greater(x, y)", "greater(x, y)"),
    (function("log1p", x), "math.log1p(x)", "math.log1p(x)"),
    (where(compare(">", x, number(0)), x, y), "x if x > 0.0 else y", "x if x > f32(0.0) else y"),
    (x * where(compare("<", n, N), x, y), "x*(x if n < N else y)", "x*(x if n < N else y)"),
)


@pytest.mark.parametrize(("expr", "double", "single"), VALUES, ids=lambda value: str(value))
def test_values_are_printed_in_the_precision_of_the_module(expr: Expr, double: str, single: str) -> None:
    assert Code().value(expr) == double
    assert Code(single=True).value(expr) == single


INTEGERS = (
    (2 * n - 1, "2*n - 1"),
    (number("1/2") * n, "n//2"),
    ((n - N) / 2 + 1, "(n - N + 2)//2"),
    (n * N + 3, "n*N + 3"),
    (function("max", n, N), "max(n, N)"),
)


@pytest.mark.parametrize(("expr", "code"), INTEGERS, ids=lambda value: str(value))
def test_index_expressions_are_printed_as_integers(expr: Expr, code: str) -> None:
    variables = {"n": 7, "N": 5}
    printed = Code().integer(expr)
    assert eval(printed, {"max": max}, variables) == eval(code, {"max": max}, variables)
    assert "/" not in printed.replace("//", "")


def test_conditions_are_printed_with_python_s_words() -> None:
    either = junction("or", compare("<", n, N), compare(">", x, y))
    condition = junction("and", compare("divides", number(2), n), either)
    assert Code().condition(condition) == "n % 2 == 0 and (n < N or x > y)"


@pytest.mark.parametrize("target", ["numba", "numpy"])
@pytest.mark.parametrize("name", CORPUS)
def test_modules_are_python_without_symprop(name: str, target: str) -> None:
    tree = ast.parse(module_text(CORPUS[name].text, target=target, optimizer="adam"))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    allowed = {"functools", "importlib", "math", "numpy"} | ({"llvmlite", "numba"} if target == "numba" else set())
    assert imported <= allowed
    assert "symprop" not in imported


def test_each_block_has_its_formula() -> None:
    text = module_text(CORPUS["two layers"].text)
    assert re.search(r"# dL/dW2\[k,j\] = W2_bar\[k,j\] = .*\n\s+product\(", text)
    assert "# z[j] = tanh(a[j])\n" in text


def test_the_network_stands_at_the_top() -> None:
    text = module_text(CORPUS["two layers"].text)
    documentation = ast.get_docstring(ast.parse(text))
    assert documentation is not None
    assert "a[j] = sum(i, W1[j,i]*x[i]) + b1[j]" in documentation


def test_a_text_with_quotes_and_backslashes_stays_a_text() -> None:
    text = module_text('J = w*x**2  # """ \\ quotes')
    assert "''' \\ quotes" in (ast.get_docstring(ast.parse(text)) or "")


def test_lines_are_not_too_long() -> None:
    for name in ("two layers", "logistic"):
        text = module_text(CORPUS[name].text, optimizer="sgd")
        assert max(map(len, text.splitlines())) <= 130


@pytest.mark.parametrize(("option", "value"), [("target", "rust"), ("dtype", "float16"), ("reduction", "median")])
def test_unknown_options_are_refused(option: str, value: str) -> None:
    with pytest.raises(OptionError, match=value):
        module_text("J = w*x", **{option: value})


def test_the_text_does_not_depend_on_hashes_of_the_process() -> None:
    code = "import sys; from symprop.runtime.load import module_text; sys.stdout.write(module_text(sys.stdin.read()))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=CORPUS["attention"].text,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1


def test_names_that_python_or_the_module_has_can_be_used() -> None:
    text = """
index order = 1..D, step = 1..at
input lambda_1[order], random
target batch
parameter product[step,order], one[step], parameters
work[step] = tanh(sum(order, product[step,order]*lambda_1[order]) + one[step])
float = sum(step, work[step]) + parameters*random
print = (float - batch)**2
minimize print
"""
    functions = compile(text, target="numpy", optimizer="adam")
    random = np.random.default_rng(0)
    data = {"lambda_1": random.standard_normal((4, 3)), "random": random.standard_normal(4), "batch": np.zeros(4)}
    parameters = {"product": random.standard_normal((2, 3)), "one": np.zeros(2), "parameters": 0.5}
    value, gradients = functions.gradient(parameters, data)
    inner = np.tanh(data["lambda_1"] @ parameters["product"].T)
    error = inner.sum(axis=1) + 0.5 * data["random"]
    assert value == pytest.approx((error**2).mean())
    np.testing.assert_allclose(gradients["parameters"], (2 * error * data["random"]).mean())
    training = functions.start(parameters, data, batch_size=2)
    assert functions.run(training, 4).diverged is None
