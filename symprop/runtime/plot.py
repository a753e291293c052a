"""The learning curve of a trained model: its objective by epoch, in training and on the examples held out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symprop import arguments
from symprop.arguments import is_number
from symprop.errors import OptionError, SympropError
from symprop.runtime import model

# What each list of a history is called in the legend; the second one stops early.
CURVES = {"objective": "training (mean over the batches of an epoch)", "validation": "validation (after the epoch)"}

PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Record:
    """What is drawn.

    Attributes
    ----------
    curves : mapping of str to list of float
        The objective after each epoch, by a key of `CURVES`; of several objectives the later ones with their names
        behind it, ``objective LG``.
    objective : str
        What it is called, for the axis.
    kept : int
        The epoch, counted from 1, whose parameters were kept; 0 if that is not known.
    """

    curves: Mapping[str, list[float]]
    objective: str = "objective"
    kept: int = 0


def record(path: str | Path) -> Record:
    """Return the history in a model file, or in a JSON file of lists by name.

    Raises
    ------
    OptionError
        If there is no such file, or no history in it.
    """
    path = arguments.path(path)
    if path.suffix.lower() == ".json":
        try:
            history: Any = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise OptionError(f"there is no file {path}") from None
        except (OSError, ValueError):
            raise OptionError(f"{path} cannot be read as JSON") from None
        found = Record(_curves(history))
    else:
        stored = model.load(path)
        found = Record(_curves(stored.history), _axis(stored.network), int(stored.options.get("kept", 0)))
    if not found.curves:
        raise OptionError(
            f"{path} holds no history", hint='A history is {"objective": [...], "validation": [...]}, by epoch.'
        )
    return found


def _curves(history: Any) -> dict[str, list[float]]:
    given = history if isinstance(history, Mapping) else {}
    return {
        name: list(values)
        for kind in CURVES
        for name, values in given.items()
        if str(name).partition(" ")[0] == kind and isinstance(values, list) and values and all(map(is_number, values))
    }


def _axis(network: str) -> str:
    from symprop.declaration.parser import parse

    try:
        objectives = parse(network).objectives
    except SympropError:  # a network that was made in Python has no text
        objectives = ()
    return ", ".join(f"{objective.name} (to {objective.sense})" for objective in objectives) or "objective"


def learning_curve(drawn: Record, path: str | Path) -> Path:
    """Write a picture of the curves; its ending tells the form. Return where it stands.

    Raises
    ------
    OptionError
        If matplotlib is not installed, the form is unknown, or the file cannot be written.
    """
    path = arguments.path(path)
    if path.suffix.lower() not in PICTURES:
        raise OptionError(f"{path}: a picture is written as {', '.join(PICTURES)}")
    try:
        from matplotlib.figure import Figure  # without pyplot: no window system is looked for
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise OptionError(
            "pictures are drawn by matplotlib, which is not installed", hint="Install it: pip install 'symprop[plot]'"
        ) from None
    figure = Figure(figsize=(7, 4.3), layout="constrained")
    axes = figure.add_subplot()
    several = any(" " in name for name in drawn.curves)
    for number, (name, values) in enumerate(drawn.curves.items()):
        epochs = range(1, len(values) + 1)
        kind, _, of = name.partition(" ")
        label = f"{of or drawn.objective.partition(' ')[0]}, {CURVES[kind]}" if several else CURVES[kind]
        axes.plot(epochs, values, label=label, color=f"C{number}", marker="." if len(values) < 30 else None)
    if drawn.kept:
        axes.axvline(drawn.kept, color="gray", linewidth=1, linestyle=":", label=f"kept: epoch {drawn.kept}")
    axes.set_xlabel("epoch")
    axes.set_ylabel(drawn.objective)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(framealpha=1)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise OptionError(f"{path} cannot be written: {error.strerror}") from None
    return path
