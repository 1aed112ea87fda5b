"""What every command is asked to do with a network that `check` accepts, and networks that are hard on some of them."""

from __future__ import annotations

from typing import Final

# Sizes that are open, tied to one another, divided, or least where the batch is not 1.
NETWORKS: Final = {
    "closed": "network Net(x: [N, 3, 9, 9]) { x -> conv(4, 3) -> relu -> flatten -> linear(5) }",
    "open": "network Net(x: [N, 3, H, W]) { x -> conv(4, 3, stride = 2) -> relu -> global_avg_pool -> flatten }",
    "halves": "network Net(x: [N, 3, 2 * H, 2 * W]) { x -> max_pool(2) -> interpolate(scale_factor = 2) + x }",
    "tokens": "network Net(x: [N, T, 16]) { x -> linear(16) -> reshape([N, T, 4, 4]) -> permute([0, 2, 1, 3]) }",
    "attention": """network Net(q: [N, 4, L, D], k: [N, 4, M, D], v: [N, 4, M, E]) {
        scaled_dot_product_attention(q, k, v)
    }""",
    "batch": "network Net(x: [N, 3, 8, 8]) { x -> slice(3, dim = 0) -> conv(4, 3) -> relu }",
    "tied": "network Net(x: [N, N - 1]) { x -> relu }",
    "doubled": "network Net(x: [2 * N, 4]) { x -> linear(2) }",
    "remainder": "network Net(x: [N, 4, H % 5 + 3, 8]) { x -> conv(4, [3, 1]) -> relu }",
    "two": """network Net(a: [N, 4], b: [N, 4, T], n = 2) {
        device left, right
        c = a -> linear(n) @left
        output first = c
        output second = b -> mean([2]) -> linear(n) @right @train
        loss cross_entropy(first) + 0.5 * cross_entropy(second)
    }""",
    "bare": "network Net(x: [N, 4]) { x -> relu }",
    "same": "network Net(x: [N, 4]) { output x = x }",
    "regions": "network Net(x: [N, 8]) { x -> repeat 3 { linear(8) -> relu @checkpoint } -> linear(2) @frozen }",
    "ids": "network Net(ids: [N, T]) { ids -> embedding(10, 4) -> layer_norm -> mean([1]) }",
    "long": "network Net(x: [N, 4, L]) { x -> conv(4, 3, padding = same) -> chunk(2) }",
}
# Each is one way to use a command; SPEC is the network. What draws needs sizes, AT gives those that are left open.
COMMANDS: Final = tuple(
    line.split()
    for line in """
    check SPEC
    check SPEC --lint --json
    lint SPEC --notes
    report SPEC
    report SPEC --json
    report SPEC --all --columns layer,output,params,macs,share,bytes,intensity
    report SPEC --depth 1 --width 60
    report SPEC --stages
    report SPEC --fields
    report SPEC --by op
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
    report SPEC SPEC
    sweep SPEC --over N=4,8
    sweep SPEC AT --over N=4,8 --pareto params,macs --json
    diff SPEC SPEC
    diff SPEC SPEC --json
    fit SPEC AT --memory 8GiB
    fit SPEC AT --memory 8GiB --inference --json
    fmt --check SPEC
    convert SPEC
    draw SPEC -o NAME.dot
    draw SPEC -o NAME.mmd
    draw SPEC -o NAME.html
    draw SPEC -o NAME.svg --no-fold --depth all
    draw SPEC -o NAME.tex --phase eval
    draw SPEC -o NAME.svg --view stages
    draw SPEC -o NAME.svg --view volumes
    draw SPEC -o NAME.tex --view volumes
    diff SPEC SPEC -o NAME.svg
    diff SPEC closed.arch -o NAME.dot
    diff closed.arch SPEC -o NAME.html --arrange side-by-side
    compile SPEC
    compile SPEC --phase eval --json
    """.strip().splitlines()
)
