"""Runs the structured text of the kit: enough of IEC 61131-3 for it, by way of Python."""

import re
from collections.abc import Iterator
from typing import Any

TOKEN = re.compile(r"\s*(WORD#16#[0-9A-F]+|\d+|[A-Za-z_]\w*|:=|<>|<=|>=|[-+*/=<>()\[\],;:])")
SIGNS = {"=": "==", "<>": "!=", "AND": "&", "OR": "|", "MOD": "%", "/": "//"}
LEVELS = (("OR",), ("AND",), ("=", "<>", "<", ">", "<=", ">="), ("+", "-"), ("*", "/", "MOD"))
ENDS = {"END_IF", "END_CASE", "END_FOR", "ELSIF", "ELSE", "END_FUNCTION_BLOCK"}
DECLARED = re.compile(
    r"^\s*(\w+) : (ARRAY\[\d+\.\.(\d+)\] OF )?(UDINT|WORD|INT|BOOL)(?: := (\d+))?;"
)


class Block:
    """A function block: its variables as attributes of `names`, one cycle a `call`."""

    def __init__(self, source: str) -> None:
        text = re.sub(r"\(\*.*?\*\)", "", source, flags=re.DOTALL)
        block = text[text.index("FUNCTION_BLOCK") : text.index("END_FUNCTION_BLOCK")]
        head, _, body = block.rpartition("END_VAR")
        body = body.replace("BEGIN", "", 1)
        self.names: dict[str, Any] = dict(_declared(head))
        lines = list(_Writer(_tokens(body + " END_FUNCTION_BLOCK")).block(0))
        self._code = compile("\n".join(lines), "structured text", "exec")
        functions = {"WORD_TO_UDINT": int, "INT_TO_UDINT": int}
        self._functions = functions | {"UDINT_TO_WORD": lambda number: number & 0xFFFF}

    def call(self, **inputs: Any) -> None:
        """One cycle."""
        self.names |= inputs
        exec(self._code, self._functions, self.names)  # noqa: S102 - our own text


def _declared(head: str) -> Iterator[tuple[str, Any]]:
    for line in head.splitlines():
        if found := DECLARED.match(line):
            name, is_array, last, kind, value = found.groups()
            start: Any = False if kind == "BOOL" else int(value or 0)
            yield name, [start] * (int(last) + 1) if is_array else start


def _tokens(body: str) -> list[str]:
    tokens, at = [], 0
    while body[at:].strip():
        found = TOKEN.match(body, at)
        assert found, f"no structured text: {body[at : at + 40]!r}"
        tokens.append(found[1])
        at = found.end()
    return tokens


class _Writer:
    """Reads statements, writes Python."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens[::-1]

    def block(self, depth: int) -> Iterator[str]:
        count = 0
        while self._next not in ENDS and not self._is_case_label():
            yield from self._statement(depth)
            count += 1
        if not count:
            yield "    " * depth + "pass"

    @property
    def _next(self) -> str:
        return self._tokens[-1]

    def _is_case_label(self) -> bool:
        return self._next.isdigit() and self._tokens[-2] == ":"

    def _take(self, *wanted: str) -> str:
        token = self._tokens.pop()
        assert not wanted or token in wanted, f"{token} instead of {wanted}"
        return token

    def _statement(self, depth: int) -> Iterator[str]:
        if self._next == "IF":
            yield from self._if(depth)
        elif self._next == "FOR":
            yield from self._for(depth)
        elif self._next == "CASE":
            yield from self._case(depth)
        else:
            target = self._primary()
            self._take(":=")
            yield "    " * depth + f"{target} = {self._expression()}"
        self._take(";")

    def _if(self, depth: int) -> Iterator[str]:
        word = "if"
        while self._next in ("IF", "ELSIF"):
            self._take()
            yield "    " * depth + f"{word} {self._expression()}:"
            self._take("THEN")
            yield from self.block(depth + 1)
            word = "elif"
        if self._next == "ELSE":
            self._take()
            yield "    " * depth + "else:"
            yield from self.block(depth + 1)
        self._take("END_IF")

    def _for(self, depth: int) -> Iterator[str]:
        self._take("FOR")
        name = self._take()
        self._take(":=")
        first = self._expression()
        self._take("TO")
        last, step = self._expression(), 1
        if self._next == "BY":
            self._take()
            self._take("-")
            step = -int(self._take())
        self._take("DO")
        yield "    " * depth + f"for {name} in range({first}, {last} + {step}, {step}):"
        yield from self.block(depth + 1)
        self._take("END_FOR")

    def _case(self, depth: int) -> Iterator[str]:
        self._take("CASE")
        yield "    " * depth + f"case = {self._expression()}"
        self._take("OF")
        while self._is_case_label():
            yield "    " * depth + f"if case == {self._take()}:"
            self._take(":")
            yield from self.block(depth + 1)
        self._take("END_CASE")

    def _expression(self, level: int = 0) -> str:
        if level == len(LEVELS):
            return self._unary()
        left = self._expression(level + 1)
        while self._next in LEVELS[level]:
            sign = self._take()
            right = self._expression(level + 1)
            is_unsigned = sign == "-" and left.startswith("ud")
            left = f"({left} {SIGNS.get(sign, sign)} {right})"
            left = f"({left} & 0xFFFFFFFF)" if is_unsigned else left
        return left

    def _unary(self) -> str:
        if self._next == "NOT":
            self._take()
            return f"(not {self._unary()})"
        return self._primary()

    def _primary(self) -> str:
        word = self._take()
        if word == "(":
            inner = self._expression()
            self._take(")")
            return f"({inner})"
        if word.startswith("WORD#16#"):
            return str(int(word[8:], 16))
        if word in ("TRUE", "FALSE"):
            return word.capitalize()
        if self._tokens and self._next in ("[", "("):
            opening = self._take()
            inner = self._expression()
            self._take("]" if opening == "[" else ")")
            return f"{word}{opening}{inner}{']' if opening == '[' else ')'}"
        return word
