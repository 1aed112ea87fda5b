"""Sizes that torch writes as expressions, such as `s31*64 + 1`, as those of the language."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from archdsl.dims import Size, product, symbol, total


def size_of(text: str, name: Callable[[str], str]) -> Size:
    """A size; `name` says what a symbol is called. Raises `ValueError` for what is no sum of products."""
    return _value(ast.parse(text, mode="eval").body, name)


def _value(node: Any, name: Callable[[str], str]) -> Size:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=found):
            return symbol(name(found))
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, name), _value(right, name)
            if isinstance(op, ast.Add):
                return a + b
            if isinstance(op, ast.Sub):
                return a - b
            if isinstance(op, ast.Mult):
                return a * b
            if isinstance(op, ast.FloorDiv):
                return a // b
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -1 * _value(operand, name)
        case ast.Call(func=ast.Name(id="FloorDiv"), args=[left, right]):
            return _value(left, name) // _value(right, name)
        case ast.Call(func=ast.Name(id="Symbol"), args=[ast.Constant(value=str(found))]):
            return symbol(name(found))
        case ast.Call(func=ast.Name(id="Integer"), args=[ast.Constant(value=int(value))]):
            return value
        case ast.Call(func=ast.Name(id="Integer"), args=[inner]):
            return _value(inner, name)
        case ast.Call(func=ast.Name(id="Add"), args=terms):
            return total(_value(term, name) for term in terms)
        case ast.Call(func=ast.Name(id="Mul"), args=terms):
            return product(_value(term, name) for term in terms)
    raise ValueError(f"a size that is no sum of products: {ast.unparse(node)}")
