"""symprop: backpropagation derived symbolically, printed step by step, checked, and generated as fast code.

>>> import symprop
>>> net = symprop.parse("input x; parameter w; y = tanh(w*x); L = y**2")
>>> str(symprop.derive(net).gradients["w"])  # doctest: +SKIP
'2*x*y*(1 - y**2)'

Importing this module imports neither sympy nor numba nor lark: each verb brings what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symprop.declaration import layers
    from symprop.declaration.from_sympy import from_sympy
    from symprop.errors import (
        DeclarationError,
        DivergenceError,
        IndexNotationError,
        MissingRuleError,
        NotationError,
        OptionError,
        ShapeError,
        SympropError,
        TableError,
        UnknownNameError,
        ValueOutsideDomainError,
    )
    from symprop.pipeline import check, compile, derive, equal, evaluate, expression, generate, parse, read
    from symprop.runtime.fit import fit, load

__version__ = "0.1.0"

__all__ = [
    "DeclarationError",
    "DivergenceError",
    "IndexNotationError",
    "MissingRuleError",
    "NotationError",
    "OptionError",
    "ShapeError",
    "SympropError",
    "TableError",
    "UnknownNameError",
    "ValueOutsideDomainError",
    "check",
    "compile",
    "derive",
    "equal",
    "evaluate",
    "expression",
    "fit",
    "from_sympy",
    "generate",
    "layers",
    "load",
    "parse",
    "read",
]

# What other libraries call a verb of ours.
OTHER_WORDS = {
    "backprop": "derive", "backward": "derive", "differentiate": "derive", "diff": "derive", "grad": "derive",
    "gradient": "derive", "jit": "compile", "judge": "check", "lambdify": "compile", "network": "parse",
    "open": "read", "train": "fit", "verify": "check",
}  # fmt: skip

# Of what is neither an exception nor in the pipeline.
_HOMES = {
    "fit": "symprop.runtime.fit",
    "from_sympy": "symprop.declaration.from_sympy",
    "load": "symprop.runtime.fit",
}


def __getattr__(name: str) -> Any:
    """Bring a public name from the module that holds it, at first use."""
    if name not in __all__:
        from symprop.errors import nearest

        close = OTHER_WORDS.get(name.lower()) or nearest(name, __all__)
        raise AttributeError(
            f"module 'symprop' has no attribute '{name}'" + (f"; did you mean '{close}'?" if close else "")
        )
    if name == "layers":
        value: Any = import_module("symprop.declaration.layers")
    else:
        home = "symprop.errors" if name.endswith("Error") else _HOMES.get(name, "symprop.pipeline")
        value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
