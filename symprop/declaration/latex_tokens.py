r"""LaTeX to tokens: what is only layout goes away, what is not mathematics is refused where it stands.

Nothing of a text is executed, expanded or followed: a command is looked up in the tables here, and one that is not
there is an error of its line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from symprop.declaration.names import GREEK, is_forbidden, plain, spelled, superscript
from symprop.declaration.phrases import LEADING

DEEPEST_BRACKETS = 40
LONGEST_FORMULA = 20_000  # characters
_LONGEST_WORDS = 1_000  # characters of \\text{...}
_MOST_FORMULAS_IN_WORDS = 20


class Token(NamedTuple):
    """One token: its type in the grammar, what it stands for, and where it stands in the text.

    The type ``ERROR`` carries a message in `value` and a hint in `hint`; it spoils its own line alone.
    """

    type: str
    value: str
    start: int
    end: int
    hint: str = ""


_SPACES = frozenset(
    (
        *",;:!> ",
        "enspace",
        "thinspace",
        "medspace",
        "thickspace",
        "negthinspace",
        "displaystyle",
        "textstyle",
        "scriptstyle",
        "scriptscriptstyle",
        "limits",
        "nolimits",
        "nonumber",
        "notag",
        "hfill",
        "hfil",
        "allowbreak",
        "left",
        "right",
        "middle",
        "big",
        "Big",
        "bigg",
        "Bigg",
        "bigl",
        "Bigl",
        "biggl",
        "Biggl",
        "bigr",
        "Bigr",
        "biggr",
        "Biggr",
        "bigm",
        "Bigm",
        "bf",
        "rm",
        "it",
        "cal",
        "sf",
        "tt",
        "boldmath",
        "mathstrut",
        "noindent",
        "centering",
        "small",
        "normalsize",
        "large",
        "qedhere",
        "par",
        "break",
        "linebreak",
        "*",
    )
)
# Commands whose argument says how something looks, or what it is called: the argument goes away with them.
_DROPPED = frozenset(("label", "tag", "hspace", "vspace", "phantom", "hphantom", "vphantom", "color", "ref", "eqref"))
# Commands whose argument stays as it is.
_STYLES = frozenset(
    (
        "mathbf",
        "boldsymbol",
        "bm",
        "pmb",
        "mathit",
        "mathcal",
        "mathscr",
        "mathfrak",
        "vec",
        "boxed",
        "mathbin",
        "mathop",
        "mathopen",
        "mathclose",
        "mathord",
        "overrightarrow",
        "underline",
        "substack",
        "ensuremath",
        "smash",
    )
)
_WORDS = frozenset(("mathrm", "operatorname", "mathsf", "mathtt", "textsf", "texttt", "textrm", "textbf", "textit"))
_TEXTS = frozenset(("text", "mbox", "intertext", "shortintertext", "hbox", "textnormal", "textsc", "emph"))
_ACCENTS = {
    "hat": "hat",
    "widehat": "hat",
    "tilde": "tilde",
    "widetilde": "tilde",
    "bar": "bar",
    "overline": "bar",
    "dot": "dot",
    "ddot": "ddot",
    "check": "check",
    "breve": "breve",
    "underbrace": "brace",
    "overbrace": "brace",
}
_RELATIONS = {
    **dict.fromkeys(("le", "leq", "leqslant"), "<="),
    **dict.fromkeys(("ge", "geq", "geqslant"), ">="),
    **dict.fromkeys(("ne", "neq"), "!="),
    **dict.fromkeys(("equiv", "triangleq", "doteq", "eqdef"), "="),
    **dict.fromkeys(("coloneqq", "coloneq", "colonequals", "leftarrow", "gets", "longleftarrow", "Leftarrow"), ":="),
    **dict.fromkeys(("approx", "simeq", "cong"), "~="),
    "lt": "<",
    "gt": ">",
    "in": "in",
    "mid": "mid",
    "colon": ":",
}
_SEPARATORS = frozenset(("quad", "qquad", "implies", "Rightarrow", "Longrightarrow", "iff", "Leftrightarrow"))
_TIMES = frozenset(("cdot", "times", "odot", "circ", "ast", "bullet", "cdotp"))
_BIGS = {"sum": "sum", "prod": "prod", "sumop": "sum"}
_LETTERS = {
    **{name: name for name in set(GREEK.values()) - {"sum", "prod", "sqrt", "inf"}},
    **{"var" + name: name for name in ("epsilon", "theta", "phi", "pi", "rho", "sigma", "kappa")},
    **{
        "var" + name: name for name in ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega")
    },
    "ell": "ell",
    "hbar": "hbar",
    "imath": "i",
    "jmath": "j",
}
_FUNCTIONS = {
    **{name: name for name in ("exp", "log", "sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "coth")},
    "ln": "log",
    "lg": "log10",
    "max": "max",
    "min": "min",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "sgn": "sign",
    "det": "det",
    "argmax": "argmax",
    "argmin": "argmin",
    "dim": "dim",
    "Pr": "Pr",
}
_OPENING = {
    "(": "()",
    "[": "[]",
    "lbrack": "[]",
    "lparen": "()",
    "{": "{}",
    "lbrace": "{}",
    "lfloor": "floor",
    "lceil": "ceil",
    "lvert": "||",
    "lVert": "norm",
    "langle": "angle",
}
_CLOSING = {
    ")": "()",
    "]": "[]",
    "rbrack": "[]",
    "rparen": "()",
    "}": "{}",
    "rbrace": "{}",
    "rfloor": "floor",
    "rceil": "ceil",
    "rvert": "||",
    "rVert": "norm",
    "rangle": "angle",
}
_BARS = {"|": "norm", "vert": "||", "Vert": "norm"}
_ROWS = frozenset(("\\", "newline", "cr", "tabularnewline"))
_MARKS = {"top": "top", "intercal": "top", "prime": "prime", "star": "star", "dagger": "dagger", "tran": "top"}
_LAYOUTS = re.compile(
    r"(?:align|alignat|flalign|gather|multline|equation|eqnarray|displaymath|math|dmath|split|aligned|alignedat|"
    r"gathered)\*?"
)
_HOSTILE = frozenset(
    (
        "input",
        "include",
        "write",
        "openout",
        "openin",
        "read",
        "immediate",
        "special",
        "directlua",
        "catcode",
        "csname",
        "usepackage",
        "RequirePackage",
        "documentclass",
        "InputIfFileExists",
        "verbatiminput",
        "lstinputlisting",
        "includegraphics",
        "ShellEscape",
        "loop",
        "closeout",
        "url",
        "href",
        "html",
    )
)
_MACROS = frozenset(
    (
        "def",
        "let",
        "edef",
        "gdef",
        "xdef",
        "newcommand",
        "renewcommand",
        "providecommand",
        "DeclareMathOperator",
        "newenvironment",
        "expandafter",
        "futurelet",
        "NewDocumentCommand",
        "global",
        "long",
    )
)
_REFUSED = {
    "otimes": ("'\\otimes' is the outer product to some and the elementwise one to others",
               "Write \\odot for elementwise, or u v^\\top for the outer product."),
    "ast": ("'*' between functions is a convolution to some", "Write the sum out."),
    "pm": ("'\\pm' says two things", "Write two lines."),
    "mp": ("'\\mp' says two things", "Write two lines."),
    "int": ("integrals are not read", ""),
    "mathbb": ("the letter is a set or an expectation, which is not read", "Write a mean as \\frac{1}{N}\\sum_n."),
    "sim": ("'\\sim' says how something is distributed, which is no equation", ""),
    "propto": ("'\\propto' leaves a factor open", "Write the factor and =."),
    "Leftarrow": ("'\\Leftarrow' is no equation", ""),
    "to": ("a limit or a map is no equation", ""),
    "rightarrow": ("a limit or a map is no equation", ""),
    "mapsto": ("a map is no equation", ""),
    "vdots": ("matrices written out are not read", "Write one entry with indices."),
    "ddots": ("matrices written out are not read", "Write one entry with indices."),
    "lim": ("limits are not read", ""),
    "binom": ("binomial coefficients are not read", ""),
}  # fmt: skip
_KEYWORDS = re.compile(
    r"(?:if|iff|for|for all|for every|for each|for any|when|otherwise|else|or|over|such that|s\.t\.|at|evaluated at|"
    rf"by|from|using|{'|'.join(map(re.escape, LEADING))})[:,]?"
)
# Words that limit a formula, where letters side by side are factors otherwise.
_BARE = re.compile(
    r"(?:for(?:\s+(?:all|every|each|any))?(?=\s+[^=]{1,20}=|\s+\w+\s*$)|(?:if|when)(?=\s[^=<>\\]+(?:[=<>]|\\(?:ne|le|ge|lt|gt)))|"
    r"at(?=\s+[^=]{1,20}=))(?=\s)"
)

_TOKEN = re.compile(
    r"""(?P<space>[ \t\n]+|~|%[^\n]*)
    |(?P<command>\\(?:[A-Za-z]+|.|$))
    |(?P<relation>:=|=:|\+=|-=|<-|<=|>=|==|!=|[=<>:])
    |(?P<number>\d+(?:\.\d+)?|\.\d+)
    |(?P<dots>\.\.\.|\.\.)
    |(?P<primes>'+)
    |(?P<letter>[^\W\d_])
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_OVER_EQUALS = re.compile(r"\s*\{(?:[^{}]|\{[^{}]*\})*\}\s*\{\s*(:?=)\s*\}")
_RELATION_WORD = re.compile(r"\s*\{\s*([-+*])\s*\}\s*=")
_POINT = re.compile(r"\s*_\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*=[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_OPTIONAL = re.compile(r"\s*\[[^\]\n]{0,20}\]")
_ENVIRONMENT = re.compile(r"\s*\{([A-Za-z]+\*?)\}(?:\{[0-9lcr|@ ]*\})?")
_NUMBER_AT_END = re.compile(r"\d")


class Tokenizer:
    """Cuts one formula of a text into tokens.

    Parameters
    ----------
    text : str
        The whole text.
    start, end : int
        Where the formula stands in it.
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
        self.plain = plain(text[start:end]) if not text[start:end].isascii() else text[start:end]
        self.offset = start
        self.tokens: list[Token] = []
        self.single = 0  # how many arguments without braces are due: \frac12 is one half
        self.due: list[int] = []  # the same outside the open braces
        self.bars: list[list[str]] = [[]]  # open |...| within each bracket
        self.environments: list[str] = []
        self.kinds: list[str] = []  # open brackets
        self.roots: set[int] = set()  # depths at which the degree of a root is open
        self.direction = ""  # after \left or \right
        self.script_open = False

    def read(self) -> list[Token]:
        """Return the tokens; rows are separated by ``ROW``."""
        place, end = 0, len(self.plain)
        while place < end:
            match = _TOKEN.match(self.plain, place)
            assert match is not None
            kind = str(match.lastgroup)
            place = getattr(self, f"_{kind}")(match) or match.end()
        return _joined_ranges(self.tokens)

    # Making tokens.

    def add(self, type_: str, value: str, start: int, end: int, hint: str = "") -> None:
        self.tokens.append(Token(type_, value, start + self.offset, end + self.offset, hint))
        if self.single and type_ not in ("ACCENT", "FRAC", "SQRT", "SUB", "SUP", "LBRACE"):
            self.single -= 1

    def refuse(self, message: str, start: int, end: int, hint: str = "") -> None:
        self.add("ERROR", message, start, end, hint)

    def before(self) -> str:
        return self.tokens[-1].type if self.tokens else ""

    def operand_before(self) -> bool:
        return self.before() in (
            *("LETTER", "WORD", "NUMBER", "MARK", "PRIMES", "RBRACE", "CLOSE", "ENDCASES", "INDICATOR", "INFINITY"),
            "PARTIAL",
        )

    # One method for each group of `_TOKEN`.

    def _space(self, match: re.Match[str]) -> None:
        return None

    def _relation(self, match: re.Match[str]) -> None:
        value = {"<-": ":=", "==": "="}.get(match[0], match[0])
        self.add("REL", value, match.start(), match.end())

    def _number(self, match: re.Match[str]) -> int | None:
        end = match.end()
        if self.single and self.before() in ("SUB", "SUP", "FRAC", "SQRT", "ACCENT", "NUMBER", "LETTER", "RBRACE"):
            end = match.start() + 1
            if self.before() in ("SUB", "SUP") and match.end() > end:
                self._refuse_glued(match.start(), match.end())
                return match.end()
        self.add("NUMBER", self.plain[match.start() : end], match.start(), end)
        return end

    def _dots(self, match: re.Match[str]) -> None:
        self.add("DOTS", match[0], match.start(), match.end())

    def _primes(self, match: re.Match[str]) -> None:
        self.add("PRIMES", match[0], match.start(), match.end())

    def _letter(self, match: re.Match[str]) -> int | None:
        start, end = match.span()
        while end < len(self.plain) and "\u0300" <= self.plain[end] <= "\u036f":
            end += 1
        after_script = self.before() in ("SUB", "SUP")
        bare = _BARE.match(self.plain, start) if not self.bars[1:] and self.plain[start - 1 : start].isspace() else None
        if bare is not None and self.operand_before():
            self.add("TEXT", " ".join(bare[0].split()), start, bare.end())
            return bare.end()
        written = self.plain[start:end]
        if written in "∑∏":
            self.add("BIG", {"∑": "sum", "∏": "prod"}[written], start, end)
            return end
        if written == "∂":
            self.add("PARTIAL", "d", start, end)
            return end
        try:
            name = spelled(written)
        except ValueError as error:
            self.refuse(str(error), start, end)
            return end
        if after_script and end < len(self.plain) and self.plain[end].isalnum():
            stop = end
            while stop < len(self.plain) and self.plain[stop].isalnum():
                stop += 1
            self._refuse_glued(start, stop)
            return stop
        self.add("LETTER", name, start, end)
        return end

    def _refuse_glued(self, start: int, end: int) -> None:
        sign = "_" if self.before() == "SUB" else "^"
        glued = self.plain[start:end]
        self.refuse(
            f"'{sign}{glued}' without braces reaches over '{glued[0]}' alone",
            start - 1,
            end,
            f"Write {sign}{{{glued}}}, or {sign}{{{glued[0]}}} {glued[1:]} for a product.",
        )

    def _mark(self, match: re.Match[str]) -> int | None:
        start, end = match.span()
        mark = match[0]
        if mark in "([":
            if mark == "[" and self.before() == "SQRT":
                self.tokens.append(Token("ROOT", "[", start + self.offset, end + self.offset))
                self._open("root", start, end, add=False)
            else:
                self._open(_OPENING[mark], start, end)
        elif mark in ")]":
            if mark == "]" and self.kinds and self.kinds[-1] == "root":
                self.kinds.pop()
                self.bars.pop()
                self.tokens.append(Token("RBRACKET", "]", start + self.offset, end + self.offset))
            else:
                self._close(_CLOSING[mark], start, end)
        elif mark == "{":
            self.due.append(max(self.single - 1, 0))
            self.single = 0
            self.add("LBRACE", mark, start, end)
            self._nested(start, end)
            self.bars.append([])
        elif mark == "}":
            if not self.due:
                self.refuse("'}' closes nothing", start, end, "Remove it, or open with '{'.")
                return None
            self.tokens.append(Token("RBRACE", mark, start + self.offset, end + self.offset))
            self.single = self.due.pop()
            self.bars.pop()
        elif mark == "_":
            self.add("SUB", mark, start, end)
            self.single = 1
        elif mark == "^":
            self.add("SUP", mark, start, end)
            self.single = 1
        elif mark == "|":
            return self._bar("||", start, end)
        elif mark in "+-":
            self.add("PLUS" if mark == "+" else "MINUS", mark, start, end)
        elif mark == "*":
            rest = self.plain[end:].lstrip()[:1]
            if self.before() == "SUP" or (rest == "}" and self.due):
                self.add("MARK", "star", start, end)
            else:
                self.add("TIMES", mark, start, end)
        elif mark == "/":
            self.add("SLASH", mark, start, end)
        elif mark in ",;":
            self.add("COMMA", mark, start, end)
        elif mark == "&":
            if self.environments and self.environments[-1] == "cases":
                self.add("AMP", mark, start, end)
            elif self._ends_column():
                self.add("SEP", mark, start, end)
            # Else it is layout: the place at which lines are aligned.
        elif mark == ".":
            self._full_stop(start, end)
        elif mark == "∞":
            self.add("INFINITY", "inf", start, end)
        elif mark == "∂":
            self.add("PARTIAL", "d", start, end)
        elif mark in "∑∏":
            self.add("BIG", {"∑": "sum", "∏": "prod"}[mark], start, end)
        elif mark in "⊙∘":
            self.add("TIMES", mark, start, end)
        elif mark in "≤≥≠←∈≈":
            value = {"≤": "<=", "≥": ">=", "≠": "!=", "←": ":=", "∈": "in", "≈": "~="}[mark]
            self.add("REL", value, start, end)
        elif mark in "⁰¹²³⁴⁵⁶⁷⁸⁹":
            self.add("SUP", "^", start, start)
            self.add("NUMBER", str(superscript(mark)), start, end)
        elif mark in "…⋯":
            self.add("DOTS", mark, start, end)
        elif mark == "!":
            self.refuse("factorials are not read", start, end)
        elif mark == "$":
            self.refuse("'$' does not pair", start, end, "Formulas stand between $ and $, or between \\[ and \\].")
        elif is_forbidden(mark) or not mark.isprintable():
            self.refuse(f"U+{ord(mark):04X} cannot be shown, and is not read", start, end, "Remove it.")
        else:
            self.refuse(f"'{mark}' is not read", start, end)
        return None

    def _ends_column(self) -> bool:
        """Whether a column of an alignment ends here: its formula has a relation, and is complete."""
        if not self.operand_before() and self.before() != "COMMA":
            return False
        for token in reversed(self.tokens):
            if token.type in ("ROW", "SEP"):
                return False
            if token.type == "REL":
                return True
        return False

    def _full_stop(self, start: int, end: int) -> None:
        if self.direction:
            self.direction = ""
            return
        rest = self.plain[end:].lstrip()
        if not rest or rest.startswith(
            ("\\\\", "\\end", "&", "\\qquad", "\\quad", "\\]", "\\label", "\\tag", "\\text")
        ):
            return
        if not re.match(r"[\w\\]", rest):
            return
        self.add("COMMA", ".", start, end)

    def _command(self, match: re.Match[str]) -> int | None:
        start, end = match.span()
        name = match[0][1:]
        direction, self.direction = self.direction, ""
        if name in _ROWS:
            optional = _OPTIONAL.match(self.plain, end)
            self.add("ROW", name, start, end)
            self.single = 0
            return optional.end() if optional else end
        if name in ("left", "right"):
            self.direction = name
            return end
        if name in _SPACES:
            return end
        if name in _DROPPED:
            inside = self._group(end)
            return inside[1] + 1 if inside else end
        if name == "textcolor":
            inside = self._group(end)
            return inside[1] + 1 if inside else end
        if name in ("begin", "end"):
            return self._environment(name, start, end)
        if name in _STYLES:
            if name == "mathbf" and (one := re.match(r"\s*(?:\{\s*1\s*\}|1)", self.plain[end:])):
                self.add("INDICATOR", "1", start, end + one.end())
                return end + one.end()
            # `\mathbf x` styles one letter; with braces the group stays as a transparent one.
            return end
        if name in ("mathbb", "mathds", "mathbbm", "Bbb"):
            return self._blackboard(start, end)
        if name in _WORDS or name in _TEXTS:
            return self._words(name, start, end)
        if name in _ACCENTS:
            self.add("ACCENT", _ACCENTS[name], start, end)
            self.single = 1
        elif name in ("frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"):
            self.add("FRAC", name, start, end)
            self.single = 2
        elif name == "sqrt":
            self.add("SQRT", name, start, end)
            self.single = 1
        elif name in ("overset", "stackrel", "underset"):
            over = _OVER_EQUALS.match(self.plain, end)
            if over is None:
                self.refuse(f"'\\{name}' is read over an equals sign alone", start, end)
                return end
            self.add("REL", "=", start, over.end())
            return over.end()
        elif name == "mathrel":
            relation = _RELATION_WORD.match(self.plain, end)
            if relation is None:
                self.refuse("'\\mathrel' is read before an equals sign alone", start, end)
                return end
            self.add("REL", relation[1] + "=", start, relation.end())
            return relation.end()
        elif name == "arg":
            following = re.match(r"(?:\\[,;!:]|\s)*\\(max|min)(?![A-Za-z])", self.plain[end:])
            if following is None:
                self.refuse("'\\arg' is read before \\max or \\min", start, end)
                return end
            self.add("WORD", "arg" + following[1], start, end + following.end())
            return end + following.end()
        elif name in ("dots", "ldots", "cdots", "dotsc", "dotsb", "dotsm"):
            self.add("DOTS", name, start, end)
        elif name == "partial":
            self.add("PARTIAL", "d", start, end)
        elif name == "nabla":
            self.add("WORD", "nabla", start, end)
        elif name == "infty":
            self.add("INFINITY", "inf", start, end)
        elif name in _BIGS:
            self.add("BIG", _BIGS[name], start, end)
        elif name in _FUNCTIONS:
            self.add("WORD", _FUNCTIONS[name], start, end)
        elif name in _MARKS and (name not in ("star",) or self._above()):
            self.add("MARK", _MARKS[name], start, end)
        elif name == "ast" and self._above():
            self.add("MARK", "star", start, end)
        elif name in _LETTERS:
            self.add("LETTER", _LETTERS[name], start, end)
        elif name in _RELATIONS and name != "Leftarrow":
            self.add("REL", _RELATIONS[name], start, end)
        elif name in _SEPARATORS:
            self.add("SEP", name, start, end)
        elif name == "forall":
            self.add("TEXT", "for all", start, end)
        elif name in ("odot", "circ") and self._is_exponent():
            return end  # every component to the power, as all powers of arrays are read
        elif name in _TIMES:
            self.add("TIMES", name, start, end)
        elif name == "div":
            self.add("SLASH", name, start, end)
        elif name in ("land", "wedge"):
            self.add("AND", "and", start, end)
        elif name in ("lor", "vee"):
            self.add("OR", "or", start, end)
        elif name in _OPENING:
            self._open(_OPENING[name], start, end)
        elif name in _CLOSING:
            self._close(_CLOSING[name], start, end)
        elif name in _BARS:
            self.direction = direction
            return self._bar(_BARS[name], start, end) or end
        elif name in ("therefore", "because"):
            self.add("SEP", name, start, end)
        elif name == "Longleftarrow":
            return end
        elif name in _REFUSED:
            message, hint = _REFUSED[name]
            self.refuse(message, start, end, hint)
        elif name in _HOSTILE or name.startswith("write"):
            self.refuse(f"'\\{name}' is not followed: nothing outside this text is read or written", start, end)
        elif name in _MACROS:
            self.refuse(f"'\\{name}' defines a command, and no command is expanded", start, end, "Write it out.")
        elif name in ("", "%", "#", "_", "$"):
            self.refuse(f"'\\{name}' is not read", start, end)
        else:
            self.refuse(f"'\\{name}' is no command that is read", start, end, "Write out what it stands for.")
        return end

    def _is_exponent(self) -> bool:
        """Whether an exponent begins here, in braces or without."""
        types = [token.type for token in self.tokens[-2:]]
        return types[-1:] == ["SUP"] or types == ["SUP", "LBRACE"]

    def _above(self) -> bool:
        return self.before() == "SUP" or bool(self.due)

    def _open(self, kind: str, start: int, end: int, add: bool = True) -> None:
        self.direction = ""
        if add:
            self.add("OPEN", kind, start, end)
        self.kinds.append(kind)
        self.bars.append([])
        self._nested(start, end)

    def _nested(self, start: int, end: int) -> None:
        if len(self.bars) > DEEPEST_BRACKETS:
            self.refuse(
                f"brackets are nested more than {DEEPEST_BRACKETS} deep", start, end, "Give inner expressions a name."
            )

    def _close(self, kind: str, start: int, end: int) -> None:
        self.direction = ""
        if self.kinds and self.kinds[-1] != kind and kind in ("()", "[]", "{}"):
            self.refuse(f"'{self.plain[start:end]}' does not close '{self.kinds[-1][0]}'", start, end)
            return
        if self.kinds:
            self.kinds.pop()
            self.bars.pop()
        self.add("CLOSE", kind, start, end)

    def _bar(self, kind: str, start: int, end: int) -> int | None:
        """Add a bar, or what stands below the bar of a value at a point, ``|_{w=1}``; return where that ends."""
        direction, self.direction = self.direction, ""
        opened = self.bars[-1]
        point = _POINT.match(self.plain, end) if kind == "||" and kind not in opened and self.operand_before() else None
        if point is not None:
            inner = Tokenizer(self.text, self.offset + point.start(1), self.offset + point.end(1)).read()
            self.tokens.append(Token("POINT", "|", start + self.offset, end + self.offset))
            self.tokens.extend(inner)
            self.tokens.append(Token("ENDPOINT", "|", point.end() - 1 + self.offset, point.end() + self.offset))
            return point.end()
        closes = direction == "right" or (not direction and kind in opened and self.operand_before())
        if closes and opened and opened[-1] == kind:
            opened.pop()
            self.add("CLOSE", kind, start, end)
            return None
        opened.append(kind)
        self.add("OPEN", kind, start, end)
        return None

    def _environment(self, name: str, start: int, end: int) -> int:
        match = _ENVIRONMENT.match(self.plain, end)
        if match is None:
            self.refuse(f"'\\{name}' needs the name of an environment", start, end)
            return end
        environment = match[1]
        if environment in ("cases", "dcases", "rcases"):
            if name == "begin":
                self.environments.append("cases")
                self.add("CASES", environment, start, match.end())
                self.bars.append([])
                self._nested(start, match.end())
            elif self.environments:
                self.environments.pop()
                self.bars.pop()
                self.add("ENDCASES", environment, start, match.end())
            else:
                self.refuse("the cases end without a beginning", start, match.end())
        elif not _LAYOUTS.fullmatch(environment):
            what = (
                "matrices written out are"
                if "matrix" in environment or environment == "array"
                else f"'{environment}' is"
            )
            self.refuse(f"{what} not read", start, match.end(), "Write one entry with indices.")
        elif self.before() not in ("", "ROW"):
            self.add("ROW", "", start, match.end())
        return match.end()

    def _blackboard(self, start: int, end: int) -> int:
        match = re.match(r"\s*(?:\{\s*(\w+)\s*\}|(\w))", self.plain[end:])
        letter = (match[1] or match[2]) if match else ""
        stop = end + match.end() if match else end
        if letter in ("1", "I"):
            self.add("INDICATOR", "1", start, stop)
        elif letter in ("R", "N", "Z", "B") and self.before() == "REL":
            self.add("SET", letter, start, stop)
        else:
            message, hint = _REFUSED["mathbb"]
            self.refuse(message, start, stop, hint)
        return stop

    def _words(self, command: str, start: int, end: int) -> int:
        if self.plain[end : end + 1] == "*":
            end += 1
        group = self._group(end)
        if group is None:
            single = re.match(r"\s*(\\[A-Za-z]+|[^\W\d_])", self.plain[end:])
            if single is None or single[1].startswith("\\"):
                self.refuse(f"'\\{command}' needs an argument in braces", start, end)
                return end
            inner, stop, inside = single[1], end + single.end(), end + single.start(1)
        else:
            inside, stop = group[0], group[1] + 1
            inner = self.plain[inside : group[1]]
        stripped = " ".join(inner.replace("~", " ").replace("\\,", " ").split())
        if command in _WORDS and stripped == "d" and group is not None:
            self.add("PARTIAL", "d", start, stop)
        elif stripped in ("T", "t") and self.before() == "SUP" and command in _WORDS:
            self.add("MARK", "top", start, stop)
        elif "$" in inner:
            # \text{if $i = j$}: words and formulas in turn.
            if inner.count("$") > _MOST_FORMULAS_IN_WORDS:
                self.refuse("there are too many formulas inside words", start, stop)
                return stop
            for place, part in enumerate(inner.split("$")):
                if place % 2 == 0:
                    if part.strip():
                        self.add("TEXT", " ".join(part.split()), inside, inside + len(part))
                else:
                    nested = Tokenizer(self.text, self.offset + inside, self.offset + inside + len(part))
                    self.tokens.extend(nested.read())
                inside += len(part) + 1
        elif command in _TEXTS and (_KEYWORDS.fullmatch(stripped.lower()) or not stripped):
            self.add("TEXT", stripped, start, stop)
        elif re.fullmatch(r"[A-Za-z]+[A-Za-z0-9]*(?:[-_ ](?:[A-Za-z0-9]+))?", stripped.replace("\\", "")) and (
            " " not in stripped or command in ("operatorname",) or self._is_script()
        ):
            word = stripped.replace("\\", "").replace("-", "_").replace(" ", "_")
            word = {"arg_max": "argmax", "arg_min": "argmin", "ln": "log"}.get(word, word)
            self.add("LETTER" if len(word) == 1 else "WORD", word, start, stop)
        elif re.fullmatch(r"\d+(\.\d+)?", stripped):
            self.add("NUMBER", stripped, start, stop)
        elif command in _TEXTS or " " in stripped:
            self.add("TEXT", stripped, start, stop)
        else:
            # \mathrm{W}_{\alpha}: only a style.
            return end
        return stop

    def _group(self, place: int) -> tuple[int, int] | None:
        """Return where the inside of the braces after `place` begins and ends, or None if there is too much in them."""
        while place < len(self.plain) and self.plain[place] in " \t\n":
            place += 1
        if self.plain[place : place + 1] != "{":
            return None
        depth = 0
        for match in _BRACE.finditer(self.plain, place, min(len(self.plain), place + _LONGEST_WORDS)):
            depth += (match[0] == "{") - (match[0] == "}")
            if depth == 0 and match[0] == "}":
                return place + 1, match.start()
            if depth > 5:
                break
        return None

    def _is_script(self) -> bool:
        return self.before() in ("SUB", "SUP") or (
            self.before() == "LBRACE" and len(self.tokens) > 1 and self.tokens[-2].type in ("SUB", "SUP")
        )


def _follow(first: Token, second: Token) -> bool:
    """Whether two numbers follow one another, as in ``1, 2, \\dots, n``."""
    digits = (first.value, second.value)
    return all(value.isdigit() and len(value) < 5 for value in digits) and int(digits[1]) == int(digits[0]) + 1


def _joined_ranges(tokens: list[Token]) -> list[Token]:
    """Return the tokens with ``1, 2, \\dots, n`` and ``1, \\dots, n`` as a range; other dots are refused."""
    result: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.type != "DOTS":
            result.append(token)
            place += 1
            continue
        if result and result[-1].type == "COMMA":
            result.pop()
            if [one.type for one in result[-3:]] == ["NUMBER", "COMMA", "NUMBER"] and _follow(result[-3], result[-1]):
                del result[-2:]
        following = tokens[place + 1] if place + 1 < len(tokens) else None
        ends = following is None or following.type in ("ROW", "SEP", "TEXT", "CLOSE")
        operators = ("PLUS", "MINUS", "TIMES")
        if ends or following.type in operators or (result and result[-1].type in operators):  # type: ignore[union-attr]
            result.append(
                Token(
                    "ERROR", "dots leave out what is meant", token.start, token.end, "Write a sum: \\sum_{i=1}^{n} x_i."
                )
            )
        else:
            result.append(Token("RANGE", "..", token.start, token.end))
            if following is not None and following.type == "COMMA":
                place += 1
        place += 1
    return result
