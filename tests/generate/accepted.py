"""What every command is asked to do with a network that `check` accepts, and networks that are hard on some of them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Accepted(NamedTuple):
    """The text of a network; sizes for those it leaves open, as --at takes them, and shapes as --input does."""

    text: str
    at: str = ""
    inputs: tuple[str, ...] = ()


# Sizes that are open, tied to one another, divided, or least where the batch is not 1.
NETWORKS: Final = {
    "closed": Accepted("x: [N, 3, 9, 9]) { x -> conv(4, 3) -> relu -> flatten -> linear(5) }"),
    "open": Accepted(
        "x: [N, 3, H, W]) { x -> conv(4, 3, stride = 2) -> relu -> global_avg_pool -> flatten }",
        "H=32,W=32",
        ("x=1x3x32x32",),
    ),
    "halves": Accepted(
        "x: [N, 3, 2 * H, 2 * W]) { add(x -> max_pool(2) -> interpolate(scale_factor = 2), x) }",
        "H=8,W=8",
        ("x=1x3x16x16",),
    ),
    "tokens": Accepted(
        "x: [N, T, 16]) { x -> linear(16) -> reshape([N, T, 4, 4]) -> permute([0, 2, 1, 3]) }", "T=7", ("x=1x7x16",)
    ),
    "attention": Accepted(
        "q: [N, 4, L, D], k: [N, 4, M, D], v: [N, 4, M, E]) { scaled_dot_product_attention(q, k, v) }",
        "L=5,D=8,M=6,E=4",
        ("q=1x4x5x8", "k=1x4x6x8", "v=1x4x6x4"),
    ),
    "batch": Accepted("x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) -> conv(4, 3) -> relu }"),
    "tied": Accepted("x: [N, N - 1]) { x -> relu }"),
    "doubled": Accepted("x: [2 * N, 4]) { x -> linear(2) }"),
    "remainder": Accepted("x: [N, 4, H % 5 + 3, 8]) { x -> conv(4, [3, 1]) -> relu }", "H=7"),
    "two": Accepted(
        """a: [N, 4], b: [N, 4, T], n = 2) {
    device left, right
    c = a -> linear(n) @left
    output first = c
    output second = b -> mean([2]) -> linear(n) @right @train
    loss cross_entropy(first) + 0.5 * cross_entropy(second)
}""",
        "T=3",
        ("a=1x4", "b=1x4x3"),
    ),
    "bare": Accepted("x: [N, 4]) { x -> relu }"),
    "same": Accepted("x: [N, 4]) { output same = x }"),
    "regions": Accepted("x: [N, 8]) { x -> repeat 3 { linear(8) -> relu @checkpoint } -> linear(2) @frozen }"),
    "ids": Accepted("ids: [N, T]) { ids -> embedding(10, 4) -> layer_norm -> mean([1]) }", "T=6", ("ids=1x6",)),
    "lent": Accepted(
        """ids: [N, T] int64, mask: [N, T] bool) {
    wte = wte: module embedding(10, 4)
    x = (ids -> wte) + (arange(T) -> embedding(32, 4)) * (mask -> unsqueeze(-1)) + (linspace(0, 1, 4) -> buffer)
    output near = x -> linear(4) -> linear(weight = wte.weight, bias = false)
    output far = x -> layer_norm(weight = parameter([4]), bias = tensor([0, 1, 0, 1]) / 2) @train
}""",
        "T=6",
        ("ids=1x6", "mask=1x6"),
    ),
    "parts": Accepted(
        "x: [N, 4, L]) { a, b = x -> conv(4, 3, padding = same) -> chunk(2)\n a * b }", "L=9", ("x=1x4x9",)
    ),
}
# Each is one way to use a command. SPEC is the network, AT and INPUT give the sizes that it leaves open.
COMMANDS: Final = tuple(
    tuple(line.split())
    for line in """
    check SPEC
    check SPEC --lint --json
    lint SPEC --notes
    report SPEC
    report SPEC --json
    report SPEC --all --columns layer,output,params,macs,share
    report SPEC --depth 1 --width 60
    report SPEC --stages
    report SPEC --fields
    report SPEC --by operator
    report SPEC --by stage
    report SPEC --explain-counts
    report SPEC --compare
    report SPEC --symbolic
    report SPEC --symbolic --stages
    report SPEC --format markdown
    report SPEC AT --memory
    report SPEC AT --memory --optimizer adam --dtype mixed --hardware cpu --json
    report SPEC AT --time h100 --json
    report SPEC AT --plot NAME.svg
    report SPEC INPUT --memory
    report SPEC SPEC
    sweep SPEC --over N=4,8
    sweep SPEC AT --pareto params,macs --json
    diff SPEC SPEC
    diff SPEC SPEC --json
    fit SPEC AT --memory 8GiB
    fit SPEC AT --memory 8GiB --inference --json
    fmt --check SPEC
    convert SPEC -o NAME.yaml
    draw SPEC -o NAME.dot
    draw SPEC -o NAME.mmd
    draw SPEC -o NAME.html
    draw SPEC -o NAME.svg --no-fold --depth all
    draw SPEC -o NAME.tex --phase eval
    draw SPEC -o NAME.svg --view stages
    draw SPEC -o NAME.svg --view volumes
    draw SPEC -o NAME.tex --view volumes
    diff SPEC SPEC -o NAME.svg
    diff SPEC closed.arch -o NAME.tex
    diff closed.arch SPEC -o NAME.html --arrange side-by-side
    compile SPEC
    compile SPEC --phase eval --json
    """.strip().splitlines()
)


def arguments(command: tuple[str, ...], name: str, net: Accepted) -> list[str]:
    """A command for the network in the file `name`.arch."""
    instead = {
        "SPEC": [f"{name}.arch"],
        "AT": ["--at", net.at] if net.at else [],
        "INPUT": [word for shape in net.inputs for word in ("--input", shape)],
    }
    return [new.replace("NAME", name) for word in command for new in instead.get(word, [word])]
