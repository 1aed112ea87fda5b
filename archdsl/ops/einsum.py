"""Products of tensors by an equation of their dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Kept, Operator, ShapeError, Target, Use, param, same
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import Reads
from archdsl.ops.kinds import Equation
from archdsl.ops.sight import Sees, Slide
from archdsl.ops.strides import Laid, Strides, contiguous, elementwise, viewed

REST: Final = "9876543210"  # dimensions of `...`, the last of them last


class _Product(NamedTuple):
    """A product of two tensors, as torch computes it: a batch of products of matrices, or, where nothing is summed
    that both have, one of single values."""

    sizes: dict[str, Size]  # of all dimensions left, once those are summed that one of them alone has
    summed: tuple[str, ...]
    lone: tuple[tuple[str, ...], tuple[str, ...]]  # dimensions of the first and of the second that are summed before


@deferred_dataclass
class Einsum(Operator, group="linear"):
    """Sums of products in Einstein's notation: `einsum("bhid,bhjd->bhij", q, k)`.

    A letter stands for a dimension; those that are not behind the arrow are summed. `...` stands for any number of
    dimensions, which broadcast: `einsum("...id,...jd->...ij", q, k)`. Without an arrow those of `...` are left, and the
    letters that occur once, in the order of the alphabet. Products of more than two tensors are taken from the left.
    """

    equation: str = param(Equation(), "a letter for each dimension of each tensor, and of the result")

    inputs = ("inputs",)
    variadic = 1
    scattered = True
    saves = ("crosswise",)
    autocast = "lower"
    reads = (Reads("aten.einsum", ignored=("path",)),)
    examples = (
        Example('einsum("bhid,bhjd->bhij")', ((2, 3, 4, 5), (2, 3, 6, 5)), (2, 3, 4, 6)),
        Example('einsum("bhij,bhjd->bihd")', ((2, 3, 4, 6), (2, 3, 6, 5)), (2, 4, 3, 5)),
        Example('einsum("nctkv,kvw->nctw")', ((2, 3, 4, 2, 5), (2, 5, 6)), (2, 3, 4, 6)),
        Example('einsum("bi,bj->bij")', ((2, 3), (2, 4)), (2, 3, 4)),
        Example('einsum("ijk->ki")', ((2, 3, 4),), (4, 2)),
        Example('einsum("...ij,...jk->...ik")', ((2, 3, 4, 5), (3, 5, 6)), (2, 3, 4, 6)),
        Example('einsum("i...->...i")', ((2, 3, 4),), (3, 4, 2)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        terms = self._terms(inputs)
        sizes = self._sizes(terms, inputs)
        return tuple(sizes[letter] for letter in self._left(terms))

    def _terms(self, inputs: Sequence[Shape]) -> tuple[str, ...]:
        """The letters of each tensor, with digits for the dimensions of `...`, the last of which is 0. Raises
        `ShapeError`."""
        terms = self.equation.partition("->")[0].split(",")
        if len(inputs) != len(terms):
            message = f"`{self.equation}` is about {len(terms)} tensors, found {len(inputs)}"
            raise ShapeError(message, code="wrong-arity")
        found = []
        for i, (term, shape) in enumerate(zip(terms, inputs, strict=True)):
            letters = len(term.replace("...", ""))
            if letters > len(shape) or (letters < len(shape) and "..." not in term):
                message = f"`{term}` names {letters} dimensions of a tensor that has {len(shape)}"
                raise ShapeError(message, code="wrong-rank", culprits=(i,))
            found.append(term.replace("...", REST[len(REST) - (len(shape) - letters) :]))
        return tuple(found)

    def _left(self, terms: Sequence[str]) -> str:
        """The letters of the result."""
        _, arrow, after = self.equation.partition("->")
        rest = max(("".join(filter(str.isdigit, term)) for term in terms), key=len)
        letters = "".join(filter(str.isalpha, "".join(terms)))
        once = "".join(sorted(x for x in set(letters) if letters.count(x) == 1))
        return after.replace("...", rest) if arrow else rest + once

    def _sizes(self, terms: Sequence[str], inputs: Sequence[Shape]) -> dict[str, Size]:
        """The size of each letter. Raises `ShapeError`."""
        sizes: dict[str, Size] = {}
        places: dict[str, tuple[int, int]] = {}
        for i, (term, shape) in enumerate(zip(terms, inputs, strict=True)):
            for dim, (letter, size) in enumerate(zip(term, shape, strict=True)):
                stretched = letter in REST and 1 in (size, sizes.get(letter))
                if letter in sizes and not stretched and not same(sizes[letter], size):
                    named = f"`{letter}`" if letter not in REST else "a dimension of `...`"
                    message = f"{named} is {sizes[letter]} and {size}"
                    raise ShapeError(message, culprits=(places[letter], (i, dim)))
                if letter not in sizes or (stretched and sizes[letter] == 1):
                    sizes[letter], places[letter] = size, (i, dim)
        return sizes

    def _products(self, inputs: Sequence[Shape]) -> list[_Product]:
        terms, found = self._terms(inputs), []
        sizes, left = self._sizes(terms, inputs), self._left(terms)
        so_far = _wide(terms[0], inputs[0])
        for number, term in enumerate(terms[1:], 1):
            needed = set(left).union(*terms[number + 1 :])
            other = _wide(term, inputs[number])
            summed = tuple(sorted((so_far & other) - needed))
            lone = tuple(tuple(sorted(a - b - needed)) for a, b in ((so_far, other), (other, so_far)))
            kept = (so_far | other) - {*lone[0], *lone[1]}
            found.append(_Product({x: sizes[x] for x in kept}, summed, (lone[0], lone[1])))
            so_far = kept - set(summed)
        return found

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return sum((product(each.sizes.values()) for each in self._products(inputs) if each.summed), 0)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # Products of single values; and the sums over what one tensor alone has.
        single = sum((product(each.sizes.values()) for each in self._products(inputs) if not each.summed), 0)
        return single + (product(inputs[0]) if len(inputs) == 1 and len(output) < len(inputs[0]) else 0)

    def _split(self, use: Use, number: int) -> tuple[list[str], list[str]]:
        """What is left of two factors' dimensions: those of the batch, which both have, and those of this factor."""
        terms = self._terms(use.shapes)
        here, there = (_wide(terms[i], use.shapes[i]) for i in (number, 1 - number))
        left = self._left(terms)
        return [x for x in left if x in here and x in there], [x for x in left if x in here and x not in there]

    def _arranged(self, use: Use, number: int, of: _Product) -> Laid | None:
        """One of two factors as a batch of matrices, its dimensions those of the batch, of its own, and summed; None
        where something of it is summed before."""
        if of.lone[number]:
            return None
        term = self._terms(use.shapes)[number]
        batch, own = self._split(use, number)
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
                term = self._terms(use.shapes)[number]
                gone = product(size for x, size in zip(term, laid.shape, strict=True) if x in each.lone[number])
                found.append(product(laid.shape) // gone)
                continue
            batch, own = (product(each.sizes[x] for x in letters) for letters in self._split(use, number))
            inner = product(each.sizes[x] for x in each.summed)
            matrices = (batch, own, inner) if number == 0 else (batch, inner, own)
            found.append(laid.values if each.summed and viewed(arranged, matrices) is None else 0)
        return tuple(found)

    def keeps(self, use: Use) -> Kept:
        if len(use.inputs) <= 2:
            return super().keeps(use)
        # Of more than two tensors, each is multiplied by the product of those before it.
        found: list[int] = []
        values: Size = 0
        so_far: Size = 0
        for number, each in enumerate(self._products(use.shapes), 1):
            if use.wanted[number] and number > 1:
                values = values + so_far
            elif use.wanted[number]:
                found.append(0)
            if any(use.wanted[:number]):
                found.append(number)
            so_far = product(size for x, size in each.sizes.items() if x not in each.summed)
        return Kept(tuple(found), values=values)

    def aliases(self, training: bool) -> bool:
        before, arrow, after = self.equation.partition("->")
        return "," not in before and (not arrow or sorted(before) == sorted(after))

    def layout(self, use: Use, output: Shape) -> Strides | None:
        terms = self._terms(use.shapes)
        left = self._left(terms)
        if len(terms) == 1:
            if not self.aliases(True):
                return contiguous(output)
            return use.inputs[0].permuted([terms[0].index(x) for x in left]).strides
        if len(terms) > 2:
            return contiguous(output)
        (each,) = self._products(use.shapes)
        if not each.summed:
            gone = sorted(set("".join(terms)) - set(left))  # of size 1, behind those that are left
            factors = [self._beside(use, number, [*left, *gone]) for number in (0, 1)]
            return elementwise(factors, (*output, *(1 for _ in gone)))[: len(output)]
        batch, own = self._split(use, 0)
        order = [*batch, *own, *(x for x in left if x not in (*batch, *own))]
        made = tuple(each.sizes.get(x, 1) for x in order)
        return Laid(made, contiguous(made)).permuted([order.index(x) for x in left]).strides

    def _beside(self, use: Use, number: int, letters: Sequence[str]) -> Laid:
        """A factor with the dimensions of the product, of size 1 where it has none."""
        term, laid = self._terms(use.shapes)[number], use.inputs[number]
        places = [term.index(x) if x in term else None for x in letters]
        shape = tuple(1 if place is None else laid.shape[place] for place in places)
        return Laid(shape, tuple(0 if place is None else laid.strides[place] for place in places))

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        terms = self._terms(inputs)
        left, found = self._left(terms), []
        for letter, size in zip(terms[number], inputs[number], strict=True):
            stretched = letter in REST and size == 1 and letter in left and output[left.index(letter)] != 1
            found.append(Slide(left.index(letter)) if letter in left and not stretched else None)
        return tuple(found)

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.einsum", {"equation": self.equation}, kind="function", pack=True)


def _wide(term: str, shape: Shape) -> set[str]:
    """The letters of a tensor's dimensions that are not of size 1: the others take no part."""
    return {letter for letter, size in zip(term, shape, strict=True) if size != 1}
