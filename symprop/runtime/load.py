"""Compiled functions of a network: from its text to callables, through a module on disk.

The interface, for whoever builds on it (`runtime.fit` does)::

    functions = compile(network_or_text, sizes={"H": 16}, dtype="float64", target="numba", reduction="mean",
                        optimizer=None, wrt=None, of=None)

    functions.metadata                        # Metadata: roles, axes, sizes, hyperparameters, objective, sense, predictions
    functions.sizes_of(parameters, data)      # {"N": 303, "D": 13, "H": 16}: from the arrays and `sizes`; raises ShapeError
    functions.initialize(seed=0, data=None)   # {name: array}; `data` supplies the sizes that were not given
    functions.forward(parameters, data)       # {name: array}: every defined quantity, and the objective by its name
    functions.gradient(parameters, data)      # (objective, {name: array}), derivatives of the objective as written
    functions.objective(parameters, data)     # the objective alone, over all examples given

``data`` holds inputs and targets, the examples as first axis unless the network declares a batch index (then that
axis, wherever it stands).  A hyperparameter may be given in ``data`` too; otherwise its default holds.  What the objective does not need
(the target when predicting) may be missing in `forward`: then only what can be computed comes back.

Training works on flat arrays, inside one compiled function::

    training = functions.start(parameters, data, batch_size=32, seed=0, shuffle=True)   # needs optimizer="adam", say
    outcome  = functions.run(training, steps, learning_rate=1e-3, **hyperparameters)
    training.parameters          # {name: array}: views of the flat buffer `training.flat`, always current
    training.step                # steps done so far; an epoch has `training.batches` steps (the last batch may be short)
    training.copy()              # independent copy, e.g. the best so far
    training.restore(other)      # take over the numbers of a copy
    outcome.losses               # shape (steps done,): the objective of each minibatch before its update
    outcome.diverged             # None, or the step (from 0) whose objective was not finite; the parameters are then the
                                 # last ones whose objective was finite

``learning_rate`` is another name for the optimiser's ``lr``; the names of the rest are those of `algebra.optimizers`.
Calls of `run` continue where the last one stopped, so a run of many epochs may be cut into slices anywhere without
changing its numbers.
"""
