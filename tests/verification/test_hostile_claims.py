"""Claims that nobody means well with: nothing is executed, time and memory are bounded, other lines are judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import symprop

ROOT = Path(__file__).parents[2]
NETWORK = """
index i = 1..D
input x[i]
target t
parameter w[i], b
y = sum(i, w[i]*x[i]) + b
L = (y - t)**2/2
"""
BEFORE, AFTER = "dL/db = y - t", "dL/dw[i] = (t - y)*x[i]"
SECONDS = 20.0  # of processor time for a text; 5 s on a quiet machine
MEGABYTES = 1000
MILLION = 1_000_000

# Judges each text of a list (JSON on standard input) and prints what it found, in a process of its own.
CHILD = f"""
import json, resource, signal, sys, time
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
import symprop
network = symprop.parse({NETWORK!r})
symprop.check(network, {BEFORE!r} + chr(10) + {AFTER!r})
def refuse(event, arguments):
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"):
        raise SystemExit("executed: " + event)
    if event == "open" and str(arguments[0]).startswith(("/etc", "pwned")):
        raise SystemExit("opened")
sys.addaudithook(refuse)
for text in json.load(sys.stdin):
    start = time.process_time()
    signal.alarm({int(6 * SECONDS)})
    report = symprop.check(network, text)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    lines = [(line.claim, line.verdict, line.error) for line in report.lines]
    report.to_text()
    print(json.dumps([seconds, peak, lines[0], lines[-1], lines[1:-1]]))
"""

CODE = {
    "an import": "dL/dy = __import__('os').system('touch pwned')",
    "eval": "dL/dy = eval(y)",
    "exec in brackets": "dL/dy = (exec)(y)",
    "attributes": "dL/dy = y.__class__.__mro__[1].__subclasses__()",
    "a format string": "dL/dy = '{0.__class__}'.format(y)",
    "a percent format": "dL/dy = %s%n%x*y",
    "an f-string": "dL/dy = f\"{open('pwned')}\"",
    "a lambda": "dL/dy = (lambda: y)()",
    "a template": "{{ ''.__class__ }} {% raw %}",
    "markup": "<script>alert(1)</script>",
    "input": r"\input{/etc/passwd}",
    "input in a formula": r"\frac{\partial L}{\partial y} = \input{/etc/passwd}",
    "write18": r"\frac{\partial L}{\partial y} = \write18{touch pwned}",
    "immediate": r"\immediate\write18{touch pwned}",
    "a command that calls itself": r"\def\x{\x\x}\x",
    "catcode": r"\catcode`\@=11 \frac{\partial L}{\partial y} = y",
    "NUL": "dL/dy = y\0 - t",
    "a change of direction": "dL/dy = y \u202e- t",
    "an isolate": "dL/dy = y \u2066- t\u2069",
    "an invisible blank": "dL/dy = y\u200b - t",
    "an escape": "dL/dy = \x1b[2J y",
}
NUMBERS = {
    "a tower": "dL/dy = 9**9**9**9**9",
    "a tower of y": "dL/dy = y**y**y**y**y**y**y**y",
    "an enormous power": "dL/dy = (1 + y)**(10**9)",
    "an enormous negative power": "dL/dy = y**(-99999999999999999999)",
    "a power that would be expanded": "dL/dy = (y + t + b + 1)**500",
    "powers of powers of sums": "dL/dy = ((((y + t)**20 + b)**20 + 1)**20 + t)**20",
    "an exponent in a number": "dL/dy = 1e999999999*y",
    "exponentials in each other": "dL/dy = exp(exp(exp(exp(exp(10 + y**2)))))",
    "the sine of a tower": "dL/dy = sin(exp(exp(exp(exp(5 + y**2)))))",
    "a large sum": "dL/dy = sum(k = 1..1000000000, sin(k*y))",
    "a larger sum": "dL/dy = sum(k = 1..10**12, y)",
    "a sum to a power of a size": "dL/dy = sum(k = 1..2**(D*10), sin(k*y))",
    "a sum over a tower": "dL/dy = sum(k = 1..9**9**9, y)",
    "a large product": "dL/dy = prod(k = 1..1000000, y)",
    "sums in sums": "dL/dy = sum(k = 1..1000, sum(l = 1..1000, sum(m = 1..1000, sin(k*l*m*y))))",
    "thirty sums over i": "dL/dy = " + "sum(i, " * 30 + "y" + ")" * 30,
    "a far index": "dL/dy = x[10**15]",
    "an update": "w[i] <- w[i] - 10**(10**9)*D(L, w[i])",
    "many fractions": "dL/dy = " + " + ".join(f"1/(y + {n})" for n in range(1, 150)),
    "many factors": "dL/dy = " + "*".join(f"(y + {n}*t + b**2)" for n in range(1, 40)),
    "doubling definitions": "\n".join(f"d{n} = sin(d{n - 1}) + d{n - 1}**2" if n else "d0 = y" for n in range(60)),
    "a definition by itself": "q = q + 1",
}
# Limits that 64 bits do not hold.
HUGE_SUMS = {
    "a sum beyond 64 bits": "dL/dy = sum(k = 1..10**100, sin(k)*y)",
    "a count beyond 64 bits": "dL/dy = (y - t)*sum(k = 1..2**64 + 1, 1)",
    "a bracket in a large sum": "dL/dy = (y - t)*sum(k = 1..10**20, [k == 10**19])",
}
SHAPES = {
    "90 brackets": "dL/dy = " + "(" * 90 + "y + t" + ")" * 90,
    "100,000 brackets": "dL/dy = " + "(" * 100_000 + "y" + ")" * 100_000,
    "100,000 opened brackets": "dL/dy = " + "(" * 100_000,
    "100,000 signs": "dL/dy = " + "-" * 100_001 + "y",
    "95 sines": "dL/dy = " + "sin(" * 95 + "y" + ")" * 95,
    "80 fractions in LaTeX": r"\frac{\partial L}{\partial y} = " + r"\frac{1}{1+" * 80 + "y" + "}" * 80,
    "100,000 braces in LaTeX": r"\frac{\partial L}{\partial y} = " + "{" * 100_000 + "y" + "}" * 100_000,
    "90 guards": "dL/dy = " + "where(y > 0, " * 90 + "y" + ", 0)" * 90,
    "40 derivatives": "dL/dy = " + "diff(" * 40 + "sin(y**2)*exp(y)" + ", y)" * 40,
    "indices in indices": "dL/dy = x[" + "x[" * 80 + "1" + "]" * 81,
    "lists in lists": "at x = " + "[" * 5000 + "]" * 5000,
    "a long chain": " = ".join(["y"] * 5000),
    "5 MB of blanks": "dL/dy = " + " " * 5 * MILLION + "y - t",
    "5 MB of digits": "dL/dy = " + "1" * 5 * MILLION,
    "5 MB of terms": "dL/dy = " + "+".join(["y"] * (2 * MILLION + MILLION // 2)),
    "5 MB of brackets": "dL/dy = " + "(" * 5 * MILLION,
    "5 MB of one name": "dL/dy = " + "y" * 5 * MILLION,
    "5 MB of prose": "lorem ipsum " * (5 * MILLION // 12),
    "5 MB of equal signs": "dL/dy " + "=" * 5 * MILLION,
    "5 MB of Greek": "dL/dy = " + "α" * (5 * MILLION // 2),
}
# The last line too is to be judged, whatever the long one is taken for.
LONG_LATEX = {
    "5 MB of LaTeX": r"\frac{\partial L}{\partial y} = " + r"\alpha " * (5 * MILLION // 7),
    "5 MB of dollars": "$" * 5 * MILLION,
    "5 MB of backslashes": "\\" * 5 * MILLION,
    "begins without end": r"\begin{align}" * 1000,
}


def judge(texts: dict[str, str]) -> None:
    """Judge each text between two ordinary lines, one process for all of them."""
    given = [f"{BEFORE}\n{text}\n{AFTER}\n" for text in texts.values()]
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=600,
    )
    answers = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(answers) == len(texts), (list(texts)[len(answers)], child.returncode, child.stderr[-500:])
    for name, (seconds, peak, first, last, middle) in zip(texts, answers, strict=True):
        assert first[:2] == [BEFORE, "proved"], name
        assert last[:2] == [AFTER, "refuted"], name
        assert seconds < SECONDS, (name, seconds)
        assert peak < MEGABYTES, (name, peak)
        for _, verdict, error in middle:
            assert verdict in ("proved", "agrees", "refuted", "undecided") or error, name
            told = error or ""
            assert len(told) < 1_500, name
            assert all(character.isprintable() or character == "\n" for character in told), name


def in_one_file(texts: list[str]) -> str:
    return f"\n{BEFORE}\n".join(texts)


def test_no_code_is_executed_and_the_other_lines_are_judged() -> None:
    few = {name: NUMBERS[name] for name in ("a tower", "an enormous power", "a large sum")}
    plain = [text for text in CODE.values() if "\\" not in text]
    judge({**CODE, **few, "in one file": in_one_file([*plain, SHAPES["5 MB of digits"]])})


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMBERS)
def test_large_numbers_take_bounded_time_and_memory(name: str) -> None:
    judge({name: NUMBERS[name]})


@pytest.mark.slow
@pytest.mark.parametrize("name", HUGE_SUMS)
def test_sums_beyond_64_bits_take_bounded_time_and_memory(name: str) -> None:
    judge({name: HUGE_SUMS[name]})


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_deep_and_long_lines_take_bounded_time_and_memory(name: str) -> None:
    judge({name: SHAPES[name]})


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_LATEX)
def test_long_lines_of_latex_cost_only_themselves(name: str) -> None:
    judge({name: LONG_LATEX[name]})


@pytest.mark.slow
def test_every_hostile_line_of_one_file_costs_only_itself() -> None:
    every = [*CODE.values(), *list(NUMBERS.values())[:6], SHAPES["100,000 brackets"], SHAPES["5 MB of digits"]]
    judge({"in one file": in_one_file(every)})


def test_among_latex_a_line_that_nobody_can_read_costs_only_itself() -> None:
    network = symprop.parse("parameter w; input x; target t; y = w*x; L = (y - t)**2/2")
    lines = [
        r"\frac{\partial L}{\partial y} = y - t",
        "x\0y = 3",
        r"\delta = " + "x" * 50_000,
        r"\frac{\partial L}{\partial w} = (t - y) x",
        "z\u202e = 2",
    ]
    for ends in ("\n", "\r\n"):
        report = symprop.check(network, ends.join(lines))
        assert [line.verdict for line in report.lines] == ["proved", None, None, "refuted", None]
        assert [line.line for line in report.lines] == [1, 2, 3, 4, 5]
