"""Long texts are derived and printed in time that grows with their length, or refused by a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import symprop
from symprop.errors import MissingRuleError, NotationError, SympropError


def products(count: int) -> str:
    return "L = " + " + ".join(f"x{n}*w{n}" for n in range(count))


def chain(count: int) -> str:
    return "a0 = x\n" + "\n".join(f"a{n + 1} = a{n}*x" for n in range(count))


def seconds_to_print(text: str) -> float:
    """Return the processor's time for deriving and printing."""
    start = time.process_time()
    symprop.derive(symprop.parse(text)).to_text()
    return time.process_time() - start


@pytest.mark.parametrize("text", [products, chain])
def test_time_grows_with_the_length(text: Callable[[int], str]) -> None:
    seconds_to_print(text(10))  # what is loaded once
    # Four times the length: less than ten times the time, where a quadratic part would come to sixteen times.
    assert seconds_to_print(text(400)) < 10 * seconds_to_print(text(100)) + 0.2


NESTED = "function f0(u) = u*u\n" + "\n".join(f"function f{n + 1}(u) = f{n}(u)*f{n}(u + 1)" for n in range(30))


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("L = " + "*".join(f"sin(x{n})" for n in range(1_000)), MissingRuleError, "too long together"),
        (f"{NESTED}\nL = f30(x)", NotationError, "becomes too long when the functions that it calls are written out"),
    ],
)
def test_what_grows_faster_is_refused_with_its_place(text: str, kind: type[SympropError], told: str) -> None:
    start = time.process_time()
    with pytest.raises(kind, match=told) as caught:
        symprop.derive(symprop.parse(text))
    assert time.process_time() - start < 5
    assert caught.value.line is not None
    assert caught.value.hint


def test_functions_of_functions_that_stay_short_are_read() -> None:
    long = "\n".join(f"function f{n + 1}(u) = f{n}(u) + 1" for n in range(40))
    text = f"function f0(u) = 2*u\n{long}\nL = f40(x)"
    assert str(symprop.derive(symprop.parse(text)).gradients["x"]) == "2"
    # Once more for each name: 2**8 factors, below the limit.
    doubled = NESTED.partition("function f9(")[0] + "L = f8(x)"
    values = symprop.evaluate(symprop.parse(doubled), {"x": 0})
    assert values["L"] == 0


def test_the_derivative_of_a_long_product_is_that_of_a_short_one() -> None:
    names = [f"x{n}" for n in range(20)]
    network = symprop.parse("L = " + "*".join(f"({name} + {name}**2)" for name in names))
    slopes = symprop.derive(network).gradients
    values = {name: n + 1 for n, name in enumerate(names)}
    product = 1
    for name in names[:-1]:
        product *= values[name] + values[name] ** 2
    shown = symprop.evaluate(network, values, show=[str(slopes["x19"])]).shown[str(slopes["x19"])]
    assert shown == product * (2 * values["x19"] + 1)
