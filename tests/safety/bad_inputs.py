"""Inputs that are no good, and the codes of the diagnostics they get. `text` and `yaml` say the same in either form.

The ids stay when the wording changes. `ELSEWHERE` are those that need files, options or a diagram, with the test that
has them; `OTHERWISE` are those where this language differs on purpose, or that nothing here can show yet.
"""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {}
YAMLS: dict[str, tuple[str, str]] = {}


def text(id: str, codes: str, source: str) -> None:
    """A spec in the text form, and the codes that it may get, with `|` between them."""
    TEXTS[id] = codes, source


def yaml(id: str, codes: str, source: str) -> None:
    """The same in YAML."""
    YAMLS[id] = codes, source


def network(body: str) -> str:
    return f"network Net(x: [1, 3, 8, 8]) {{ {body} }}"


def layer(step: str) -> str:
    return network(f"x -> c1: {step}")


BODY = "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [1, 3, 8, 8]}\n    body:\n"

yaml("syn-empty", "empty-spec", "")
text("syn-empty", "empty-spec", "")
yaml("syn-comment-only", "empty-spec", "# nothing\n")
text("syn-comment-only", "empty-spec", "# nothing\n")
yaml("syn-scalar-top", "syntax", "hello\n")
yaml("syn-list-top", "syntax", "- conv\n- relu\n")
yaml("syn-tab", "syntax", "networks:\n\tNet: 1\n")
yaml("syn-unclosed-flow", "syntax", BODY + "      - {relu: {}\n")
yaml("syn-bad-indent", "syntax", BODY + "      - relu: {}\n          name: a\n")
yaml("syn-multi-doc", "yaml-feature", BODY + "      - relu\n---\nx: 1\n")
yaml("syn-dup-key", "duplicate-key", BODY + "      - conv: {out_channels: 256, kernel_size: 1, out_channels: 1024}\n")
yaml("syn-dup-top-key", "duplicate-key", BODY + "      - relu\nnetworks: {}\n")
yaml("syn-complex-key", "yaml-feature", "? [a, b]\n: 1\n")
yaml("syn-nonstring-key", "unknown-key", "archdsl: 1\non: 3\n")
text("syn-nul", "bad-character", "network N\x00et(x: [1]) { x -> relu }")
yaml("syn-nul", "bad-character", "archdsl: 1\x00\n")
text("syn-surrogate", "syntax", "network Net(x: [N, 4]) { x -> \\ud800: relu }")
yaml("syn-surrogate", "bad-name", BODY + '      - {relu: {}, name: "\\ud800"}\n')
text("syn-bidi", "bad-character", "network Net(x: [N, 4]) { x -> a\u202eb: relu }")
yaml("syn-bidi", "bad-character", BODY + '      - {relu: {}, name: "a\u202eb"}\n')
text("dsl-eof", "syntax", "network Net(x: [1, 3, 8, 8]) {\n    x -> conv(4,")
text("dsl-unterminated-string", "syntax", 'network Net(x: [1], y = "abc) { x }')
text("dsl-unknown-char", "bad-character", "network Net(x: [1, 3, 8, 8]) {\n  x -> conv(4, \u0663)\n}")
text("dsl-kw-homoglyph", "bad-character", "netw\u043erk Net(x: [1]) { x -> relu }")
text("dsl-cr-lines", "syntax", "network Net(x: [1, 3, 8, 8]) {\r  x\r  -> conv(4, kernel_size = )\r}")
yaml("dos-billion-laughs", "yaml-feature", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")
yaml("dos-merge-bomb", "yaml-feature", "a: &a {k: 1}\nb: {<<: [*a, *a]}\n")
yaml("dos-recursive-alias", "yaml-feature", "a: &a [*a]\n")
yaml("dos-deep-flow", "nesting-too-deep", "[" * 100_000)
yaml("dos-deep-block", "nesting-too-deep", "\n".join(" " * i + "a:" for i in range(600)))
text("dos-dsl-deep-paren", "nesting-too-deep", layer("linear(" + "(" * 100_000))
yaml("dos-huge-file", "file-too-large", "a: " + "b" * 9_000_000)
yaml("dos-many-nodes", "too-many-nodes", "a: [" + "1," * 100_000 + "]")
text("dos-int-digits", "number-too-large", layer("conv(" + "9" * 100_000 + ", 1)"))
yaml("dos-int-digits", "number-too-large", BODY + "      - conv: [" + "9" * 100_000 + ", 1]\n")
text("dos-hex-int", "syntax", layer("conv(0x" + "f" * 100_000 + ", 1)"))
yaml("dos-hex-int", "syntax", BODY + "      - conv: [0x" + "f" * 100_000 + ", 1]\n")
yaml("dos-sexagesimal", "syntax", BODY + "      - conv: [" + ":".join(["59"] * 3000) + ", 1]\n")
text("dos-repeat", "too-many-layers", network("x -> repeat 1000000000 { relu }"))
text(
    "dos-nested-repeat",
    "too-many-layers|too-much-work",
    network("x -> repeat 1000 { repeat 1000 { repeat 1000 { relu } } }"),
)
text("dos-macro-recursion", "recursion", "block b(x) { x -> b }\n" + network("x -> b"))
text("dos-macro-mutual", "recursion", "block a(x) { x -> b }\nblock b(x) { x -> a }\n" + network("x -> a"))
text(
    "dos-macro-doubling",
    "too-much-work|too-many-layers",
    "block b0(x) { x -> relu }\n"
    + "\n".join(f"block b{i}(x) {{ x -> b{i - 1} -> b{i - 1} }}" for i in range(1, 41))
    + "\n"
    + network("x -> b40"),
)
text("dos-activation-size", "empty-output", layer("interpolate(scale_factor = 1000000000)"))
text("dos-long-name", "bad-name|path-too-long", network("x -> " + "a" * 200_000 + ": relu"))
yaml("sch-unknown-top", "unknown-key", BODY + "      - relu\nnetworkz: {}\n")
text("sch-unknown-arg", "unknown-parameter", layer("conv(4, 3, paddding = 1)"))
text("sch-unknown-op", "unknown-operator", layer("convv(4, 3)"))
text("sch-missing-arg", "missing-argument", layer("conv(4)"))
text("sch-no-input", "missing-argument", "network Net() { conv(1, 1) }")
text("sch-no-layers", "no-value|syntax", network(""))
yaml("sch-layers-null", "syntax|no-value", "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [1, 3]}\n    body:\n")
yaml("typ-norway", "unknown-name", BODY + "      - conv: {out_channels: 4, kernel_size: 1, bias: no}\n")
yaml("typ-octal", "syntax", BODY + "      - conv: [010, 1]\n")
yaml("typ-version-float", "unknown-version", "archdsl: 1.10\n")
yaml("typ-date", "bad-name", BODY + "      - relu\nvariants: {2024-01-01: {Net: {}}}\n")
for i, v in [
    ("float-kernel", "3.0"),
    ("float-half", "2.5"),
    ("bool-kernel", "true"),
    ("str-kernel", '"3"'),
    ("kernel-tuple3", "[3, 3, 3]"),
]:
    text("typ-" + i, "bad-parameter", layer(f"conv(4, {v})"))
text("typ-null-kernel", "unknown-name", layer("conv(4, None)"))
yaml("typ-null-kernel", "syntax|bad-parameter|unknown-name", BODY + "      - conv: [4, null]\n")
text("typ-stride-tuple1", "bad-parameter", layer("conv(4, 3, stride = [1])"))
yaml("typ-dict-kernel", "unknown-parameter", BODY + "      - conv: [4, {a: 1}]\n")
yaml("typ-shape-str", "syntax", "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: 3x224x224}\n    body: [relu]\n")
for n in "class None forward training code graph meta print_readable recompile".split():
    text("nam-" + n, "bad-name", network(f"x -> {n}: relu"))
for n in "self torch".split():
    text("nam-" + n, "bad-name", f"network Net({n}: [1, 4]) {{ {n} -> relu }}")
yaml("nam-dash", "bad-name", "archdsl: 1\nnetworks:\n  Net:\n    inputs: {my-input: [1, 3]}\n    body: [relu]\n")
text("nam-dash", "syntax", "network Net(my-input: [1, 3]) { x -> relu }")
yaml("nam-empty", "bad-name|syntax", BODY + '      - {relu: {}, name: ""}\n')
text("nam-dup", "duplicate-path", network("x -> a: relu -> a: relu"))
text("nam-dup-input", "duplicate-path", network("x -> x: relu"))
text("nam-nfkc", "bad-character", network("x -> \ufb01: relu -> fi: relu"))
yaml("nam-nfkc", "bad-name", BODY + "      - {relu: {}, name: \ufb01}\n")
text("nam-homoglyph", "bad-character", network("x -> conv: relu -> \u0441onv: relu"))
yaml("nam-homoglyph", "bad-name", BODY + "      - {relu: {}, name: \u0441onv}\n")
text("nam-repeat-collide", "duplicate-path", network("x -> b: { relu } -> b.0: relu"))
yaml("inj-fx-quote", "bad-name", BODY + "      - {relu: {}, name: 'a\"); import os; (\"'}\n")
text("inj-fx-quote", "syntax|bad-character", network('x -> a"); import os; ("b: relu'))
yaml(
    "inj-fx-placeholder",
    "bad-name",
    'archdsl: 1\nnetworks:\n  Net:\n    inputs: {"x=print(1)": [1, 3]}\n    body: [relu]\n',
)
text("inj-fx-placeholder", "syntax|unknown-operator", "network Net(x=print(1): [1, 3]) { x -> relu }")
yaml("inj-fx-backslash", "bad-name", BODY + "      - {relu: {}, name: 'a\\b'}\n")
text("inj-fx-backslash", "syntax|bad-character", network("x -> a\\b: relu"))
yaml("inj-fx-kwarg", "bad-name|unknown-parameter", BODY + "      - relu: {'a=1, b': 1}\n")
text("inj-fx-kwarg", "unknown-parameter", layer("relu(__class__ = 1)"))
yaml("inj-yaml-tag", "yaml-feature", "!!python/object/apply:os.system [id]\n")
yaml("inj-yaml-name", "yaml-feature", "a: !!python/name:os.system\n")
yaml("inj-yaml-binary", "yaml-feature", "a: !!binary aGk=\n")
yaml(
    "inj-eval-op",
    "syntax|bad-name|unknown-operator|unknown-key",
    BODY + "      - {\"__import__('os').system('id')\": {}}\n",
)
text(
    "inj-eval-op",
    "syntax|unknown-attribute|unknown-operator|bad-character",
    network("x -> __import__('os').system('id')"),
)
text("inj-eval-act", "bad-parameter|syntax|wrong-arity", layer('gelu(approximate = "exec(1)")'))
text("inj-op-getattr", "syntax|unknown-operator", network('x -> nn.modules.module.torch.load("a")'))
text("inj-op-dunder", "unknown-operator", network('x -> __import__("os")'))
text("inj-expr-dunder", "unknown-attribute|unknown-name", layer("conv((1).__class__, 1)"))
text("inj-terminal", "bad-character", network("x -> a\x1b[31m: relu"))
yaml("inj-terminal", "bad-name|syntax", BODY + '      - {relu: {}, name: "a\\e[31m"}\n')
text("ref-unknown", "unknown-name", network("conv9 -> a: relu"))
text(
    "ref-forward",
    "unknown-name",
    network("a = b -> relu\nb = x -> relu\na + b").replace("{ a", "{\na").replace(" }", "\n}"),
)
text("ref-self", "unknown-name", network("\na = a -> relu\na\n"))
text("ref-cycle", "unknown-name", network("\na = c -> relu\nb = a -> relu\nc = b -> relu\nc\n"))
text("ref-output-unknown", "unknown-name", network("output y = z"))
text("ref-arity-add1", "wrong-arity", network("add(x)"))
text("ref-arity-relu2", "wrong-arity", network("relu(x, x)"))
SHAPES = [
    ("conv-k-big", "kernel-too-large", "conv(4, 9)"),
    ("conv-dilated-big", "kernel-too-large", "conv(4, 3, dilation = 4)"),
    ("conv-groups-in", "groups", "conv(4, 3, groups = 2)"),
    ("conv-groups-out", "groups", "conv(3, 3, groups = 2)"),
    ("conv-groups0", "bad-parameter", "conv(4, 3, groups = 0)"),
    ("conv-stride0", "bad-parameter", "conv(4, 3, stride = 0)"),
    ("conv-stride-neg", "bad-parameter", "conv(4, 3, stride = -1)"),
    ("conv-pad-neg", "bad-parameter", "conv(4, 3, padding = -1)"),
    ("conv-dil0", "bad-parameter", "conv(4, 3, dilation = 0)"),
    ("conv-k0", "bad-parameter", "conv(4, 0)"),
    ("conv-cout0", "bad-parameter", "conv(0, 3)"),
    ("conv-same-stride", "bad-parameter", "conv(4, 3, stride = 2, padding = same)"),
    ("conv-pad-string", "unknown-name", "conv(4, 3, padding = SAME)"),
    ("conv-reflect", "bad-parameter|kernel-too-large", "conv(4, 3, padding = 8, padding_mode = reflect)"),
    ("conv-circular", "bad-parameter|kernel-too-large", "conv(4, 3, padding = 9, padding_mode = circular)"),
    ("pool-k-big", "kernel-too-large", "max_pool(9)"),
    ("pool-pad", "bad-parameter", "max_pool(3, padding = 2)"),
    ("pool-pad-dilated", "bad-parameter", "max_pool(3, padding = 2, dilation = 4)"),
    ("avgpool-pad", "bad-parameter", "avg_pool(3, padding = 2)"),
    ("avgpool-div0", "bad-parameter", "avg_pool(3, divisor_override = 0)"),
    ("pool-same", "unknown-name|bad-parameter", "max_pool(3, padding = same)"),
    ("adaptive0", "bad-parameter", "adaptive_avg_pool(0)"),
    ("convt-outpad", "bad-parameter", "conv_transpose(4, 3, stride = 2, output_padding = 2)"),
    ("convt-negout", "empty-output", "conv_transpose(4, 3, padding = 6)"),
    ("convt-same", "unknown-name|bad-parameter", "conv_transpose(4, 3, padding = same)"),
    ("gn-indiv", "groups", "group_norm(2)"),
    ("gn-0", "bad-parameter", "group_norm(0)"),
    ("flatten-oob", "bad-parameter", "flatten(5)"),
    ("flatten-0", "bad-parameter", "flatten(0)"),
    ("ps-indiv", "groups", "pixel_shuffle(2)"),
    ("up-zero", "empty-output", "interpolate(scale_factor = 0.01)"),
    ("up-both", "bad-parameter", "interpolate(size = 4, scale_factor = 2)"),
]
for id, codes, step in SHAPES:
    text(f"shp-{id}", codes, layer(step))
text("shp-bn-mismatch", "wrong-arity|unknown-parameter", layer("batch_norm(num_features = 4)"))
text("shp-linear-mismatch", "unknown-parameter", layer("linear(10, in_features = 192)"))
text("shp-conv-rank", "wrong-rank", "network Net(x: [8, 8]) { x -> c1: conv(4, 3) }")
text("shp-conv-spatial0", "bad-parameter", "network Net(x: [1, 3, 0, 8]) { x -> c1: conv(4, 3) }")
text("shp-conv-cin0", "bad-parameter", "network Net(x: [1, 0, 8, 8]) { x -> c1: conv(4, 3) }")
text("shp-add-mismatch", "shape-mismatch", network("x + (x -> c1: conv(3, 3))"))
text("shp-add-channels", "shape-mismatch", network("x + (x -> c1: conv(4, 1))"))
text("shp-concat-mismatch", "shape-mismatch", network("concat(x, x -> max_pool(2))"))
text("shp-concat-dim", "bad-parameter", network("concat(x, x, dim = 9)"))
text("shp-split-uneven", "groups", network("concat(chunk(x, 2))"))
text("shp-deep-location", "kernel-too-large", network("x -> s: repeat 8 { b: { p: max_pool(2) } }").replace("b: ", ""))
OVERFLOWS = [
    ("k-1e30", "number-too-large", "conv(4, 1000000000000000000000000000000)"),
    ("pad-2^61", "bad-parameter", "conv(4, 3, padding = 2 ** 61)"),
    ("dil-2^62", "bad-parameter", "conv(4, 3, dilation = 2 ** 62)"),
    ("dil-int64max", "bad-parameter", "conv(4, 3, dilation = 9223372036854775807)"),
    ("stride-2^31", "bad-parameter", "max_pool(2, stride = 2 ** 31)"),
    ("channels-2^40", "bad-parameter", "conv(2 ** 40, 1)"),
]
for id, codes, step in OVERFLOWS:
    text(f"ovf-{id}", codes, layer(step))
text("ovf-shape", "number-too-large|too-large", "network Net(x: [1, 3, 4294967296, 4294967296]) { x -> relu }")
text("ovf-input-neg", "bad-parameter", "network Net(x: [1, 3, -8, 8]) { x -> relu }")
text("ovf-input-zero", "bad-parameter", "network Net(x: [1, 3, 0, 8]) { x -> relu }")
NUMBERS = [
    ("eps-nan", "unknown-name", "batch_norm(eps = nan)"),
    ("slope-inf", "bad-parameter", "leaky_relu(inf)"),
    ("dropout", "bad-parameter", "dropout(1.1)"),
    ("dropout-nan", "unknown-name", "dropout(nan)"),
    ("momentum", "bad-parameter", "batch_norm(momentum = 2.0)"),
    ("scale-nan", "unknown-name", "interpolate(scale_factor = nan)"),
    ("float-overflow", "number-too-large", "leaky_relu(1e999)"),
]
for id, codes, step in NUMBERS:
    text(f"num-{id}", codes, layer(step))
EXPRESSIONS = [
    ("pow-bomb", "number-too-large", "2 ** 10 ** 10"),
    ("shift-bomb", "syntax", "1 << 10 ** 10"),
    ("str-repeat", "wrong-type", '"a" * 10 ** 9'),
    ("div0", "bad-value", "64 // 0"),
    ("fraction", "bad-parameter", "7 / 2"),
    ("undefined", "unknown-name", "width * 2"),
    ("call", "unknown-operator", 'open("/etc/passwd")'),
    ("deep", "nesting-too-deep", "(" * 3000 + "1" + ")" * 3000),
]
for id, codes, step in EXPRESSIONS:
    text(f"exp-{id}", codes, layer(f"conv({step}, 1)"))
text("exp-cyclic-param", "unknown-name", "network Net(x: [1, 3, 8, 8], a = b, b = a) { x -> conv(a, 1) }")
yaml("ver-future", "unknown-version", "archdsl: 99\n")
yaml("ver-missing", "unknown-version", "networks: {}\n")
yaml("ver-zero", "unknown-version", "archdsl: 0\n")
text("out-name-path", "syntax", "network ../../x(x: [1]) { x -> relu }")
yaml("out-name-path", "bad-name", "archdsl: 1\nnetworks:\n  ../../x: {inputs: {x: [1]}, body: [relu]}\n")
text("plc-unknown-layer", "unknown-mark", network("x -> relu @zzz"))

ELSEWHERE = {
    **dict.fromkeys(["syn-latin1", "syn-utf16", "syn-binary"], "test_cli: files that are no spec"),
    "dos-1e12-params": "test_counting",
    **dict.fromkeys(["inj-html-label", "inj-dot-backslash", "inj-dot-newline"], "test_sinks"),
    **dict.fromkeys(["ref-add-same-twice", "ref-concat-order"], "test_language"),
    **dict.fromkeys(
        "inc-traversal inc-dotdot-middle inc-absolute inc-symlink inc-parent-symlink".split(), "test_files"
    ),
    **dict.fromkeys("inc-cycle inc-missing inc-leak inc-url".split(), "test_files"),
    **dict.fromkeys("io-dir io-missing io-fifo io-devzero io-unreadable".split(), "test_files"),
    **dict.fromkeys(
        "out-readonly out-full out-kill9 out-sigint out-concurrent out-symlink out-pipe".split(), "test_outputs"
    ),
    **dict.fromkeys(["plc-bad-device", "plc-no-device", "plc-neg-device"], "test_outputs: devices that are not here"),
}
LATER = "there is no such output or command yet"
OTHERWISE = {
    "typ-1e3": "`1e-2` is a number in both forms",
    "nam-dot": "a label may hold dots: it is a path",
    "nam-case-collide": "names that differ by case are different; nothing is written to files of their names",
    "ref-index-oob": "values have names; there are no relative indices",
    "ref-dead": "lint, not an error",
    "ref-unused-input": "lint, not an error",
    "shp-conv-3d-unbatched": "`conv` takes its rank from its input: [1, 8, 8] is a 1-d convolution",
    "shp-add-broadcast": "tensor arithmetic broadcasts as torch does; lint says so",
    "shp-bn-1x1-train": "a batch of 1 may be meant for inference, so batch_norm takes it; instance_norm does not",
    "out-exists": "an output replaces the file of its name, whole",
    "out-name-reserved": "no file is named after a network",
    **dict.fromkeys(["inj-html-script", "inj-mermaid", "inj-csv"], LATER),
    **dict.fromkeys(["plc-memory", "plc-backedge", "dst-rank-dies", "dst-rank-hangs", "dst-missing-rank"], LATER),
    **dict.fromkeys(["st-mismatch", "st-pickle"], LATER),
}
