"""Whatever is handed over in the wrong form is answered by an exception of ours that shows the right one."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symprop
from symprop.arguments import Named
from symprop.errors import (
    DeclarationError,
    IndexNotationError,
    NotationError,
    OptionError,
    ShapeError,
    SympropError,
    UnknownNameError,
    ValueOutsideDomainError,
)

NET = symprop.parse("input x[i]; target t; parameter w[i], c; y = sum(i, w[i]*x[i]) + c; L = (y - t)**2; predict y")
CLASSES = symprop.parse(
    "index k = 1..K; input x; target t[k]; parameter w[k]; p[k] = softmax(k, w[k]*x); L = cross_entropy(k, t[k], p[k])"
)
X = np.random.default_rng(0).normal(size=(20, 3))
T = X.sum(axis=1)
DATA = {"x": X, "t": T}


class Frame:
    """What data frames and series have in common."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def to_numpy(self) -> Any:
        return self.values


def fit(data: Any = DATA, *further: Any, net: Any = NET, **options: Any) -> Any:
    return symprop.fit(net, data, *further, **{"epochs": 1, "target": "numpy", **options})


def functions() -> Any:
    return symprop.compile(NET, target="numpy")


def parameters() -> dict[str, np.ndarray]:
    return {"w": np.ones(3), "c": np.zeros(())}


def derivation() -> Any:
    return symprop.derive(NET)


def at_2() -> Any:
    return symprop.evaluate("y = sum(i, x[i]**2)", {"x": [1, 2]})


BY_NAME = 'Write symprop.fit(net, {"x": ..., "t": ...})'
FILE = 'symprop.read("mpg.net")'

WRONG: list[tuple[str, Callable[[], object], type[SympropError], str]] = [
    ("fit(net, X, t)", lambda: fit(X, T), OptionError, BY_NAME),
    ("fit(net, (X, t))", lambda: fit((X, T)), OptionError, BY_NAME),
    ("fit(net, path)", lambda: fit("heart.csv"), OptionError, "symprop train NETWORK heart.csv"),
    ("fit of a file", lambda: fit(net="mpg.net"), NotationError, FILE),
    ("fit of a path", lambda: fit(net=Path("mpg.net")), NotationError, FILE),
    ("fit of a list", lambda: fit(net=[]), NotationError, "not a list"),
    ("rows of different length", lambda: fit({"x": [[1, 2], [3]], "t": [1, 2]}), ShapeError, "rows of x differ"),
    ("texts", lambda: fit({"x": [["a", "b"]], "t": [1]}), ValueOutsideDomainError, "0/1 columns"),
    ("a frame of texts", lambda: fit({"x": Frame(np.array([["a"]], object)), "t": [1]}), ValueOutsideDomainError, ""),
    ("no target", lambda: fit({"x": X}), ShapeError, "lack 't'"),
    ("an unknown optimizer", lambda: fit(optimizer="adan"), OptionError, "Did you mean 'adam'?"),
    ("an optimizer that is no text", lambda: fit(optimizer=3), OptionError, "such as 'adam'"),
    ("an unknown dtype", lambda: fit(dtype="f8"), OptionError, "one of float64, float32"),
    ("an unknown target", lambda: fit(target="numbo"), OptionError, "Did you mean 'numba'?"),
    ("sizes that are no mapping", lambda: fit(sizes=3), OptionError, 'sizes={"H": 16}'),
    ("a size that is a text", lambda: fit(sizes={"n_i": "a"}), ShapeError, "positive integer"),
    ("parameters that are no mapping", lambda: fit(parameters=[1]), OptionError, "by name"),
    ("hyperparameters that are no mapping", lambda: fit(hyperparameters=3), OptionError, "by name"),
    ("held-out examples as a pair", lambda: fit(validation=(X, T)), OptionError, 'validation={"x": ..., "t": ...}'),
    ("class numbers", lambda: fit({"x": T, "t": np.arange(20) % 3}, net=CLASSES), ShapeError, "numpy.eye(K)[t]"),
    ("predict(X)", lambda: fit().predict(X), OptionError, "by name"),
    ("predict of nothing", lambda: fit().predict({}), ShapeError, 'Give {"x": ...}'),
    ("forward(p, X)", lambda: functions().forward(parameters(), X), OptionError, "by name"),
    ("forward(X, ...)", lambda: functions().forward(X, DATA), OptionError, "initialize()"),
    ("complex numbers", lambda: functions().forward(parameters(), {"x": 1j * X}), ValueOutsideDomainError, "real"),
    ("a seed that is a text", lambda: functions().initialize("a"), OptionError, "seed is 'a'"),
    ("a gradient that was not asked for", lambda: derivation().gradients["x"], UnknownNameError, "wrt='x'"),
    ("an unknown adjoint", lambda: derivation().adjoints["yy"], UnknownNameError, "Did you mean 'y'?"),
    ("an adjoint of an input", lambda: derivation().adjoints["x"], UnknownNameError, "wrt='x'"),
    ("a Hessian by an unknown name", lambda: derivation().hessian("Q"), UnknownNameError, "Known: w, c."),
    ("a product with it", lambda: derivation().hessian_vector_product("Q"), UnknownNameError, "Known: w, c."),
    ("derive of a file", lambda: symprop.derive("mpg.net"), NotationError, FILE),
    ("derive of a file in a folder", lambda: symprop.derive("a/b"), NotationError, 'symprop.read("a/b")'),
    ("derive of a number", lambda: symprop.derive(3), NotationError, "not 3"),  # type: ignore[arg-type]
    ("a mode", lambda: symprop.derive(NET, mode="revers"), OptionError, "Did you mean 'reverse'?"),
    ("wrt of no names", lambda: symprop.derive(NET, wrt=[]), OptionError, "Leave it out"),
    ("wrt of numbers", lambda: symprop.derive(NET, wrt=[3]), OptionError, 'wrt=["w", "b"]'),  # type: ignore[list-item]
    ("of a number", lambda: symprop.derive(NET, of=3), NotationError, 'of="y"'),  # type: ignore[arg-type]
    ("a notation", lambda: derivation().to_text(notation="indx"), OptionError, "Did you mean 'index'?"),
    ("a detail", lambda: derivation().to_html(detail="ful"), OptionError, "Did you mean 'full'?"),
    ("sizes of a derivation", lambda: derivation().to_text(notation="scalar", sizes=3), OptionError, "by name"),
    ("a language", lambda: symprop.generate(NET, target="nump"), OptionError, "Did you mean 'numpy'?"),
    ("compile of a file", lambda: symprop.compile("mpg.net"), NotationError, FILE),
    ("parse of a file", lambda: symprop.parse("mpg.net"), NotationError, FILE),
    ("read of a text", lambda: symprop.read("y = x**2"), OptionError, "symprop.parse"),
    ("read of a number", lambda: symprop.read(3), OptionError, "not by 3"),  # type: ignore[arg-type]
    ("load of a number", lambda: symprop.load(3), OptionError, "not by 3"),  # type: ignore[arg-type]
    ("save to a number", lambda: fit().save(3), OptionError, "not by 3"),
    ("values without names", lambda: symprop.evaluate(NET, 3), OptionError, "by name"),  # type: ignore[arg-type]
    ("a value by number", lambda: symprop.evaluate(NET, {3: 1}), OptionError, "3 is no name"),  # type: ignore[dict-item]
    ("an unknown value", lambda: at_2().values["q"], UnknownNameError, "Known: y, x."),
    ("an unknown shown value", lambda: at_2()["q"], UnknownNameError, "Known: y, x."),
    ("an unknown component", lambda: at_2().values["x"][7], UnknownNameError, "from [1] to [2]"),
    ("claims that are no text", lambda: symprop.check(NET, 3), NotationError, "is a text, not 3"),  # type: ignore[arg-type]
    ("fit(lr=...)", lambda: symprop.fit(NET, DATA, lr=0.1), OptionError, "Did you mean 'learning_rate'?"),  # type: ignore[call-arg]
    ("fit(n_epochs=...)", lambda: fit(n_epochs=3), OptionError, "Did you mean 'epochs'?"),
    ("fit(patience=...)", lambda: fit(patience=3), OptionError, "Did you mean 'early_stopping'?"),
    ("fit(beta1=...)", lambda: fit(beta1=0.9), OptionError, 'hyperparameters={"beta1": 0.9}'),
    ("fit(net)", lambda: symprop.fit(NET), OptionError, "Write fit(net, data, ...)."),  # type: ignore[call-arg]
    ("fit()", lambda: symprop.fit(), OptionError, "fit lacks net and data"),  # type: ignore[call-arg]
    ("fit(net, x=X, t=T)", lambda: symprop.fit(NET, x=X, t=T), OptionError, 'fit(net, {"x": x, ...})'),  # type: ignore[call-arg]
    ("fit(data, net)", lambda: symprop.fit(DATA, NET), NotationError, "The network comes first"),  # type: ignore[arg-type]
    ("data twice", lambda: symprop.fit(NET, DATA, data=DATA), OptionError, "'data' twice"),  # type: ignore[misc]
    ("too many by position", lambda: symprop.fit(NET, DATA, *range(9)), OptionError, "takes 10 arguments"),
    ("a hyperparameter that is a text", lambda: fit(hyperparameters={"beta1": "x"}), OptionError, "beta1 is 'x'"),
    ("a seed below 0", lambda: symprop.runtime.fit.split(9, 0.2, -1), OptionError, "seed is -1"),
    ("a seed that is too large", lambda: fit(seed=2**70), OptionError, "below 2**63"),
    ("a size of 0", lambda: fit(sizes={"n_i": 0}), ShapeError, "positive integer"),
    ("an example without its axis", lambda: fit({"x": X[0], "t": T}), ShapeError, "(3,), expected axes (N, i)"),
    ("a missing array", lambda: fit({"x": X, "t": None}), ValueOutsideDomainError, "the array for t is None"),
    ("a missing number", lambda: fit({"x": X, "t": [1, None]}), ValueOutsideDomainError, "position (1,): it is None"),
    ("an array that is a set", lambda: fit({"x": X, "t": {1}}), ValueOutsideDomainError, "an array or a list"),
    ("a parameter that is a text", lambda: fit(parameters={"w": "a"}), ValueOutsideDomainError, "the array for w"),
    ("a parameter that is not finite", lambda: fit(parameters={"w": [1, np.nan]}), ValueOutsideDomainError,
     "nan at position (1,)"),
    ("a gradient at one", lambda: functions().gradient({"w": [1, 2, np.inf], "c": 0}, DATA), ValueOutsideDomainError,
     "(2,)"),
    ("gradient(data)", lambda: functions().gradient(DATA), OptionError, "gradient(parameters, data)"),
    ("predict(x=X)", lambda: fit().predict(x=X), OptionError, 'predict({"x": x, ...})'),
    ("save()", lambda: fit().save(), OptionError, "save(path)"),
    ("compile(size=...)", lambda: symprop.compile(NET, size={}), OptionError, "Did you mean 'sizes'?"),  # type: ignore[call-arg]
    ("compile(of=3)", lambda: symprop.compile(NET, of=3), NotationError, 'of="y"'),  # type: ignore[arg-type]
    ("generate(language=...)", lambda: symprop.generate(NET, language="c"), OptionError, "Did you mean 'target'?"),  # type: ignore[call-arg]
    ("generate of an unknown size", lambda: symprop.generate(NET, sizes={"q": 1}), DeclarationError, "no size 'q'"),
    ("derive(by=...)", lambda: symprop.derive(NET, by="w"), OptionError, "Did you mean 'wrt'?"),  # type: ignore[call-arg]
    ("to_text(notatoin=...)", lambda: derivation().to_text(notatoin="x"), OptionError, "Did you mean 'notation'?"),
    ("evaluate(at=...)", lambda: symprop.evaluate(NET, at={}), OptionError, "Did you mean 'values'?"),  # type: ignore[call-arg]
    ("evaluate of None", lambda: symprop.evaluate(NET, {"x": None}), ShapeError, "it is None"),
    ("evaluate of 1/0", lambda: symprop.evaluate("y = 1/x", {"x": "1/0"}), ValueOutsideDomainError, "the value of x"),
    ("a value twice", lambda: symprop.evaluate(NET, {"x[1]": 1, "x": [1, 2]}), DeclarationError, "given twice"),
    ("a component at a text", lambda: symprop.evaluate(NET, {"x": {"a": 2}}), IndexNotationError, "which is no index"),
    ("an unknown name", lambda: symprop.evaluate(NET, {"q": 1}), DeclarationError, "It has x, t, w, c, y, L."),
    ("check(net)", lambda: symprop.check(NET), OptionError, "check lacks claims"),  # type: ignore[call-arg]
    ("check of a file", lambda: symprop.check(NET, "mine.txt"), NotationError, "symprop check NETWORK mine.txt"),
    ("a seed of check", lambda: symprop.check(NET, "dL/dc = 0", seed="a"), OptionError, "seed is 'a'"),  # type: ignore[arg-type]
    ("equal(x)", lambda: symprop.equal("x"), OptionError, "equal lacks right"),  # type: ignore[call-arg]
    ("load(filename=...)", lambda: symprop.load(filename="a"), OptionError, "Did you mean 'path'?"),  # type: ignore[call-arg]
    ("parse()", lambda: symprop.parse(), OptionError, "parse(text)"),  # type: ignore[call-arg]
    ("from_sympy(minimise=...)", lambda: symprop.from_sympy([], minimise="L"), OptionError, "Did you mean 'minimize'?"),  # type: ignore[call-arg]
    ("expressions that are no text", lambda: symprop.equal(3, "x"), NotationError, "not 3"),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_argument_is_answered_with_the_right_form(
    call: Callable[[], object], error: type[SympropError], words: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert words in str(caught.value)


def test_a_verb_of_another_library_is_recognised() -> None:
    with pytest.raises(AttributeError, match="did you mean 'fit'"):
        symprop.train  # noqa: B018


def test_excerpts_do_not_point_at_the_network_when_a_value_is_at_fault() -> None:
    with pytest.raises(ValueOutsideDomainError) as caught:
        symprop.evaluate("y = 1/x", {"x": "1/0"})
    assert "line" not in str(caught.value)


def test_a_declared_size_holds_against_arrays_and_may_be_given_otherwise() -> None:
    net = (
        "size K = 3; index k = 1..K; input x; target t[k]; parameter w[k]; p[k] = softmax(k, w[k]*x); "
        "L = cross_entropy(k, t[k], p[k])"
    )
    data = {"x": T, "t": np.eye(4)[np.arange(20) % 4]}
    wanted = r"extents \(3,\) for each example\n  K = 3 is declared .* --size K=4, or sizes={\"K\": 4}"
    with pytest.raises(ShapeError, match=wanted):
        fit(data, net=net)
    assert fit(data, net=net, sizes={"K": 4}).parameters["w"].shape == (4,)
    double = net.replace("size K = 3", "size P = 2; size K = P + 1")
    with pytest.raises(ShapeError, match=r"K = 3 follows from size K = P \+ 1"):
        fit(data, net=double)
    assert fit(data, net=double, sizes={"P": 3}).parameters["w"].shape == (4,)


def test_lists_frames_and_columns_are_arrays_too() -> None:
    expected = fit().parameters["w"]
    for data in (
        {"x": X.tolist(), "t": T.tolist()},
        {"x": Frame(X), "t": Frame(T)},
        {"x": Frame(X.astype(object)), "t": Frame(T)},
        {"x": X, "t": T.reshape(-1, 1)},
    ):
        assert fit(data).parameters["w"].tolist() == expected.tolist()


def test_lines_may_be_given_one_by_one() -> None:
    report = symprop.check(NET, ["dL/dc = 2*(y - t)", "dL/dc = y - t"])  # type: ignore[arg-type]
    assert [line.verdict for line in report.lines] == ["proved", "refuted"]


def test_results_by_name_are_mappings_like_any_other() -> None:
    gradients = derivation().gradients
    assert "x" not in gradients
    assert gradients.get("x") is None
    assert list(gradients) == ["w", "c"]
    with pytest.raises(KeyError):
        gradients["x"]
    with pytest.raises(DeclarationError):
        gradients["x"]
    copy = pickle.loads(pickle.dumps(Named("value of", {"a": 1}, "Ask for it.")))
    with pytest.raises(UnknownNameError, match=r"there is no value of 'b'\n  Known: a\. Ask for it\."):
        copy["b"]
