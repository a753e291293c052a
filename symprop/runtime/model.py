"""The model file: everything that a trained network needs to predict again, in one ``.npz`` without pickled objects.

===================  ==========================================================================
``description``      a JSON text: format, network, sizes, options, history, preparation of columns
``parameter/W``      the array of parameter W, float64 or float32
``parameter/w/0``    the first array of a ragged parameter (a list of arrays)
===================  ==========================================================================
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symprop import arguments
from symprop.errors import OptionError

FORMAT = "symprop model 1"
PREFIX = "parameter/"


@dataclass(frozen=True)
class Model:
    """What a model file holds.

    Attributes
    ----------
    network : str
        The text of the network.
    parameters : mapping of str to array or list of arrays
        As the network declares them.
    sizes : mapping of str to int (or list of int)
        Value of each size name.
    options : mapping
        How it was trained.
    history : mapping of str to list of float
        Objective after each epoch, and whatever else was recorded by epoch.
    preparation : mapping or None
        How columns of a table become inputs, as plain lists and dicts; None if arrays were given.
    """

    network: str
    parameters: Mapping[str, Any]
    sizes: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Any] = field(default_factory=dict)
    preparation: Mapping[str, Any] | None = None


def save(path: str | Path, model: Model) -> Path:
    """Write the model file; a file that was there before is replaced as a whole or not at all.

    Raises
    ------
    OptionError
        If the file cannot be written.
    """
    import numpy as np

    path = arguments.path(path)
    arrays: dict[str, Any] = {}
    for name, value in model.parameters.items():
        if isinstance(value, list | tuple):
            arrays.update({f"{PREFIX}{name}/{number}": np.asarray(part) for number, part in enumerate(value)})
        else:
            arrays[f"{PREFIX}{name}"] = np.asarray(value)
    description = {
        "format": FORMAT,
        "network": model.network,
        "sizes": dict(model.sizes),
        "options": dict(model.options),
        "history": dict(model.history),
        "preparation": model.preparation,
    }
    arrays["description"] = np.array(json.dumps(description))
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)  # mkstemp gives files to their owner alone
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise OptionError(f"{path} cannot be written: {error.strerror}") from None
    return path


def load(path: str | Path) -> Model:
    """Return what the model file holds.

    Raises
    ------
    OptionError
        If there is no such file, or it is not a model file.
    """
    import numpy as np

    path = arguments.path(path)
    parameters: dict[str, Any] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            description = json.loads(str(file["description"]))
            if description["format"] != FORMAT:
                raise OptionError(f"{path} is '{description['format']}'; this version reads '{FORMAT}'")
            for key in file.files:
                if key.startswith(PREFIX):
                    name, _, number = key.removeprefix(PREFIX).partition("/")
                    if number:
                        parameters.setdefault(name, {})[int(number)] = file[key]
                    else:
                        parameters[name] = file[key]
            return Model(
                description["network"],
                {
                    name: [value[number] for number in sorted(value)] if isinstance(value, dict) else value
                    for name, value in parameters.items()
                },
                description["sizes"],
                description["options"],
                description["history"],
                description["preparation"],
            )
    except FileNotFoundError:
        raise OptionError(f"there is no file {path}") from None
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        raise OptionError(
            f"{path} is not a model file of symprop", hint="Write one with: symprop train NETWORK DATA.csv -o model.npz"
        ) from None
