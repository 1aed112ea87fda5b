"""Every diagnostic code, once: what it means and why it is an error."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Entry(NamedTuple):
    """What a code means. `exit_status` is 1 for a faulty spec, 2 where the command was used wrongly."""

    summary: str
    why: str
    exit_status: int = 1


CATALOGUE = MappingProxyType(
    {
        # reading a file
        "unreadable-file": Entry(
            "the file cannot be read", "It does not exist, is no regular file, or may not be read.", 2
        ),
        "unknown-spec": Entry(
            "no such variant or network", "A SPEC is `path`, `path:variant` or a shipped variant.", 2
        ),
        "unknown-setting": Entry("no such setting", "`--set` and `--input` name what the network declares.", 2),
        "bad-setting": Entry("a setting does not fit", "The value given does not fit what the network declares.", 2),
        "bad-device": Entry("a device that is not there", "Every declared device needs a real one on this machine.", 2),
        "bad-operators": Entry("a file of operators cannot be used", "It must be importable and define new names.", 2),
        "out-of-memory": Entry("the machine has not enough memory", "The weights of a layer do not fit.", 2),
        "cannot-write": Entry("the output cannot be written", "The old file, if any, is untouched.", 2),
        "file-too-large": Entry("the file is larger than a spec may be", "No spec written by people is that large."),
        "not-text": Entry("the file is not UTF-8 text", "A spec is a text file in UTF-8."),
        "bad-character": Entry(
            "a character that may not stand in a spec",
            "Control and bidirectional characters make a text read otherwise than it is; names are ASCII, because "
            "Python takes some different letters for the same.",
        ),
        "empty-spec": Entry("the spec is empty", "A spec holds at least one network."),
        # syntax
        "syntax": Entry("the text does not follow the grammar", "docs/language.md has the grammar."),
        "yaml-feature": Entry(
            "a feature of YAML that a spec may not use",
            "Anchors, aliases, merge keys, tags, several documents and keys that are no text hide what is said.",
        ),
        "duplicate-key": Entry("a key is given twice", "One would silently win; networks were trained so."),
        "unknown-key": Entry("nothing reads this key", "A misspelt one would be ignored."),
        "unknown-version": Entry(
            "the spec's version is not known", "A spec in YAML says `archdsl: 1`; a newer one may mean something else."
        ),
        "too-many-nodes": Entry("the YAML has too many nodes", "No spec written by people has that many."),
        "nesting-too-deep": Entry("brackets, blocks or expressions are nested too deep", "Nobody could read it."),
        "bad-name": Entry(
            "a name that may not be used",
            "Names reach Python as attributes of a module: keywords and the attributes of torch.nn.Module are taken.",
        ),
        "duplicate-definition": Entry("a block, network or variant is defined twice", "One would hide the other."),
        "duplicate-parameter": Entry("a parameter is declared twice", "One would hide the other."),
        # imports
        "import-path": Entry(
            "an import outside the directory of the importing file",
            "A spec reads only files beside or below it, so that opening a stranger's spec is safe.",
        ),
        "import-missing": Entry("the imported file cannot be read", "It does not exist or is no regular file."),
        "too-many-imports": Entry("too many files are imported", "No network needs that many."),
        "import-cycle": Entry("files import each other", "Neither could be read first."),
        # names and values
        "unknown-name": Entry("no value has this name", "A value is bound before it is used."),
        "unknown-operator": Entry("no operator or block has this name", "docs/operators.md lists the operators."),
        "unknown-parameter": Entry("the operator or block has no such parameter", "A misspelt one would be ignored."),
        "unknown-attribute": Entry("a value has no such attribute", "A tensor has `shape`, and nothing else."),
        "unknown-mark": Entry("no such mark", "A mark is a declared device, @train, @checkpoint or @frozen."),
        "rebound-name": Entry("a name is bound twice", "A value is bound once, so that its place says what it is."),
        "missing-argument": Entry("a parameter without a default is not given", "There is nothing to use instead."),
        "wrong-arity": Entry("too many or too few arguments or tensors", "The operator or block takes another number."),
        "wrong-type": Entry("a value of another kind is needed", "Tensors, numbers, lists and modules are different."),
        "bad-value": Entry(
            "a static expression has no value", "Division by zero, an index out of range, and the like."
        ),
        "bad-parameter": Entry("a parameter's value is not allowed", "torch refuses it, crashes on it or misreads it."),
        "number-too-large": Entry("a number is too large", "Sizes and counts are bounded, far above any real network."),
        "unused-expression": Entry("a value is computed and dropped", "Most likely a `->` or a name is missing."),
        "no-value": Entry("a body without a value", "The last expression of a body is its value."),
        "recursion": Entry("blocks use each other without end", "The network would be infinite."),
        "too-many-layers": Entry("the network has too many layers", "A loop may run much longer than was meant."),
        "too-much-work": Entry("evaluating the spec takes too long", "A loop may run much longer than was meant."),
        # layers
        "duplicate-path": Entry("two layers have one path", "They would share a `state_dict` key."),
        "shared-mismatch": Entry(
            "a shared module is used on inputs it does not fit", "Its weights have one shape for all of its uses."
        ),
        "outputs": Entry("the outputs are not clear", "A network has a last expression, or `output` statements."),
        "train-only": Entry(
            "what exists in training only is needed in inference", "The inference graph would have no value there."
        ),
        "loss": Entry("the loss is not an expression over the outputs", "It is computed from what the model returns."),
        # shapes
        "shape-mismatch": Entry("shapes do not fit together", "torch would refuse it in the middle of a forward pass."),
        "shape-pattern": Entry("a tensor does not have the annotated shape", "The annotation demands it."),
        "wrong-rank": Entry("a tensor has the wrong number of dimensions", "The operator needs another form of input."),
        "kernel-too-large": Entry("the kernel is larger than its input", "The output would be empty."),
        "empty-output": Entry("the output would be empty", "A size of 0 or less holds nothing."),
        "groups": Entry("channels do not divide into groups", "Each group needs as many channels as the others."),
        "single-value-norm": Entry("normalisation over one value", "Its variance is always 0."),
        "undecided": Entry("the answer depends on a symbol without a value", "Shapes are exact: nothing is guessed."),
        "too-large": Entry("a tensor is too large", "It has more than 2^48 elements."),
    }
)
