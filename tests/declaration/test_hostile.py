"""Texts that nobody means well with: each is read or refused by a sentence, in seconds and in bounded memory."""

from __future__ import annotations

import random
import re
import resource
import time
from collections.abc import Callable

import pytest

from symprop.declaration.network import Network
from symprop.declaration.parser import parse, parse_expression, parse_point
from symprop.declaration.source import DEEPEST_NESTING, LONGEST_TEXT, MOST_STATEMENTS
from symprop.errors import NotationError, SympropError

SECONDS = 5.0  # of the processor
MEGABYTES = 1000


def filled(head: str, item: str, tail: str = "") -> str:
    """Return the longest text that is still read: `item` repeated between `head` and `tail`."""
    return head + item * ((LONGEST_TEXT - len(head) - len(tail)) // len(item)) + tail


def numbered(item: str, count: int, joint: str = "") -> str:
    """Return `item` with # replaced by 0, 1, 2, ..."""
    return joint.join(item.replace("#", str(n)) for n in range(count))


def error_of(read: Callable[..., object], *arguments: object) -> SympropError | None:
    """Return the error of ours that reading ends with, or None; any other exception is a failure of the test."""
    try:
        read(*arguments)
    except SympropError as error:
        return error
    return None


READ = {
    "many equal terms": filled("y = x", "+x"),
    "many terms": "y = " + numbered("x#", 14_000, "+"),
    "many equal factors": filled("y = x", "*x"),
    "many factors": "y = " + numbered("x#", 14_000, "*"),
    "a long chain": "a0=x\n" + "\n".join(f"a{n + 1}=a{n}*x" for n in range(4_900)),
    "a long chain backwards": "\n".join(f"a{n}=a{n + 1}*x" for n in range(5_000)),
    "a tower of powers": "y = 9**9**9**9",
    "a huge power": "y = (9**99999999)**(9**99999999) + x**(10**300)",
    "many brackets": "y = " + "(" * DEEPEST_NESTING + "x" + ")" * DEEPEST_NESTING,
    "many calls in calls": "y = " + "exp(" * 90 + "x" + ")" * 90,
    "only separators": ";" * LONGEST_TEXT,
    "only comments": filled("", "#\n"),
    "only a comment": filled("#", "#"),
    "many index names": "index " + numbered("i# = 0..N#", 2_500, ", "),
    "many ranges to compare": numbered("index i# = 1..N+#\n", 1_500) + "y = " + numbered("sum(i#,x[i#])", 1_500, "+"),
    "many sizes in a row": "size " + ", ".join(f"P{n + 1} = P{n}*2 + 1" for n in range(4_000)),
    "many components": numbered("u[#] = x\n", 200) + "\n".join(f"a{n}=sum(k=0..{n % 200},u[k])" for n in range(1_500)),
    "many functions": numbered("function f#(u)=u\n", 3_500),
    "many indices of one sum": "y = sum(" + numbered("i#, ", 30) + "x[" + numbered("i#", 30, ",") + "])",
    "a product of sizes in an index": "size "
    + numbered("N#", 60, ",")
    + "\ny = x["
    + numbered("(N#+1)", 60, "*")
    + "]",
    "names of Python": "y = __import__ + eval*exec - __builtins__**None",
}

REFUSED = {
    "a NUL byte": "y = x\0",
    "an escape": "y = x\x1b[31m",
    "a change of direction": "y = x # \u202e drowssap",
    "an isolate": "y\u2066 = x",
    "an invisible blank": "y = x\u200b",
    "a line separator": "y = x\u2028z = y",
    "half a character": "y = \ud800",
    "a picture": "y = 😀",
    "bytes": b"y = x",
    "nothing": None,
    "5 MB": "y = x\n" * 900_000,
    "200,000 terms": "y = " + "+".join(["x"] * 200_000),
    "100,000 statements": numbered("a# = x\n", 100_000),
    "one statement too many": numbered("a# = x\n", MOST_STATEMENTS + 1),
    "10,000 brackets": "y = " + "(" * 10_000 + "x" + ")" * 10_000,
    "opened brackets": filled("y = ", "("),
    "closed brackets": filled("y = ", ")"),
    "brackets of all kinds": filled("y = ", "([{"),
    "lists in lists": "y = " + "[" * 90 + "x" + "]" * 90,
    "signs": filled("y = ", "-", "x"),
    "negations": filled("y = [", "not ", "x>0]"),
    "powers of powers": filled("y = ", "x**", "x"),
    "products in sums": "y = " + "(a+b*" * 95 + "x" + ")" * 95,
    "guards in guards": "y = " + "where(x>0,x," * 99 + "x" + ")" * 99,
    "a chain of comparisons": filled("y = [", "x<", "x]"),
    "many conditions": "y = [" + numbered("x>#", 9_000, " and ") + "]",
    "softmax of softmax": "index k=1..K; y[k] = " + "softmax(k, " * 90 + "x[k]" + ")" * 90,
    "loss of loss": "y = " + "binary_cross_entropy(x, " * 90 + "x" + ")" * 90,
    "derivative of derivative": "y = " + "diff(" * 50 + "sin(x**2)*exp(x)" + ",x)" * 50,
    "derivative of a long product": "y = diff(" + numbered("sin(x+#)", 150, "*") + ", x)",
    "long numbers multiplied": filled("y = 1", "*1e400"),
    "many denominators": "y = " + "+".join(f"1/{n}" for n in range(2, 12_000)),
    "many digits": "y = " + "9" * 90_000,
    "a large exponent": "y = 1e999999999",
    "many digits above": "y = x" + "⁹" * 5_000,
    "a long name": filled("", "y")[:-10] + " = x",
    "many arguments": filled("y = f(", "x,", "x)"),
    "many indices": "y = x[" + numbered("i#", 2_000, ",") + "]",
    "many component equations": numbered("u[#] = x\n", 4_900),
    "many shifts": "index i=1..N, j=1..M\ny = sum(i,j," + "+".join(f"x[{n}*i+{n + 1}*j]" for n in range(4_000)) + ")",
    "products of indices": numbered("index i#=1..N#\n", 30) + "y = x[" + numbered("(i#+1)", 30, "*") + "]",
    "sizes in a circle": "size " + numbered("P# = Q#, Q# = P#", 1_000, ", "),
    "functions in a circle": "function f(u) = g(u)\nfunction g(u) = f(u)",
    "equations in a large circle": "\n".join(f"a{n}=a{(n + 1) % 4_900}*x" for n in range(4_900)),
    "an attribute": "y = x.__class__.__bases__",
    "an import": "import os",
    "a call by name": "y = __import__('os')",
    "eval": "y = eval(x)",
    "a string": "y = 'x'",
    "a lambda": "y = (lambda: x)()",
    "a walrus": "(y := x)",
    "a format": 'y = f"{x}"',
    "a star": "y = f(*x)",
    "equal signs": filled("", "="),
    "commas": filled("y = ", ","),
    "a nameless quantity": "= x",
    "an empty index": "y = x[]",
    "a range of nothing": "index i = ..; y = x",
    "an infinite range": "index i = 0..inf; y = sum(i, x[i])",
    "a shell": "y = `rm -rf`; $(x)",
    "markup": "<script>alert(1)</script>",
}


@pytest.mark.parametrize("text", READ.values(), ids=READ.keys())
def test_it_is_read_in_time(text: str) -> None:
    start = time.process_time()
    assert isinstance(parse(text), Network)
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MEGABYTES * 1024


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_in_time_and_by_a_sentence(text: str) -> None:
    start = time.process_time()
    with pytest.raises(SympropError) as caught:
        parse(text)
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MEGABYTES * 1024
    # Short enough for a terminal, and nothing in it that a terminal would obey.
    told = str(caught.value)
    assert len(told) < 1_500
    assert all(character.isprintable() or character == "\n" for character in told)


@pytest.mark.parametrize("text", [filled("", "("), "x" * 200_000, "x\0", filled("x", "+x"), "[[[", "a;b"])
def test_expressions_and_points_have_the_same_limits(text: str) -> None:
    network = parse("y = 2*x")
    start = time.process_time()
    for read in (parse_expression, parse_point):
        assert len(str(error_of(read, text, network))) < 1_500
    assert time.process_time() - start < SECONDS


def test_a_byte_order_mark_is_no_error() -> None:
    assert parse("\ufeffy = x").equations[0].line == 1


CORPUS = (
    """index i = 0..D, j = 1..H, k = 1..K
input x[i]
target t[k]
parameter w[j,i], b[j], v[k,j]
constant integer S = 2
constant eps = 1e-5
function g(u)
function f(u, c) = u*c + eps
a[j] = sum(i, w[j,i]*x[i]) + b[j]
z[j] = leaky_relu(a[j], slope=0.1)
s[k] = softmax(k, sum(j, v[k,j]*f(z[j], 2)))
L = cross_entropy(k, t[k], s[k]) + mean(j, g(z[j])**2) + max(0, b[1])
assume onehot(k, t[k])
minimize L over w, b
predict s""",
    """index i = 1..2
x1[0] = 1; x1[i] = 2*u[i]
index t = 1..T, s = 1..T
y[t] = sum(s, softmax(s = 1..t, q[t,s])*c[s])
z = sum(k, 0, 2, x1[k]) + Sum(p[n], (n, 1, 4)) + prod(i, [i > 0]*w[2*i + 1])
h[t] = where(t > 1, r[t-1], 0)
J = z**2/2""",
    """size P = floor((R - K)/S) + 1
integer tok[s] in 0..V-1
parameter E[v, d], W[k]
index s = 1..T, d = 1..M, p = 0..P-1, k = 0..K-1, v = 0..V-1, r = 0..R-1
constant integer S = 2
input h[r]
zero outside h[r]
e[s,d] = E[tok[s],d]
c[p] = sum(k, W[k]*h[p*S + k - 1])
L = sum(s, d, e[s,d]) + sum(p, c[p])
""",
)


@pytest.mark.parametrize("text", CORPUS)
def test_the_corpus_itself_is_read(text: str) -> None:
    assert parse(text).equations


@pytest.mark.parametrize("seed", range(6))
def test_damaged_texts_are_read_or_refused(seed: int) -> None:
    """Exchange, drop and add pieces: only an error of ours may come out, and what is read prints and reads back."""
    chance = random.Random(seed)
    piece = re.compile(r"\s+|\w+|\.\.|\*\*|.", re.DOTALL)
    pool = [found for text in CORPUS for found in piece.findall(text)]
    for _ in range(80):
        pieces = piece.findall(chance.choice(CORPUS))
        for _ in range(chance.choice((1, 1, 2, 3))):
            place = chance.randrange(len(pieces))
            pieces[place] = chance.choice(("", chance.choice(pool), pieces[place] + chance.choice(pool)))
        text = "".join(pieces)
        error = error_of(parse, text)
        if error is not None:
            assert error.line is not None, text
            assert "^" in str(error)
            continue
        network = parse(text)
        for equation in network.equations:
            assert parse_expression(str(equation.expression), network) == equation.expression, text


def test_limits_are_told_with_their_number() -> None:
    with pytest.raises(NotationError, match=f"at most {LONGEST_TEXT} are read"):
        parse("x" * (LONGEST_TEXT + 1))
