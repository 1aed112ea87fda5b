"""Diagnostics of values, and of the arguments that operators and blocks are given."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "missing-argument": Entry(
        "a parameter without a default is not given",
        """
        The operator or block needs a value that the call leaves out, and there is no default to take instead. The
        help text shows the whole call.

        A setting of a network needs a default too, unless every variant gives it a value, so that the network can be
        looked at without further questions. An input is told from a setting by its shape: `image: [N, 3, 224, 224]`.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> conv(8) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3) }",
    ),
    "wrong-arity": Entry(
        "too many or too few arguments or tensors",
        """
        The operator or block takes another number of tensors, of values by position, or of names to unpack into.

        Layers of torch.nn are told the size of their input first; here it is known from the tensor. So
        `nn.Conv2d(3, 16, 3)` is `conv(16, 3)`, `nn.Linear(64, 10)` is `linear(10)`, and `nn.BatchNorm2d(16)` is
        `batch_norm`. Values after the sizes are given by name only, `stride = 2`, so that the two ways of counting
        cannot be confused without a word.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> conv(3, 16, 3) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv(16, 3) }",
    ),
    "wrong-type": Entry(
        "a value of another kind is needed",
        """
        Tensors, numbers, booleans, strings, lists and modules are different kinds of values, and none is taken for
        another: a condition is a boolean and not a number, an operator of one tensor does not take a list of them, a
        parameter declared `int` takes no fraction.

        Conditions are decided before the network runs, so they cannot ask for a tensor's values, only for its shape.
        Of a list of tensors pick one by its index, or join them with `concat` or `add`.
        """,
        wrong="network Net(x: [N, 4], deep = 1) { x -> if deep { linear(8) } -> linear(2) }",
        right="network Net(x: [N, 4], deep = 1) { x -> if deep > 0 { linear(8) } -> linear(2) }",
    ),
    "bad-value": Entry(
        "a static expression has no value",
        """
        The expression is worked out before the network runs, and has no result: a division by zero, an index beyond
        the end of a list, the logarithm of a negative number, the maximum of an empty list.

        The message says which value it was. Lists count from 0, and `[-1]` is the last item.
        """,
        wrong="network Net(x: [N, 4], widths = [8, 2]) { x -> linear(widths[1]) -> linear(widths[2]) }",
        right="network Net(x: [N, 4], widths = [8, 2]) { x -> linear(widths[0]) -> linear(widths[1]) }",
    ),
    "bad-parameter": Entry(
        "a parameter's value is not allowed",
        """
        The operator declares which values a parameter takes, and this one is none of them: no integer, out of
        bounds, or at odds with another parameter. torch refuses it in the middle of a forward pass, or, which is
        worse, takes it for something else: a kernel size of `true` is 1 to torch, and a `flatten` from dimension 0
        mixes the images of a batch.

        docs/operators.md says for each parameter what it takes. `/` gives a fraction where it does not divide evenly;
        `//` rounds down.
        """,
        wrong="network Net(image: [N, 3, 8, 8], width = 7) { image -> conv(width / 2, 3) }",
        right="network Net(image: [N, 3, 8, 8], width = 7) { image -> conv(width // 2, 3) }",
    ),
    "not-constant": Entry(
        "what is to be kept depends on an input or a weight",
        """
        `buffer(value)` and `parameter(value)` keep a tensor under a name: it is worked out once, when the network is
        made, and saved with it. So it is made of constants alone, `arange`, `zeros`, `tensor` and what operators make
        of them, and its sizes are numbers.

        What depends on an input is another at each run: use it as it is, without keeping it. A tensor that is to be
        learnt from the start is `parameter([…], init = …)`.
        """,
        wrong="network Net(x: [N, 4]) { x + (x -> mean([0]) -> buffer) }",
        right="network Net(x: [N, 4]) { x + (arange(4) / 4 -> buffer) }",
    ),
    "unused-expression": Entry(
        "a value is computed and dropped",
        """
        A line computes a value that no name is bound to and nothing reads. Only the last line of a body is its value.
        Most often the next line was meant to go on with it, and lacks its `->`; torch would train the network without
        these layers and never say so.

        Begin the next line with `->`, bind the value to a name, or make it an output of its own, `output aux = …`.
        """,
        wrong="""
        network Net(x: [N, 4]) {
            x -> linear(8) -> relu
            x -> linear(2)
        }
        """,
        right="""
        network Net(x: [N, 4]) {
            x -> linear(8) -> relu
                -> linear(2)
        }
        """,
    ),
    "no-value": Entry(
        "a body without a value",
        """
        The last expression of a body is its value, what the block or branch gives back. This body ends with a
        binding, or is empty.

        End it with the expression, or with the name alone. There is no `return`.
        """,
        wrong="""
        block head(x) { y = x -> linear(2) }

        network Net(x: [N, 4]) { x -> head }
        """,
        right="""
        block head(x) { x -> linear(2) }

        network Net(x: [N, 4]) { x -> head }
        """,
    ),
    "assertion": Entry(
        "a condition that the spec states does not hold",
        """
        `assert condition, "message"` states what must hold for a block or network to make sense: that heads divide
        the width, say. Here it does not; the message is the author's, and the help text says what the names in the
        condition stand for.

        Look at the call that the chain names, and give it other values.
        """,
        wrong="""
        block heads(x: [N, C], count) {
            assert C % count == 0, "${count} heads do not divide ${C} channels"
            x -> reshape([N, count, C // count])
        }

        network Net(x: [N, 8]) { x -> heads(3) }
        """,
        right="""
        block heads(x: [N, C], count) {
            assert C % count == 0, "${count} heads do not divide ${C} channels"
            x -> reshape([N, count, C // count])
        }

        network Net(x: [N, 8]) { x -> heads(4) }
        """,
    ),
}
