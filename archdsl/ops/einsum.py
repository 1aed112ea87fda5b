"""Products of tensors by an equation of their dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Operator, ShapeError, Target, Use, param, same
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.kinds import Equation
from archdsl.ops.sight import Sees, Slide
from archdsl.ops.strides import Laid, Strides, contiguous, elementwise, viewed


class _Product(NamedTuple):
    """A product of two tensors, as torch computes it: a batch of products of matrices, or, where nothing is summed
    that both have, one of single values."""

    sizes: dict[str, Size]  # of all dimensions left, once those are summed that one of them alone has
    summed: tuple[str, ...]
    lone: tuple[tuple[str, ...], tuple[str, ...]]  # dimensions of the first and of the second that are summed before


@deferred_dataclass
class Einsum(Operator, group="linear"):
    """Sums of products in Einstein's notation: `einsum("bhid,bhjd->bhij", q, k)`.

    A letter stands for a dimension; those that are not behind the arrow are summed. Without an arrow the letters that
    occur once are left, in the order of the alphabet. Products of more than two tensors are taken from the left.
    """

    equation: str = param(Equation(), "a letter for each dimension of each tensor, and of the result")

    inputs = ("inputs",)
    variadic = 1
    scattered = True
    saves = ("crosswise",)
    autocast = "lower"
    examples = (
        Example('einsum("bhid,bhjd->bhij")', ((2, 3, 4, 5), (2, 3, 6, 5)), (2, 3, 4, 6)),
        Example('einsum("bhij,bhjd->bihd")', ((2, 3, 4, 6), (2, 3, 6, 5)), (2, 4, 3, 5)),
        Example('einsum("nctkv,kvw->nctw")', ((2, 3, 4, 2, 5), (2, 5, 6)), (2, 3, 4, 6)),
        Example('einsum("bi,bj->bij")', ((2, 3), (2, 4)), (2, 3, 4)),
        Example('einsum("ijk->ki")', ((2, 3, 4),), (4, 2)),
    )

    @property
    def terms(self) -> tuple[str, ...]:
        """The letters of each tensor."""
        return tuple(self.equation.partition("->")[0].split(","))

    @property
    def left(self) -> str:
        """The letters of the result."""
        before, arrow, after = self.equation.partition("->")
        letters = before.replace(",", "")
        return after if arrow else "".join(sorted(x for x in set(letters) if letters.count(x) == 1))

    def infer(self, *inputs: Shape) -> Shape:
        sizes = self._sizes(inputs)
        return tuple(sizes[letter] for letter in self.left)

    def _sizes(self, inputs: Sequence[Shape]) -> dict[str, Size]:
        """The size of each letter. Raises `ShapeError`."""
        if len(inputs) != len(self.terms):
            message = f"`{self.equation}` is about {len(self.terms)} tensors, found {len(inputs)}"
            raise ShapeError(message, code="wrong-arity")
        sizes: dict[str, Size] = {}
        places: dict[str, tuple[int, int]] = {}
        for i, (term, shape) in enumerate(zip(self.terms, inputs, strict=True)):
            if len(term) != len(shape):
                message = f"`{term}` names {len(term)} dimensions of a tensor that has {len(shape)}"
                raise ShapeError(message, code="wrong-rank", culprits=(i,))
            for dim, (letter, size) in enumerate(zip(term, shape, strict=True)):
                if letter in sizes and not same(sizes[letter], size):
                    message = f"`{letter}` is {sizes[letter]} and {size}"
                    raise ShapeError(message, culprits=(places[letter], (i, dim)))
                sizes.setdefault(letter, size)
                places.setdefault(letter, (i, dim))
        return sizes

    def _products(self, inputs: Sequence[Shape]) -> list[_Product]:
        sizes, found = self._sizes(inputs), []
        so_far = set(self.terms[0])
        for number, term in enumerate(self.terms[1:], 1):
            needed = set(self.left).union(*self.terms[number + 1 :])
            one, other = ({x for x in letters if sizes[x] != 1} for letters in (so_far, set(term)))
            summed = tuple(sorted((one & other) - needed))
            lone = tuple(tuple(sorted(a - b - needed)) for a, b in ((one, other), (other, one)))
            kept = {x: sizes[x] for x in (so_far | set(term)) if x not in {*lone[0], *lone[1]}}
            found.append(_Product(kept, summed, (lone[0], lone[1])))
            so_far = set(kept) - set(summed)
        return found

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return sum((product(each.sizes.values()) for each in self._products(inputs) if each.summed), 0)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # Products of single values; and the sums over what one tensor alone has.
        single = sum((product(each.sizes.values()) for each in self._products(inputs) if not each.summed), 0)
        return single + (product(inputs[0]) if len(inputs) == 1 and len(output) < len(inputs[0]) else 0)

    def _arranged(self, use: Use, number: int, of: _Product) -> Laid | None:
        """One of two factors as a batch of matrices, its dimensions those of the batch, of its own, and summed; None
        where something of it is summed before."""
        term, other = self.terms[number], self.terms[1 - number]
        if of.lone[number]:
            return None
        own = [x for x in self.left if x in term and x not in other]
        batch = [x for x in self.left if x in term and x in other]
        order = [*batch, *own, *of.summed] if number == 0 else [*batch, *of.summed, *own]
        order += [x for x in term if x not in order]  # of size 1
        return use.inputs[number].permuted([term.index(x) for x in order])

    def copies(self, use: Use) -> tuple[Size, ...]:
        if len(use.inputs) != 2:
            return super().copies(use)
        (each,) = self._products(use.shapes)
        found: list[Size] = []
        for number, laid in enumerate(use.inputs):
            arranged = self._arranged(use, number, each)
            if arranged is None:
                gone = product(
                    size for x, size in zip(self.terms[number], laid.shape, strict=True) if x in each.lone[number]
                )
                found.append(product(laid.shape) // gone)
                continue
            term = self.terms[number]
            batch = product(each.sizes[x] for x in self.left if x in self.terms[0] and x in self.terms[1])
            inner = product(each.sizes[x] for x in each.summed)
            own = product(each.sizes[x] for x in self.left if x in term and x not in self.terms[1 - number])
            matrices = (batch, own, inner) if number == 0 else (batch, inner, own)
            found.append(laid.values if each.summed and viewed(arranged, matrices) is None else 0)
        return tuple(found)

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # Of more than two tensors, the products so far.
        products = self._products(inputs)[:-1]
        return sum((product(size for x, size in p.sizes.items() if x not in p.summed) for p in products), 0)

    def aliases(self, training: bool) -> bool:
        return len(self.terms) == 1 and len(self.left) == len(self.terms[0])

    def layout(self, use: Use, output: Shape) -> Strides | None:
        if len(use.inputs) == 1:
            if not self.aliases(True):
                return contiguous(output)
            return use.inputs[0].permuted([self.terms[0].index(x) for x in self.left]).strides
        if len(use.inputs) > 2:
            return contiguous(output)
        (each,) = self._products(use.shapes)
        first, second = self.terms
        if not each.summed:
            return elementwise([self._beside(use, number, output) for number in (0, 1)], output)
        order = [x for x in self.left if x in first and x in second]
        order += [x for x in self.left if x in first and x not in second] + [x for x in self.left if x not in first]
        made = tuple(each.sizes[x] for x in order)
        return Laid(made, contiguous(made)).permuted([order.index(x) for x in self.left]).strides

    def _beside(self, use: Use, number: int, output: Shape) -> Laid:
        """A factor with the dimensions of the result, of size 1 where it has none."""
        term, laid = self.terms[number], use.inputs[number]
        places = [term.index(x) if x in term else None for x in self.left]
        shape = tuple(1 if place is None else laid.shape[place] for place in places)
        return Laid(shape, tuple(0 if place is None else laid.strides[place] for place in places))

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return tuple(Slide(self.left.index(x)) if x in self.left else None for x in self.terms[number])

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.einsum", {"equation": self.equation}, kind="function", pack=True)
