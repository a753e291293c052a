"""Lines rewritten and changed on paper: right ones are never refuted, wrong ones never accepted, numbers confirm it."""

from __future__ import annotations

from collections import Counter

import pytest
from hand_disguises import changed, disguised
from test_slips import is_confirmed, session_of

from symprop.verification.report import Session

RIGHT = ("proved", "agrees")


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {}


def judge_right(seed: str, count: int, sessions: dict[str, Session]) -> None:
    found = Counter[str | None]()
    refused = []
    for line in disguised(seed, count):
        (judged,) = session_of(line.derivation, sessions).check(str(line.claim)).lines
        found[judged.verdict] += 1
        if judged.verdict not in (*RIGHT, "undecided"):
            refused.append((str(line), judged.verdict, judged.error))
    assert not refused
    assert found["undecided"] <= count / 100, found


def judge_wrong(seed: str, count: int, sessions: dict[str, Session]) -> None:
    made = Counter[str]()
    faults = []
    for line in changed(seed, count):
        (judged,) = session_of(line.derivation, sessions).check(str(line.claim)).lines
        made[line.made] += 1
        if judged.verdict != "refuted" or not is_confirmed(line.claim, line.derivation.network, judged.witness):
            faults.append((str(line), judged.verdict, judged.error, judged.witness))
    assert not faults
    assert len(made) >= min(count / 3, 12)


def test_some_rewritten_lines_are_right(sessions: dict[str, Session]) -> None:
    judge_right("some", 6, sessions)


def test_some_changed_lines_are_wrong(sessions: dict[str, Session]) -> None:
    judge_wrong("some", 3, sessions)


@pytest.mark.slow
def test_two_hundred_rewritten_lines_are_right(sessions: dict[str, Session]) -> None:
    judge_right("many", 200, sessions)


@pytest.mark.slow
def test_two_hundred_changed_lines_are_wrong(sessions: dict[str, Session]) -> None:
    judge_wrong("many", 200, sessions)
