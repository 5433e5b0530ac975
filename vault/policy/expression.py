"""The `when` language: an exact, closed subset of Python expressions over named facts.

Literals are read from their source text, so 0.1 is one tenth. Every operand is evaluated, there is no
short circuit and no truthiness; a missing or stale fact or a wrong type is an error, and the engine
reads an error as deny. Refuses calls, lambdas, comprehensions, powers and names that are no facts.
"""

from __future__ import annotations

import ast
import decimal
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, NoReturn, TypeAlias

from vault.errors import MoneyError, PolicyError
from vault.money import CONTEXT, exact_decimal

# A condition is a line that a person reads and judges.
MAX_LENGTH: Final = 500
MAX_NODES: Final = 60
MAX_DEPTH: Final = 12
# Intermediate results beyond this are a mistake; with only + - * / they cannot grow far anyway.
MAX_MAGNITUDE: Final = Decimal(10) ** 40

# What an expression may be written with. Leaves out everything the language has no use for, non-ASCII
# letters above all: Python normalises look-alikes to the same identifier.
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9_ .,<>=!+\-*/()\"'\n\t]*", re.ASCII)
_TEXT: Final = re.compile(r"""(?:"[^"\n]*"|'[^'\n]*')""", re.ASCII)

Value: TypeAlias = "Decimal | bool | str"
Reader: TypeAlias = "Callable[[str], Value]"


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression; `facts` are the names it reads, in order of appearance."""

    text: str
    root: ast.expr
    facts: tuple[str, ...]

    def evaluate(self, read: Reader) -> Value:
        """The value; raises `PolicyError` for a fact that cannot be read or a type that does not fit."""
        with localcontext(CONTEXT):
            return _Evaluator(self.text, read).value(self.root)

    def holds(self, read: Reader) -> bool:
        """The value as a condition. Raises `PolicyError` unless it is true or false."""
        value = self.evaluate(read)
        if not isinstance(value, bool):
            raise PolicyError(
                "type_mismatch", f"expected a condition, found {_kind(value)} from {self.text!r}"
            )
        return value


@functools.lru_cache(maxsize=512)
def parse_expression(text: str) -> Expression:
    """Check and parse. Raises `PolicyError` (``policy.bad_expression``) with the column, from 1."""
    if len(text) > MAX_LENGTH:
        raise PolicyError("bad_expression", f"expected at most {MAX_LENGTH} characters, found {len(text)}")
    allowed = _CHARACTERS.match(text)
    if allowed is None or allowed.end() != len(text):
        column = allowed.end() if allowed else 0
        _refuse(text, column, f"the character {text[column]!r} has no meaning here")
    _check_parentheses(text)
    flat = text.replace("\n", " ").replace("\t", " ")
    try:
        root = ast.parse(flat.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None) or 1
        raise PolicyError("bad_expression", f"column {column}: not an expression: {flat.strip()!r}") from None
    checker = _Checker(flat.strip())
    checker.check(root, 1)
    return Expression(flat.strip(), root, tuple(dict.fromkeys(checker.facts)))


def _refuse(text: str, column: int, what: str) -> NoReturn:
    raise PolicyError(
        "bad_expression",
        f"column {column + 1}: {what} in {text!r}",
        hint="Facts, numbers, quoted text, and or not, + - * /, comparisons, in (…), parentheses.",
        column=str(column + 1),
    )


def _check_parentheses(text: str) -> None:
    depth = 0
    for column, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth > MAX_DEPTH:
            _refuse(text, column, f"more than {MAX_DEPTH} parentheses deep")


_BINARY: Final[Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_ORDER: Final[Mapping[type[ast.cmpop], Callable[[Decimal, Decimal], bool]]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
_COMPARISONS: Final = (*_ORDER, ast.Eq, ast.NotEq, ast.In, ast.NotIn)


class _Checker:
    """Walks the tree once: only nodes of the language, within the caps; collects the facts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.nodes = 0
        self.facts: list[str] = []

    def check(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            _refuse(self.text, node.col_offset, "too many parts" if self.nodes > MAX_NODES else "too deep")
        if isinstance(node, ast.Constant):
            _literal(self.text, node)
        elif isinstance(node, ast.Attribute):
            self.facts.append(_fact_name(self.text, node))
        elif isinstance(node, ast.BoolOp):
            self._all(node.values, depth)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            self.check(node.operand, depth + 1)
        elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            self._all([node.left, node.right], depth)
        elif isinstance(node, ast.Compare) and all(type(op) in _COMPARISONS for op in node.ops):
            self.check(node.left, depth + 1)
            for op, right in zip(node.ops, node.comparators, strict=True):
                if isinstance(op, ast.In | ast.NotIn):
                    self._choices(right, depth)
                else:
                    self.check(right, depth + 1)
        else:
            _refuse(self.text, node.col_offset, f"{_described(node)} is not part of the language")

    def _all(self, nodes: list[ast.expr], depth: int) -> None:
        for node in nodes:
            self.check(node, depth + 1)

    def _choices(self, node: ast.expr, depth: int) -> None:
        if not isinstance(node, ast.Tuple) or not node.elts:
            _refuse(self.text, node.col_offset, 'expected a list such as ("a", "b") after `in`')
        for item in node.elts:
            if not isinstance(item, ast.Constant):
                _refuse(self.text, item.col_offset, "expected literals after `in`")
            self.check(item, depth + 1)


def _described(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return f"the bare name {node.id!r}"
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        return f"the operator {type(node.op).__name__}"
    return type(node).__name__


def _fact_name(text: str, node: ast.Attribute) -> str:
    if not isinstance(node.value, ast.Name):
        _refuse(text, node.col_offset, "expected a fact such as account.equity")
    name = f"{node.value.id}.{node.attr}"
    if "__" in name or ast.get_source_segment(text, node) != name:
        _refuse(text, node.col_offset, f"expected a fact such as account.equity, found {name!r}")
    return name


def _literal(text: str, node: ast.Constant) -> Value:
    """The literal's value from its source text, so that no digit passes through a float."""
    source = ast.get_source_segment(text, node) or ""
    if isinstance(node.value, bool):
        return node.value
    if isinstance(node.value, str) and _TEXT.fullmatch(source):
        return source[1:-1]
    if isinstance(node.value, int | float):
        try:
            return exact_decimal(source, what="literal")
        except MoneyError as error:
            _refuse(text, node.col_offset, error.message)
    _refuse(text, node.col_offset, f"the literal {source[:20]!r} is not part of the language")


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, Decimal) else "text"


class _Evaluator:
    """Evaluates a checked tree; every operand is read even when the answer is already known."""

    def __init__(self, text: str, read: Reader) -> None:
        self.text = text
        self.read = read

    def value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return _literal(self.text, node)
        if isinstance(node, ast.Attribute):
            return self.read(_fact_name(self.text, node))
        if isinstance(node, ast.BoolOp):
            values = [self._truth(item) for item in node.values]
            return all(values) if isinstance(node.op, ast.And) else any(values)
        if isinstance(node, ast.UnaryOp):
            return (
                not self._truth(node.operand) if isinstance(node.op, ast.Not) else -self._number(node.operand)
            )
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        _refuse(self.text, node.col_offset, "not part of the language")

    def _truth(self, node: ast.expr) -> bool:
        value = self.value(node)
        if not isinstance(value, bool):
            self._mismatch(node, "true or false", value)
        return value

    def _number(self, node: ast.expr) -> Decimal:
        value = self.value(node)
        if not isinstance(value, Decimal):
            self._mismatch(node, "a number", value)
        return value

    def _mismatch(self, node: ast.expr, expected: str, value: Value) -> NoReturn:
        raise PolicyError(
            "type_mismatch",
            f"column {node.col_offset + 1}: expected {expected}, found {_kind(value)} in {self.text!r}",
        )

    def _arithmetic(self, node: ast.BinOp) -> Decimal:
        left, right = self._number(node.left), self._number(node.right)
        try:
            result = _BINARY[type(node.op)](left, right)
        except decimal.DecimalException as error:
            raise PolicyError(
                "arithmetic", f"column {node.col_offset + 1}: {type(error).__name__} in {self.text!r}"
            ) from None
        if abs(result) > MAX_MAGNITUDE:
            raise PolicyError("arithmetic", f"column {node.col_offset + 1}: too large in {self.text!r}")
        return result

    def _compare(self, node: ast.Compare) -> bool:
        operands = [node.left, *node.comparators]
        results = []
        left = self.value(node.left)
        for op, right_node in zip(node.ops, operands[1:], strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                found = self._among(left, right_node)
                results.append(found if isinstance(op, ast.In) else not found)
                continue
            right = self.value(right_node)
            results.append(self._pair(op, left, right, right_node))
            left = right
        return all(results)

    def _pair(self, op: ast.cmpop, left: Value, right: Value, node: ast.expr) -> bool:
        if type(left) is not type(right):
            self._mismatch(node, _kind(left), right)
        if isinstance(op, ast.Eq | ast.NotEq):
            return (left == right) is isinstance(op, ast.Eq)
        if not isinstance(left, Decimal) or not isinstance(right, Decimal):
            self._mismatch(node, "a number", right)
        return _ORDER[type(op)](left, right)

    def _among(self, left: Value, node: ast.expr) -> bool:
        assert isinstance(node, ast.Tuple)  # noqa: S101 -- the checker has refused everything else
        found = False
        for item in node.elts:
            value = self.value(item)
            if type(value) is not type(left):
                self._mismatch(item, _kind(left), value)
            found = found or value == left
        return found
