"""How the weights of a network follow from those of another, as data: a few expressions over named tensors.

The compiler evaluates them (`compiler/derived_weights.py`), in float64, and rounds the result once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Taken:
    """A tensor of the other network, by its key in the `state_dict`."""

    name: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Tensors one after the other along a dimension."""

    parts: tuple[Expression, ...]
    dim: int


@dataclass(frozen=True, slots=True)
class Added:
    """The sum of tensors, which broadcast."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Scaled:
    """A tensor times a vector along one of its dimensions; `sign` is 1 or -1."""

    tensor: Expression
    by: Expression
    dim: int = 0
    sign: int = 1


@dataclass(frozen=True, slots=True)
class InverseRoot:
    """1 / √(x + eps)."""

    of: Expression
    eps: float


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix times a tensor, over the columns of the matrix and the first dimension of the tensor.

    Dimensions of size 1 after the second, those of a 1×1 kernel, are taken off the matrix.
    """

    matrix: Expression
    tensor: Expression


Expression: TypeAlias = Taken | Joined | Added | Scaled | InverseRoot | Product
