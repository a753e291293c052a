"""Slips made on paper are named: the line is refuted, a witness shows it, and no more edits are told than were made.

Networks, lines and slips share nothing with the diagnosis. ``SLIP_SEED=... pytest --slow`` repeats a measurement; the
seed of each is printed, and is the time of day where none is given.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import Any

import pytest
from hand_derivations import DERIVATIONS, FURTHER, Derivation
from hand_slips import Wrong, wrong_lines
from paper import Claim, Network, at_witness, draw, number_of

from symprop.declaration.parser import parse
from symprop.verification.report import Line, Session

SEED = os.environ.get("SLIP_SEED") or str(time.time_ns())
QUICK = ("mean and variance", "unit vectors", "ridge", "scalar chain of three layers", "bilinear form")


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {}


def session_of(derivation: Derivation, sessions: dict[str, Session]) -> Session:
    if derivation.name not in sessions:
        sessions[derivation.name] = Session(parse(derivation.text))
    return sessions[derivation.name]


def is_confirmed(claim: Claim, network: Network, witness: Any) -> bool:
    """Whether claim and truth differ at the point of a witness, and are what it says, by an evaluator of our own."""
    if witness is None:
        return False
    claimed, true = at_witness(claim, network, witness)
    if abs(true - number_of(witness.true)) > 1e-9 * max(1, abs(true)):
        return False
    if claimed is None:
        return str(witness.claimed).startswith("not defined")
    near = abs(claimed - number_of(witness.claimed)) <= 1e-9 * max(1, abs(claimed))
    return bool(near and abs(claimed - true) > 1e-12 * max(1, abs(true)))


def is_named(line: Line, wrong: Wrong) -> bool:
    """Whether a slip is named that is one of those made, in no more edits."""
    found = line.diagnosis
    return found is not None and len(found.slips) <= len(wrong.slips) and bool({found.kind, *found.also} & wrong.names)


def is_reproduced(line: Line, wrong: Wrong) -> bool:
    """Whether some known slip reproduces the line, in no more edits than were made."""
    found = line.diagnosis
    if found is None or found.kind in ("unrecognised", "condition", "convention"):
        return False
    return len(found.slips) <= len(wrong.slips)


def measure(chosen: list[Wrong], sessions: dict[str, Session], part: float) -> None:
    """Judge wrong lines; `part` of them must be explained."""
    made, named, reproduced = Counter[str](), Counter[str](), Counter[str]()
    faults: list[str] = []
    for wrong in chosen:
        network = wrong.derivation.network
        (line,) = session_of(wrong.derivation, sessions).check(str(wrong.claim)).lines
        kind = wrong.kinds[0]
        made[kind] += 1
        if line.verdict != "refuted":
            faults.append(f"{line.verdict}: {wrong}")
            continue
        if not is_confirmed(wrong.claim, network, line.witness):
            faults.append(f"the witness {line.witness} is not confirmed: {wrong}")
        named[kind] += is_named(line, wrong)
        reproduced[kind] += is_reproduced(line, wrong)
        if not is_named(line, wrong):
            print(f"  {line.diagnosis and (line.diagnosis.kind, *line.diagnosis.also)} {wrong}")
    for kind, count in made.items():
        print(f"{kind:26s} {count:4d} made {named[kind]:4d} named as made {reproduced[kind]:4d} reproduced")
    assert not faults
    assert reproduced.total() >= part * len(chosen), reproduced
    assert named.total() >= (part - 0.1) * len(chosen), named


@pytest.mark.parametrize("derivation", [*DERIVATIONS, *FURTHER], ids=lambda derivation: derivation.name)
def test_the_lines_by_hand_are_difference_quotients(derivation: Derivation) -> None:
    # The smallest sizes that tell axes apart: this is of the lines, and quick.
    sizes = {name: 2 + place % 2 for place, name in enumerate(derivation.network.sizes)}
    point = draw(derivation.network, random.Random(derivation.name), sizes)
    for claim in derivation.claims:
        assert claim.is_true(point), str(claim)


def test_a_slip_of_every_kind_is_named(sessions: dict[str, Session]) -> None:
    measure(wrong_lines("every kind", 17, only=QUICK), sessions, 0.9)


def test_pairs_of_slips_are_named(sessions: dict[str, Session]) -> None:
    measure(wrong_lines("pairs", 4, 2, only=QUICK), sessions, 0.7)


@pytest.mark.slow
def test_nine_of_ten_slips_are_named(sessions: dict[str, Session]) -> None:
    print(f"SLIP_SEED={SEED}")
    measure(wrong_lines(SEED, 204), sessions, 0.9)


@pytest.mark.slow
def test_seven_of_ten_pairs_of_slips_are_named(sessions: dict[str, Session]) -> None:
    print(f"SLIP_SEED={SEED}")
    measure(wrong_lines(SEED, 100, 2), sessions, 0.7)
