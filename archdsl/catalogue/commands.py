"""Diagnostics of how a command was used: no spec shows them."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "unreadable-file": Entry(
        "the file cannot be read",
        """
        The SPEC on the command line is taken for a path, and there is no file there, or it may not be read, or it is
        no regular file: a directory, a device, a pipe.

        Look at the spelling, and at the directory that the command runs in, from which paths count. Only a bare word
        such as `resnet50` names a network that ships with archdsl (`archdsl zoo` lists them); what holds a `.` or a
        `/` is a path. `-` reads standard input.
        """,
        2,
    ),
    "bad-figures": Entry(
        "a file of figures that cannot be used",
        """
        `archdsl draw SPEC -o net.html --heat figures.csv` colours a page by figures of your own. The first line names
        the columns, `layer,value` or `layer,latency (ms)`; each line after it has the path of a layer, as the report
        names it, or a pattern of the shell such as `layer1.*.conv2`, and a number. Lines of one layer add up; a
        pattern is for the layers that no line names. The figures of blocks are the sums of their layers'.

        Here a line has no number, or a path that no layer has.
        """,
        2,
    ),
    "unknown-spec": Entry(
        "no such variant or network",
        """
        A SPEC is a path (`net.arch`), a path with the name of a variant or network in it (`net.arch:small`), the bare
        name of a variant that ships with archdsl (`resnet50`), or `-`. Here the file has nothing of the name, or
        nothing of the name ships, or the file holds several networks and none is named.

        Write one of the names that the help text offers. `archdsl check net.arch` says which names a file has,
        `archdsl zoo` what ships.
        """,
        2,
    ),
    "unknown-setting": Entry(
        "no such setting or input",
        """
        `--set classes=10` gives a value to a setting of the network, which is a parameter without a shape; `--input
        image=8x3x64x64` gives an input its shape. The network declares none of this name. From Python it is the same
        with `load(spec, classes=10, inputs={"image": (8, 3, 64, 64)})`.

        A name that nobody reads would be ignored, and the network be another one than you asked for. Look at the
        line `network Name(…)` of the spec for what it declares.
        """,
        2,
    ),
    "bad-setting": Entry(
        "a value given for a setting or an input does not fit",
        """
        The network has a setting or input of this name, but what it was given does not fit: a setting that is
        declared `int` was given text, an input another number of dimensions than it is written with, or a size that
        contradicts an expression in the spec.

        Sizes given by `--input` take the place of numbers and of symbols such as `N`, in the order in which the spec
        writes them: `image: [N, 3, 224, 224]` takes `--input image=8x3x64x64`.
        """,
        2,
    ),
    "unmet-need": Entry(
        "a size given for an input is not among those that the network takes",
        """
        Where the spec leaves a size open, what the network needs of it is worked out and reported: `needs H >= 33`
        where kernels would not fit into less, `needs H % 16 == 0` where a picture is made smaller four times by half,
        and larger again, and put beside what it was, as in a U-Net. The size given by `--input` or `--at` does not
        meet that.

        The help names the nearest sizes that do. Or change the network: padding before it, or `interpolate` to the
        size of what a tensor is put beside, takes any size.
        """,
        2,
    ),
    "bad-device": Entry(
        "a device that is not there",
        """
        A network that declares `device gpu0, gpu1` runs on logical devices, and `--devices` (or `compile(devices=…)`)
        says what they are on this machine. Here a declared device has no real one, a name is none of the declared,
        or the real device is not here: torch knows no such device, or this machine has fewer.

        Name every device, `--devices gpu0=cuda:0,gpu1=cuda:1`, or one for all, `--devices cpu`; `auto` takes the
        accelerators that are there in turn, or else the CPU. Nothing is moved elsewhere silently, because a network
        that does not fit one device would then fail in the middle of training.
        """,
        2,
    ),
    "bad-operators": Entry(
        "a file of operators cannot be used",
        """
        `--operators mine.py` imports a Python file whose classes derive from `archdsl.ops.Operator`. It is no Python
        file, it raised an exception, its name is that of another module, or it defines an operator that exists.

        Run `python mine.py` to see the exception in full; rename what is taken. docs/architecture.md shows how an
        operator is written. Only who runs archdsl can name such a file: a spec never makes it run code.
        """,
        2,
    ),
    "out-of-memory": Entry(
        "the machine has not enough memory",
        """
        Compiling draws the weights, and they are more than this machine or device has memory for; they are counted
        before any is drawn. Checking, reporting and drawing need no weights, so they work for networks of any size.
        `--force` tries all the same.

        `archdsl report` says what each layer costs. A `linear` behind `flatten` on a large image is the usual cause:
        `global_avg_pool` before it, or a smaller input, makes it small.
        """,
        2,
    ),
    "cannot-write": Entry(
        "the output cannot be written",
        """
        The directory does not exist, may not be written, or the disk is full. Outputs are written whole or not at
        all: a file that was there before is untouched.

        Make the directory first, or choose another place with `-o`.
        """,
        2,
    ),
}
