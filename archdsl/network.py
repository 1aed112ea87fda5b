"""A loaded network: the Python interface to all that can be done with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, overload

from archdsl import validate
from archdsl.address import is_stdin
from archdsl.backends import Plot, backend
from archdsl.graph import Graph, header
from archdsl.job import seldom_collected
from archdsl.measure.network.analyse import analyse
from archdsl.measure.run.execution import Hardware
from archdsl.phases import Phase, phase_of
from archdsl.pipeline import load_graph, load_open_graph
from archdsl.placement.spec_source import SpecSource
from archdsl.presentation.printed import printed
from archdsl.presentation.report import PrintedReport
from archdsl.write import write_atomically

if TYPE_CHECKING:
    import torch

    from archdsl.lint import Finding
    from archdsl.measure.time.device_profile import DeviceProfile
    from archdsl.measure.time.roofline import Timing
    from archdsl.placement.plan import PlacementPlan
    from archdsl.presentation.difference import PrintedDifference
    from archdsl.presentation.memory import PrintedMemory
    from archdsl.presentation.placement import PrintedPlan
    from archdsl.presentation.rewriting import PrintedRewriting
    from compiler.engines.inference import InferenceNetwork
    from compiler.fx.model import CompiledNetwork


class Network:
    """A network that was checked: its shapes fit together.

    That of a `SpecError`'s graph can be drawn all the same, up to the errors.
    """

    def __init__(
        self, graph: Graph, *, reopen: Callable[[], Graph | None] | None = None, source: SpecSource | None = None
    ) -> None:
        """`reopen` elaborates the network anew, with as many sizes of its inputs open as nothing depends on.

        `source` is where other processes find the network.
        """
        self.graph = graph
        self._reopen = reopen
        self._source = source

    @cached_property
    def _report(self) -> PrintedReport:
        with seldom_collected():
            return printed(analyse(self.graph), PrintedReport)

    def report(self) -> PrintedReport:
        """What each layer is and costs; `str()` of it is a table, `.to_dict()` plain data."""
        return self._report

    def memory(self, *, optimizer: str = "sgd", dtype: str = "fp32", hardware: Hardware = "cuda") -> PrintedMemory:
        """What inference and a training step need; `str()` of it is a table, `.to_dict()` plain data.

        `optimizer` is sgd, momentum, adam or adamw, `dtype` fp32, bf16 or mixed, `hardware` cuda or cpu.
        Raises `ValueError` for any other.
        """
        validate.training_conditions(optimizer=optimizer, dtype=dtype, hardware=hardware)
        from archdsl.measure.memory.memory_report import memory_report  # loaded where needed, as is all but the report
        from archdsl.presentation.memory import PrintedMemory

        with seldom_collected():
            figures = memory_report(self.graph, optimizer=optimizer, dtype=dtype, hardware=hardware)
        return printed(figures, PrintedMemory)

    def timing(
        self, profile: str | os.PathLike[str] | DeviceProfile, *, dtype: str = "fp32", optimizer: str = "sgd"
    ) -> Timing:
        """How long inference and a training step take on a device, layer by layer, by the roofline model.

        `profile` is the name of a GPU (`archdsl.measure.time.gpus.GPUS`) or a file that `archdsl calibrate` wrote.
        Raises `ProfileError` for one that cannot be used, `SpecError` where sizes are left open, and `ValueError` for a
        dtype or an optimizer that is not known.
        """
        validate.training_conditions(optimizer=optimizer, dtype=dtype)
        from archdsl.measure.time.device_profile import DeviceProfile
        from archdsl.measure.time.roofline import predict
        from archdsl.profiles import find_profile

        known = find_profile(os.fspath(profile)) if isinstance(profile, (str, os.PathLike)) else profile
        validate.instance_of("profile", known, DeviceProfile, "the name of a device, a file's, or a DeviceProfile")
        with seldom_collected():
            return predict(self.graph, known, dtype=dtype, optimizer=optimizer)

    def place(
        self,
        devices: int | Mapping[str, str | DeviceProfile],
        profile: str | DeviceProfile | None = None,
        *,
        link: str | float,
        latency: str | float = "10us",
        memory: str | int | Mapping[str, str | int] | None = None,
        batch: int | None = None,
        micro_batches: int = 16,
        schedule: str = "1f1b",
        stages_per_device: int | None = None,
        optimizer: str = "sgd",
        dtype: str = "fp32",
        objective: str = "throughput",
    ) -> PrintedPlan:
        """Split the network into stages of a pipeline over several devices, and predict a step of training; `str()` of
        the plan is text, `.to_dict()` plain data.

        `devices` is how many there are of a profile, or the profile of each by its name. `link` ("25GB/s") and
        `latency` are between any two. `memory` ("24GiB") is that of each, or by name; else that of its profile.
        A step's `batch` is cut into `micro_batches`; `schedule` is gpipe, 1f1b, zero-bubble, breadth-first,
        interleaved, zbv or dualpipev, which has `stages_per_device`, by default as few as it can.
        `batch` is 32 by default. With the objective "latency" it is one sample by default, which goes through the
        network in inference once: what is said of steps, micro-batches and schedules is of the objective "throughput".

        Raises `PlacementError`, a `ValueError`, where the devices make no sense, the batch cannot be cut or no split
        has the memory; `ProfileError` for a profile that cannot be used, `SpecError` where sizes are left open.
        """
        from archdsl.placement.asked import cluster
        from archdsl.placement.place import place
        from archdsl.placement.plan import OBJECTIVES, TrainingConditions
        from archdsl.placement.schedule import SCHEDULES
        from archdsl.presentation.placement import PrintedPlan
        from archdsl.profiles import find_profile

        validate.training_conditions(optimizer=optimizer, dtype=dtype)
        validate.one_of("schedule", schedule, SCHEDULES)
        validate.one_of("objective", objective, OBJECTIVES)
        if batch is None:
            batch = 1 if objective == "latency" else 32
        for name, value in (("batch", batch), ("micro_batches", micro_batches)):
            validate.instance_of(name, value, int, "an integer")
            if value < 1:
                raise ValueError(f"{name} is 1 or more, not {value}")
        each = SCHEDULES[schedule].least if stages_per_device is None else stages_per_device
        validate.instance_of("stages_per_device", each, int, "an integer")
        found: dict[str, DeviceProfile] = {}

        def known(given: str | DeviceProfile) -> DeviceProfile:
            if not isinstance(given, str):
                return given
            return found[given] if given in found else found.setdefault(given, find_profile(given))

        named = {name: known(own) for name, own in devices.items()} if isinstance(devices, Mapping) else devices
        joined = cluster(named, None if profile is None else known(profile), memory, link, latency)
        conditions = TrainingConditions(batch, micro_batches, schedule, optimizer, dtype, each, objective)
        with seldom_collected():
            return printed(replace(place(self.graph, joined, conditions), source=self._source), PrintedPlan)

    def diff(self, other: Network) -> PrintedDifference:
        """What is added, removed and changed from this network to another, and what that costs.

        `str()` of it is text, `.to_dict()` plain data.
        """
        validate.instance_of("other", other, Network, "a Network")
        from archdsl.compare.diff import compare
        from archdsl.presentation.difference import PrintedDifference

        with seldom_collected():
            return printed(compare(self.graph, other.graph), PrintedDifference)

    def lint(self) -> list[Finding]:
        """What `archdsl lint` finds, warnings and notes, in the order of places."""
        from archdsl.lint import lint

        return lint([self.graph])

    def draw(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Draw the network to a file; its suffix says in which format.

        See `viz.draw` for the options. Raises `ValueError` for an unknown format, `OSError` where it cannot write.
        """
        backend("viz").draw(self.graph, path, **options)

    def plot(
        self, path: str | os.PathLike[str] | None = None, *, beside: Sequence[Network] = (), **options: Any
    ) -> Plot:
        """Plot what the network costs: parameters and MACs by stage, memory over time, the growth of receptive fields.

        `beside` are networks to compare it with. A path's suffix says in which format the plot is written; a notebook
        shows it. Options are `panels` ("stages", "memory", "fields"), `theme`, and those of `memory`. Needs the extra
        `plot`. Raises `ValueError` for an unknown format or option and where sizes are left open, `OSError` where it
        cannot write.
        """
        validate.list_of("beside", beside, Network, "a Network")
        conditions = ("optimizer", "dtype", "hardware")
        validate.options("a plot", options, ("panels", "theme", *conditions))
        validate.list_of("panels", options.get("panels", ()), str, "the name of a panel")
        validate.training_conditions(**{name: options[name] for name in conditions if name in options})
        if path is not None:
            path = validate.file_path("path", path)
        plot: Plot = backend("viz.plots").of_networks([self.graph, *(network.graph for network in beside)], **options)
        if path is not None:
            plot.save(path)
        return plot

    def placed(self, plan: PlacementPlan | Mapping[str, Any] | str | os.PathLike[str]) -> Network:
        """The same network with each layer on its device of a plan, as if the spec had marked it so: what `compile`,
        `draw`, `report` and `memory` say of devices is the plan's. `plan` is what `place` returned, its plain data or a
        file of it.

        Raises `PlacementError`, a `ValueError`, for what is no plan, or one of another network.
        """
        from archdsl.placement.applied import applied, placed
        from archdsl.placement.reading import read_plan

        found = read_plan(plan)
        return self._changed(applied(self.graph, found), lambda again: placed(again, found.devices, found.homes()))

    def rewrite(self, rewrites: str | Sequence[str] = "all", *, phase: str = "inference") -> Network:
        """The network rewritten into one that computes the same with less, for one phase; by default by all rewrites
        that the phase allows, in inference batch norm folded into convolutions, 1×1 convolutions merged, and so on.

        The result is a network as any other: it is reported, drawn, compared, compiled and exported. It starts with the
        weights that this one is drawn with, or takes those of a checkpoint of this one, changed as the rewrites say.
        What is rewritten for inference is not trained. `print(net.rewriting())` tells what each rewrite did and saved;
        docs/rewrites.md, what each requires and ensures. Raises `SpecError` for a rewrite that there is not, or that is
        not for the phase.
        """
        from archdsl.rewrite.apply import rewritten

        phase = phase_of(phase)
        validate.one_of("phase", phase, get_args(Phase))
        if not isinstance(rewrites, str):
            validate.list_of("rewrites", rewrites, str, "the name of a rewrite")
        chosen: Phase = "training" if phase == "training" else "inference"
        return self._changed(rewritten(self.graph, rewrites, chosen), lambda again: rewritten(again, rewrites, chosen))

    def _changed(self, graph: Graph, change: Callable[[Graph], Graph]) -> Network:
        """The network of a changed graph; `change` does the same to this one with its sizes open."""
        open_again = self._reopen

        def reopen() -> Graph | None:
            again = open_again() if open_again is not None else None
            return None if again is None else change(again)

        return Network(graph, reopen=reopen)

    def rewriting(self) -> PrintedRewriting:
        """What each rewrite did and saved; `str()` of it is text, `.to_dict()` plain data. Raises `ValueError` for a
        network that was not rewritten."""
        from archdsl.presentation.rewriting import PrintedRewriting, explain

        found = header(self.graph)["rewriting"]
        if found is None:
            raise ValueError("the network is as its spec says: `net.rewrite()` gives one that is rewritten")
        return printed(explain(found), PrintedRewriting)

    @overload
    def compile(
        self,
        devices: Mapping[str, str | torch.device] | str | torch.device | None = None,
        *,
        mode: str = "training",
        engine: None = None,
        weights: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = None,
        rename: Mapping[str, str] | str | None = None,
        fresh: Sequence[str] = (),
        drop: Sequence[str] = (),
        force: bool = False,
        seed: int | None = None,
        streams: bool = False,
    ) -> CompiledNetwork: ...

    @overload
    def compile(
        self,
        devices: None = None,
        *,
        mode: str,
        engine: str,
        dtype: str = "fp32",
        batch: int = 1,
        rewrites: str | Sequence[str] | None = None,
        weights: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = None,
        rename: Mapping[str, str] | str | None = None,
        fresh: Sequence[str] = (),
        drop: Sequence[str] = (),
        force: bool = False,
        seed: int | None = None,
    ) -> InferenceNetwork: ...

    def compile(
        self,
        devices: Mapping[str, str | torch.device] | str | torch.device | None = None,
        *,
        mode: str = "training",
        engine: str | None = None,
        dtype: str = "fp32",
        batch: int = 1,
        rewrites: str | Sequence[str] | None = None,
        weights: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = None,
        rename: Mapping[str, str] | str | None = None,
        fresh: Sequence[str] = (),
        drop: Sequence[str] = (),
        force: bool = False,
        seed: int | None = None,
        streams: bool = False,
    ) -> CompiledNetwork | InferenceNetwork:
        """Compile to a `torch.fx.GraphModule`, with weights drawn from torch's random generator, or of a file; in the
        form of training, as any new module of torch, or with `mode` in that of inference.

        `weights` is a .safetensors file, one of `torch.save`, of which nothing is run, a folder that `export` wrote, or
        tensors by name. Names and shapes have to be those of the network. `rename` says which name of the file is which
        in the network, with patterns such as `{"backbone.*": "*"}`, or is a library whose names the file has ("timm");
        what a pattern of `fresh` fits stays as drawn (`["fc.*"]`, a classifier for other classes); what one of `drop`
        fits is left out. Heads that exist in training only may be missing.

        With `seed`, each layer's are drawn from it and the layer's path alone, so that stages of a pipeline, which are
        built apart, draw the same.

        `devices` maps the devices that the network declares to real ones (`{"gpu0": "cuda:0", …}`), or is one device
        for all, or "auto"; by default all is on the CPU. `train()` and `eval()` switch between the graph with the
        `@train` parts and the one without. The model takes every input that fits the shapes of the spec, and raises
        `ValueError` for any other. A size that is a number in the spec, or that `load` was given, is that of reports:
        others are taken all the same where nothing in the spec depends on it.

        With `streams`, branches that do not depend on one another run beside one another in inference, each on a stream
        of its own of the GPU that it is on, where that is predicted to pay (docs/placement.md); elsewhere it changes
        nothing.

        With `mode="inference"` and an `engine` it is run on this machine's CPU by "eager" torch, "inductor", "aot"
        (AOTInductor), "onnxruntime" or "openvino", or "auto", the quickest of them in a trial, which is printed and
        kept. It is called as the module is. `rewrites` are applied first, by default those after which no engine is
        slower; `dtype` may be "bf16", in which it then computes; `batch` is the first for which it is built
        (docs/engines.md).

        Raises `SpecError` where the devices or the weights do not fit, and where they have not the memory for the
        weights, unless `force` says to try; `ImportError` for an engine that is not installed, which names the extra.
        """
        if isinstance(devices, Mapping):
            validate.named("devices", devices, "bad-device", "devices")
        validate.one_of("mode", phase_of(mode), get_args(Phase))
        compiler = backend("compiler")
        if engine is not None and streams:
            raise ValueError("an engine runs on the CPU of this machine, which has no streams: leave `streams` out")
        if engine is not None:
            return self._accelerated(
                engine, phase_of(mode), dtype, batch, rewrites, devices=devices, weights=weights, rename=rename,
                fresh=fresh, drop=drop, force=force, seed=seed,
            )  # fmt: skip
        given = weights if weights is None or isinstance(weights, Mapping) else compiler.read_weights(Path(weights))
        graph = self._reopen() if self._reopen is not None else None
        model: CompiledNetwork = compiler.compile_graph(
            graph or self.graph, devices, force=force, seed=seed, streams=streams
        )
        if given is not None:
            matching = compiler.Matching(rename or {}, tuple(fresh), tuple(drop))
            compiler.load_weights(model, self.graph, given, matching)
        return model.eval() if phase_of(mode) == "inference" else model

    def _accelerated(
        self, engine: str, mode: str, dtype: str, batch: int, rewrites: str | Sequence[str] | None, **options: Any
    ) -> InferenceNetwork:
        from archdsl.rewrite.apply import FOR_ENGINES

        compiler = backend("compiler")
        validate.one_of("engine", engine, ("auto", *compiler.ENGINES))
        validate.one_of("dtype", dtype, ("fp32", "bf16"))
        validate.instance_of("batch", batch, int, "an integer")
        if batch < 1:
            raise ValueError(f"batch is 1 or more, not {batch}")
        if mode != "inference":
            raise ValueError("an engine runs a network in inference: say mode='inference'")
        if options["devices"] is not None:
            raise ValueError("an engine runs on the CPU of this machine: leave `devices` out")
        chosen = FOR_ENGINES if rewrites is None else rewrites
        network = self.rewrite(chosen) if chosen and header(self.graph)["rewriting"] is None else self
        accelerated: InferenceNetwork = compiler.accelerate(
            network.compile(mode="inference", **options), network.graph, engine, dtype, batch
        )
        return accelerated

    def export(
        self,
        path: str | os.PathLike[str],
        model: CompiledNetwork | None = None,
        *,
        phase: str = "inference",
        open_sizes: bool = False,
    ) -> None:
        """Write the network with the weights of a compiled model, or with new ones, in the form of one phase.

        The suffix is the format: .safetensors, .pt2 (`torch.export`) or .onnx (the extra `onnx`); a path without one is
        a folder for a model hub. All carry the spec, so that `load` reads the network back from them. The sizes that
        the network leaves open, its batch to begin with, are open in them; with `open_sizes` those too that are numbers
        in the spec, where nothing in it depends on them. With .py it is
        what `source` returns, which has no weights and both phases.

        Raises `SpecError` where it cannot be exported, `ValueError` for another suffix, `ImportError` where an extra is
        not installed, `OSError` where it cannot write.
        """
        compiler = backend("compiler")
        path, phase = validate.file_path("path", path), phase_of(phase)
        validate.one_of("phase", phase, get_args(Phase))
        compiler.check_place(path)
        if not compiler.holds_weights(path):
            write_atomically(path, self.source().encode())
            return
        opened = self._reopen() if open_sizes and self._reopen is not None else None
        compiler.export_network(self.compile() if model is None else model, self.graph, path, phase, opened)

    def source(self, beside: Sequence[Network] = ()) -> str:
        """The network as PyTorch source that needs nothing but torch: a class for the network and for each block.

        Those `beside` it stand in the same source, and each has a function that makes it, called as the variant is.
        Variants of one network share its class, whose parameters are what they differ in, as far as they are built
        alike.

        Its `state_dict` has the keys of the compiled network in their order; from the same seed its weights are the
        same, and so are outputs, losses and gradients, in both phases. It checks no sizes of inputs. Devices that the
        network declares are arguments of its constructor.

        Raises `SpecError` where the network cannot be compiled, and for one that was rewritten: its weights come from
        those of the network as it was written.
        """
        validate.list_of("beside", beside, Network, "a Network")
        networks = [self, *beside]
        opened = [one._reopen() if one._reopen is not None else None for one in networks]
        graphs = [one.graph for one in networks]
        found = [again or graph for again, graph in zip(opened, graphs, strict=True)]
        text: str = backend("compiler").source_of(found, graphs)
        return text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows: the interactive page, or the drawing where it cannot show pages."""
        drawing = self._drawing(blocks=False)  # those are open in the page
        return {
            "text/plain": repr(self),
            "text/html": backend("viz").embed(self.graph, drawing),
            **({"image/svg+xml": drawing} if drawing is not None else {}),
        }

    def _repr_svg_(self) -> str | None:
        """The drawing that a notebook shows; None for a network that is too large to draw."""
        return self._drawing()

    def _drawing(self, **options: Any) -> str | None:
        viz = backend("viz")
        try:
            drawing: bytes = viz.render(self.graph, "svg", **options)
        except viz.DrawingError:
            return None
        return drawing.decode()

    def __repr__(self) -> str:
        head = header(self.graph)
        name = head["network"] if head["variant"] is None else f"{head['variant']} ({head['network']})"
        return f"<archdsl.Network {name}, {len(self.graph) - len(head['inputs'])} layers>"


def load(
    spec: str | os.PathLike[str], /, *, inputs: Mapping[str, Sequence[int]] | None = None, **settings: Any
) -> Network:
    """Load a network from a SPEC: a path, `path:variant`, or the name of a variant that ships with archdsl.

    `inputs` gives shapes of inputs, other keywords are the network's settings. Raises `SpecError`, which holds every
    fault found.
    """
    return load_at(spec, settings, inputs)


def load_at(
    spec: str | os.PathLike[str],
    settings: Mapping[str, Any],
    inputs: Mapping[str, Sequence[int]] | None = None,
    symbols: Mapping[str, int] | None = None,
) -> Network:
    """The same with values for symbols, which stand for sizes that the inputs leave open."""
    graph = load_graph(spec, settings, inputs, symbols)
    if is_stdin(spec):  # which can be read but once
        return Network(graph)
    source = SpecSource(
        os.fspath(spec), settings, {name: tuple(shape) for name, shape in (inputs or {}).items()}, symbols or {}
    )
    return Network(graph, reopen=partial(load_open_graph, spec, settings, inputs), source=source)


def from_pretrained(name: str | os.PathLike[str], **options: Any) -> CompiledNetwork:
    """The model in a folder that `export` wrote, in inference; or in one of that kind on the Hub (the extra `hub`).

    `options` are those of `huggingface_hub.snapshot_download` (`revision`, `local_files_only`, …). Raises `SpecError`
    where there is no such model, `ImportError` where the extra is not installed.
    """
    folder = backend("compiler").folder_of(os.fspath(name), **options)
    return load(folder).compile(weights=folder).eval()
