"""Diagnostics of exported networks, of weights, and of networks that are imported."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "bad-rewrite": Entry(
        "a rewrite that there is not, or that is not for training",
        """
        `archdsl compile SPEC --rewrite NAME,…` and `net.rewrite([…])` change a network into one that computes the same.
        Some do so in inference only: batch norm folded into a convolution has no statistics of its batch any more, and
        the product of two weights learns otherwise than they do. They are refused where the network is to be trained,
        as is training what was rewritten for inference.

        `all` stands for those that the phase allows. docs/rewrites.md says what each requires and ensures.
        """,
        exit_status=2,
    ),
    "no-spec-inside": Entry(
        "a file that carries no spec",
        """
        What `archdsl compile SPEC -o FILE` writes carries its spec: .safetensors and .onnx files in their metadata,
        .pt2 files in a record, folders in `config.json`. This file was written by something else, or had it taken out.

        `archdsl compile SPEC --weights FILE` takes the weights of such a file for a spec of yours.
        """,
        exit_status=2,
    ),
    "not-exportable": Entry(
        "a network that torch cannot export as it is",
        """
        `torch.export` follows the network with sizes that stay open: the batch, and what else the spec leaves open. It
        has found a step where its result depends on what such a size is, or no sizes were found that the network takes.

        Give the sizes that need not stay open: `--at H=224,W=224`, or `--input image=8x3x224x224`.

        Some layers torch cannot export to ONNX, or exports as something else: what onnxruntime makes of the file is
        held against the network before it is written. Such a network can be exported to .pt2 all the same.

        Source (`-o net.py`) needs nothing but torch: operators of your own whose targets are elsewhere are not in it.
        """,
        exit_status=2,
    ),
    "not-imported": Entry(
        "a network that cannot be said as a spec",
        """
        `archdsl import` reads what `torch.export` makes of a module, or the file of another tool, call by call. Here
        are calls that no operator of the language says: each with its name, the module where the first of them is
        made, and how often it occurs. No spec is written, since it would be another network.

        Operators of your own (`archdsl --operators FILE import …`) are read where their classes say so, in `reads`.
        """,
        exit_status=1,
    ),
    "no-such-module": Entry(
        "what is to be imported cannot be found or made",
        """
        `archdsl import MODULE:FACTORY` imports a module of Python and calls a function or class of it, with arguments
        if there are some: `archdsl import "torchvision.models:resnet18(num_classes=10)"`. Modules are looked for where
        Python looks for them, and in the directory that the command runs in. Their code is run: import what you trust.

        The message says what failed: the name, the import, or the call.
        """,
        exit_status=2,
    ),
    "not-equal": Entry(
        "an imported network that is not proved to be the original",
        """
        What `archdsl import` has written is compiled, given the weights of the original, and both are run. Here keys of
        the `state_dict` have no counterpart, or outputs differ. The spec is written all the same, for you to look at:
        it says the structure, but not the same network.

        Weights that the original has and does not use, and steps that depend on values, are the usual reasons.
        """,
        exit_status=1,
    ),
    "unreadable-weights": Entry(
        "a file of weights that cannot be read",
        """
        Weights are read from .safetensors files and from those that `torch.save` wrote (.pt, .pth, .bin, .ckpt) if they
        hold nothing but tensors and plain data. A file of `torch.save` is a pickle, which can run any code when it is
        loaded: whatever is not plain data in it is refused, and nothing of it is run.

        Save the `state_dict` alone, best as safetensors: `safetensors.torch.save_file(model.state_dict(), path)`.
        """,
        exit_status=2,
    ),
    "other-weights": Entry(
        "weights that are not those of the network",
        """
        Every parameter and buffer of the network needs a tensor of its name and shape, and every tensor of the file a
        place. The message lists what is missing, what is left over and what has another shape, with names alike.

        Where names differ, `--rename map.json` says which is which: an object of old names, or patterns with `*`, and
        new ones. A classifier for other classes is left as it is drawn with `--fresh "fc.*"`; what the network has not
        is left out with `--drop "aux1.*"`.
        """,
        exit_status=2,
    ),
    "bad-rename": Entry(
        "a table of names that cannot be used",
        """
        `--rename` names a file of JSON: an object whose keys are names of tensors in the file of weights, or patterns
        with one `*`, and whose values are the names in the network, with the `*` in the same place:
        `{"backbone.*": "*", "head.weight": "fc.weight"}`. Two tensors cannot get one name.
        """,
        exit_status=2,
    ),
}
