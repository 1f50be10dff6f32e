"""The template language of prompts: jinja's syntax over plain data, without code, bounded in work.

A study folder may come from anybody, and its templates with it. So a template prints, branches,
loops over what it is given, uses the filters below and calls the macros it defines itself; it knows
no method, no function, no file and no other template. Every character that it makes or looks at is
taken from one allowance before it is made or looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType
from typing import Any

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateError,
    TemplateRuntimeError,
    TemplateSyntaxError,
    nodes,
    pass_context,
)
from jinja2.filters import FILTERS
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.visitor import NodeTransformer

LONGEST = 30_000
"""Characters a template may have."""
ALLOWANCE = 20_000_000
"""Characters that one rendering may make and look at; the prompt of a model that reads a million
tokens takes half of it."""
PASS, CALL = 20, 200
"""Characters that a pass of a loop and a call of a macro count for, besides the words in them."""
LARGEST = 10**12
"""No number of a template is larger."""

_FREE = ("count", "d", "default", "first", "last", "length")
"""Filters whose work does not grow with what they are given."""
_LINEAR = (
    "capitalize", "groupby", "items", "list", "lower", "map", "reject", "rejectattr", "reverse",
    "select", "selectattr", "sort", "string", "title", "trim", "truncate", "unique", "upper",
    "wordcount",
)  # fmt: skip
_MULTIPLYING = ("indent", "join", "replace")
"""Filters whose result can be as long as all that they are given, multiplied."""
_FREE_TESTS = (
    "boolean", "defined", "even", "false", "integer", "iterable", "mapping", "none", "number",
    "odd", "sequence", "string", "true", "undefined",
)  # fmt: skip
_LINEAR_TESTS = ("==", "!=", "eq", "equalto", "in", "lower", "ne", "upper")
_LOOP = (
    "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0",
)  # fmt: skip
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Macro, nodes.With,
    nodes.Assign, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair,
    nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword, nodes.Getattr,
    nodes.Getitem, nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.FloorDiv, nodes.Mod,
)  # fmt: skip
_SPELLED = {
    "Extends": "{% extends %}", "Include": "{% include %}", "Import": "{% import %}",
    "FromImport": "{% import %}", "Block": "{% block %}", "CallBlock": "{% call %}",
    "FilterBlock": "{% filter %}", "AssignBlock": "{% set %} with a body", "NSRef": "a namespace",
    "Scope": "{% autoescape %}", "Pow": "**", "Div": "/",
}  # fmt: skip
_PRINTABLE = (str, int, type(None), StrictUndefined)
_WEIGHED, _EACH = "(weighed)", "(each)"
"""Filters that a template cannot spell."""


@dataclass(frozen=True)
class Parsed:
    """A template that can be rendered; ``variables`` are the names of the values it must be given,
    ``macros`` the names of those that can be rendered."""

    template: Template
    variables: frozenset[str]
    macros: frozenset[str]


def parse(text: str) -> Parsed:
    """The template in ``text``.

    Raises ``TemplateSyntaxError``, which has the line, for what is no template and for what
    templates cannot do.
    """
    if len(text) > LONGEST:
        raise TemplateSyntaxError(f"it has more than {LONGEST:,} characters", 1)
    with _allowance():
        try:
            tree = _ENVIRONMENT.parse(text)
            known = {macro.name for macro in tree.find_all(nodes.Macro)}
            for node in tree.find_all(nodes.Node):
                if problem := _problem(node, known):
                    raise TemplateSyntaxError(problem, node.lineno or 1)
            variables = frozenset(find_undeclared_variables(tree))
            bounded = _Bounded().visit(tree)
            bounded.set_environment(_ENVIRONMENT)
            macros = frozenset(n.name for n in tree.body if isinstance(n, nodes.Macro))
            return Parsed(_ENVIRONMENT.from_string(bounded), variables, macros)
        except (RecursionError, MemoryError, SyntaxError):
            # Python's, about what jinja made of it.
            raise TemplateSyntaxError("it is nested too deeply", 1) from None
        except ValueError as error:
            raise TemplateSyntaxError(str(error), 1) from None


def render(template: Template, macro: str, values: Mapping[str, object]) -> str:
    """What ``macro`` of ``template`` prints. Raises ``TemplateError`` for whatever goes wrong."""
    with _allowance():
        try:
            # "Shared", or jinja goes through its chain of globals again for every message.
            module = template.make_module(dict(values), shared=True)
            return str(getattr(module, macro)())
        except TemplateError:
            raise
        except RecursionError:
            raise TemplateRuntimeError("its macros call each other without end") from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise TemplateRuntimeError(str(error)) from None


# --- what is in the language --------------------------------------------------------------------


def _problem(node: nodes.Node, macros: Set[str]) -> str:
    """Why a template cannot hold ``node``; empty when it can."""
    if not isinstance(node, _NODES):
        kind = type(node).__name__
        return f"templates have no {_SPELLED.get(kind, kind.lower())}"
    if isinstance(node, nodes.For) and node.recursive:
        return "templates have no recursive loops"
    if isinstance(node, nodes.Call | nodes.Filter | nodes.Test) and (
        node.dyn_args or node.dyn_kwargs
    ):
        return "templates have no * and ** for arguments"
    if isinstance(node, nodes.Call):
        called = node.node
        if not isinstance(called, nodes.Name) or called.name not in macros:
            name = getattr(called, "attr", getattr(called, "name", "this"))
            return f"a template calls its own macros alone, not {name}(); many are also filters"
    if isinstance(node, nodes.Const) and isinstance(node.value, float):
        return "templates have whole numbers only"
    if isinstance(node, nodes.Filter) and node.name not in _ENVIRONMENT.filters:
        return f"templates have no filter {node.name!r}"
    if isinstance(node, nodes.Test) and node.name not in _ENVIRONMENT.tests:
        return f"templates have no test {node.name!r}"
    parts = node.items if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict) else ()
    stored = isinstance(node, nodes.Tuple) and node.ctx == "store"
    constant = (nodes.Const, nodes.Pair, nodes.List, nodes.Tuple, nodes.Dict)
    if not stored and not all(isinstance(part, constant) for part in parts):
        # Of values, lists could be built that hold themselves twice, again and again.
        return "a list in a template holds constants alone"
    return ""


class _Bounded(NodeTransformer):
    """Puts what takes from the allowance around what jinja does by itself."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        self.generic_visit(node)
        inside = (data for part in node.body for data in part.find_all(nodes.TemplateData))
        words = nodes.Const(sum(len(data.data) for data in inside))
        node.iter = nodes.Filter(node.iter, _EACH, [words], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Concat:  # noqa: N802
        self.generic_visit(node)
        node.nodes = [_around(part) for part in node.nodes]
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        self.generic_visit(node)
        node.expr = _around(node.expr)
        for operand in node.ops:
            operand.expr = _around(operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _around(node.node)
        return node


def _around(node: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(node, _WEIGHED, [], [], None, None, lineno=node.lineno)


# --- what it may take ---------------------------------------------------------------------------

_LEFT: ContextVar[list[int]] = ContextVar("allowance")


@contextmanager
def _allowance() -> Iterator[None]:
    before = _LEFT.set([ALLOWANCE])
    try:
        yield
    finally:
        _LEFT.reset(before)


def _take(characters: int) -> None:
    left = _LEFT.get()
    left[0] -= characters
    if left[0] < 0:
        raise TemplateRuntimeError(
            f"it takes more than {ALLOWANCE:,} characters of work; has a loop or a macro no end?"
        )


def _weight(value: object) -> int:
    """How many characters it takes to look at all of ``value``."""
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, tuple | list):
        return sum(map(_weight, value), 1)
    return len(value) + 1 if isinstance(value, dict | MappingProxyType) else 1


def _weighed(value: object) -> object:
    _take(_weight(value))
    return value


def _each(items: Iterable[object], words: int) -> Iterator[object]:
    for item in items:
        _take(PASS + words)
        yield item


@pass_context
def _printed(_: Context, value: object) -> object:
    """``value``, if it can be printed. Told the context, so that nothing is printed by jinja's
    compiler already."""
    if not isinstance(value, _PRINTABLE):
        raise TemplateRuntimeError("only texts and whole numbers can be printed")
    _take(_weight(value))
    return value


def _counted(function: Callable[..., Any], multiplying: bool = False) -> Callable[..., Any]:
    @wraps(function)
    def counted(*given: Any, **named: Any) -> Any:
        values = [list(value) if isinstance(value, Iterator) else value for value in given]
        taken = 0
        for value in (*values, *named.values()):
            weight = max(_weight(value), value if isinstance(value, int) else 0)
            taken = max(taken, 1) * weight if multiplying else taken + weight
        _take(taken)
        made = function(*values, **named)
        if isinstance(made, str):
            _take(len(made))
        return made

    return counted


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "//", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, keep_trailing_newline=True, finalize=_printed,
            optimized=False,
        )  # fmt: skip
        self.globals.clear()
        filters: Mapping[str, Any] = FILTERS
        tests: Mapping[str, Any] = TESTS
        self.filters = {name: filters[name] for name in _FREE}
        self.filters |= {name: _counted(filters[name]) for name in _LINEAR}
        self.filters |= {name: _counted(filters[name], multiplying=True) for name in _MULTIPLYING}
        self.filters |= {_WEIGHED: _weighed, _EACH: _each}
        self.tests = {name: tests[name] for name in _FREE_TESTS}
        self.tests |= {name: _counted(tests[name]) for name in _LINEAR_TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What a loop tells of itself; of all else, an item."""
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item or the field of a record, and never another attribute."""
        if argument in getattr(type(obj), "_fields", ()):
            return getattr(obj, argument)
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, Macro)

    def call(self, context: Context, obj: Any, /, *given: Any, **named: Any) -> Any:
        _take(CALL)
        made = super().call(context, obj, *given, **named)
        _take(len(made))
        return made

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic of numbers that stay small; a text can be repeated, and put behind another."""
        numbers = isinstance(left, int) + isinstance(right, int)
        texts = isinstance(left, str) + isinstance(right, str)
        if operator == "*" and texts == numbers == 1:
            text, times = (left, right) if isinstance(left, str) else (right, left)
            _take(max(len(text) * times, 0))
        elif operator == "+" and texts == 2:
            _take(len(left) + len(right))
        elif numbers != 2:
            kinds = f"{type(left).__name__} {operator} {type(right).__name__}"
            raise TemplateRuntimeError(f"templates have no {kinds}")
        made = super().call_binop(context, operator, left, right)
        if isinstance(made, int) and abs(made) > LARGEST:
            raise TemplateRuntimeError(f"a number is larger than {LARGEST:,}")
        return made


_ENVIRONMENT = _Environment()
