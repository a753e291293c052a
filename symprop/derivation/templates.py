"""Equal layers share one derivation: what was found for one is recalled for the next, in its own names.

A network of many layers asks the same again and again, with other names.  A `Templates` keeps questions with their
answers; a new question that reads like an old one, up to the names of quantities, indices and sizes, gets the old
answer with the names changed.  What an answer was looked up from (definitions, other adjoints) must read alike as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from symprop.algebra.expressions import (
    Access,
    Bound,
    Call,
    Compare,
    Constant,
    Derivative,
    Expr,
    Index,
    Junction,
    Number,
    Reduction,
    Size,
    stem_of,
)

Value = TypeVar("Value")


class UnlikeError(Exception):
    """Two questions do not read alike, or an answer has a name that the other question does not tell."""


class Renaming:
    """A one-to-one change of names, found by laying expressions beside each other."""

    def __init__(self, sort: Callable[[Hashable], Hashable] = lambda _: None) -> None:
        self.sort = sort
        self.names: dict[Hashable, Hashable] = {}
        self.back: dict[Hashable, Hashable] = {}
        self.seen: set[tuple[int, int]] = set()
        self.memo: dict[int, tuple[Expr, Expr]] = {}  # by identity, which the kept expression keeps unique

    def bind(self, old: Hashable, new: Hashable) -> None:
        """Let `old` become `new`, or raise `UnlikeError` if either is taken otherwise."""
        known = self.names.get(old)
        if known is not None:
            if known != new:
                raise UnlikeError
            return
        if new in self.back or self.sort(old) != self.sort(new):
            raise UnlikeError
        self.names[old] = new
        self.back[new] = old

    def lay(self, old: Any, new: Any) -> None:
        """Find the names that make `old` read like `new`: expressions, bounds, or tuples and None of these."""
        if isinstance(old, Expr):
            self._lay_expressions(old, new)
        elif isinstance(old, tuple):
            if not isinstance(new, tuple) or len(old) != len(new):
                raise UnlikeError
            for one, other in zip(old, new, strict=True):
                self.lay(one, other)
        elif old != new:
            raise UnlikeError

    def _lay_expressions(self, old: Expr, new: Any) -> None:
        if (id(old), id(new)) in self.seen:
            return
        if type(old) is not type(new):
            raise UnlikeError
        self.seen.add((id(old), id(new)))
        self._lay_heads(old, new)
        for one, other in zip(old.children, new.children, strict=True):
            self._lay_expressions(one, other)

    def _lay_heads(self, old: Expr, new: Any) -> None:
        """Lay beside each other what two nodes of one type are apart from their children."""
        match old:
            case Index():
                self.bind(("index", old.name), ("index", new.name))
            case Access():
                self.bind(old.name, new.name)
            case Size():
                self.bind(("size", old.name), ("size", new.name))
            case Number() | Constant():
                if old is not new:
                    raise UnlikeError
            case Reduction():
                if [bound.written for bound in old.bounds] != [bound.written for bound in new.bounds]:
                    raise UnlikeError
                for mine, yours in zip(old.bounds, new.bounds, strict=True):
                    self._lay_expressions(mine.index, yours.index)
        if _head(old) != _head(new) or len(old.children) != len(new.children):
            raise UnlikeError

    def name(self, name: str) -> str:
        """Return the new name of a quantity, or raise `UnlikeError` if it is not known."""
        found = self.names.get(name)
        if not isinstance(found, str):
            raise UnlikeError
        return found

    def index(self, index: Index) -> Index:
        """Return the new name of an index; copies such as ``k_1`` follow the index that they are copies of."""
        found = self.names.get(("index", index.name))
        if found is None:
            stem = stem_of(index)
            if stem == index.name or ("index", stem) not in self.names:
                raise UnlikeError
            found = ("index", f"{self.names['index', stem][1]}{index.name[len(stem) :]}")  # type: ignore[index]
            self.bind(("index", index.name), found)
        return Index(found[1])  # type: ignore[index]

    def apply(self, expr: Expr) -> Expr:
        """Return an expression in the new names, in the same order."""
        known = self.memo.get(id(expr))
        if known is None:
            known = self.memo[id(expr)] = expr, self._apply(expr)
        return known[1]

    def _apply(self, expr: Expr) -> Expr:
        match expr:
            case Index():
                return self.index(expr)
            case Number() | Constant():
                return expr
            case Access():
                return Access(self.name(expr.name), tuple(map(self.apply, expr.indices)))
            case Size():
                found = self.names.get(("size", expr.name))
                if found is None:
                    raise UnlikeError
                return Size(found[1], tuple(map(self.apply, expr.arguments)))  # type: ignore[index]
            case Reduction():
                return Reduction(expr.kind, self.bounds(expr.bounds), self.apply(expr.body))
        # By the fields: the constructors must not fold or order anew.
        return type(expr)(*(self._field(getattr(expr, name)) for name in type(expr)._fields))

    def _field(self, value: Any) -> Any:
        if isinstance(value, Expr):
            return self.apply(value)
        return tuple(map(self._field, value)) if isinstance(value, tuple) else value

    def bounds(self, bounds: tuple[Bound, ...]) -> tuple[Bound, ...]:
        """Return bounds in the new names."""
        return tuple(Bound(self.index(b.index), self.apply(b.lower), self.apply(b.upper), b.written) for b in bounds)

    def words(self, text: str) -> str:
        """Return a text with the names of quantities in it changed."""
        return re.sub(r"\w+", lambda word: str(self.names.get(word[0], word[0])), text)


def _head(expr: Expr) -> Hashable:
    match expr:
        case Call():
            return expr.function, expr.orders
        case Reduction():
            return expr.kind
        case Compare() | Junction():
            return expr.operator
        case Derivative():
            return expr.kind
    return None


def skeleton(expr: Any) -> Hashable:
    """Return what an expression, a bound or a tuple of these looks like without its names, roughly."""
    if isinstance(expr, tuple):
        return tuple(map(skeleton, expr))
    if not isinstance(expr, Expr):
        return None
    return type(expr), _head(expr), len(expr.children), tuple(type(child) for child in expr.children)


class Watched(Mapping[str, Value]):
    """A mapping that notes what is looked up in it."""

    def __init__(self, values: Mapping[str, Value], seen: dict[tuple[str, str], object], kind: str) -> None:
        self.values_ = values
        self.seen = seen
        self.kind = kind

    def __getitem__(self, key: str) -> Value:
        self.seen.setdefault((self.kind, key), self.values_.get(key))
        return self.values_[key]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            self.seen.setdefault((self.kind, key), self.values_.get(key))
        return key in self.values_

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


@dataclass
class Entry(Generic[Value]):
    """A question, what was looked up for the answer, and the answer."""

    question: tuple[Any, ...]
    seen: Mapping[tuple[str, str], object]
    answer: Value


@dataclass
class Templates(Generic[Value]):
    """Questions with their answers.

    `rename` brings an answer into other names; `lay` lays two values that were looked up beside each other; only names
    of one `sort` stand for each other.
    """

    rename: Callable[[Renaming, Value], Value]
    lay: Callable[[Renaming, Any, Any], None] = Renaming.lay
    sort: Callable[[Hashable], Hashable] = lambda _: None
    entries: dict[Hashable, list[Entry[Value]]] = field(default_factory=dict)

    def recall(
        self, question: tuple[Any, ...], look_up: Callable[[str, str], object] = lambda kind, name: None
    ) -> Value | None:
        """Return the answer to a question that reads like one asked before, if what it rests on reads alike too."""
        for entry in self.entries.get(skeleton(question), ()):
            renaming = Renaming(self.sort)
            try:
                renaming.lay(entry.question, question)
                for (kind, name), value in entry.seen.items():
                    self.lay(renaming, value, look_up(kind, renaming.name(name)))
                return self.rename(renaming, entry.answer)
            except UnlikeError:
                continue
        return None

    def keep(self, question: tuple[Any, ...], seen: Mapping[tuple[str, str], object], answer: Value) -> Value:
        """Keep an answer, and return it."""
        entries = self.entries.setdefault(skeleton(question), [])
        if len(entries) < MOST_ENTRIES:
            entries.append(Entry(question, seen, answer))
        return answer


# So many questions of one look are compared with a new one.
MOST_ENTRIES = 6
