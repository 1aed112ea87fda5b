"""Networks that are imported from elsewhere: from modules of torch, and from files of other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from archdsl.backends import backend
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.importing.program import NotImported, shown
from archdsl.importing.spec import MADE, Imported, refused
from archdsl.importing.weights import RawTensor
from archdsl.network import Network
from archdsl.pipeline import load_graph

if TYPE_CHECKING:
    import torch

    from compiler.importing.proof import Proof

SUFFIXES: Final = (".pt2", ".onnx", ".prototxt", ".cfg", ".yaml", ".yml")


class ImportedNetwork(Network):
    """A network with the text of its spec, and what was proved of it: None where there was nothing to compare with.

    `weights` are those of the file that it comes from, under the names that they have here.
    """

    def __init__(self, imported: Imported, variant: str | None = None, proof: Proof | None = None) -> None:
        texts = {MADE: imported.text}
        graph = load_graph(f"{MADE}:{variant or imported.network}", texts=texts)
        super().__init__(graph)
        self.text = imported.text
        self.proof = proof
        self.weights: Mapping[str, RawTensor] = {}


def from_module(
    model: torch.nn.Module, inputs: Sequence[torch.Tensor] | Mapping[str, torch.Tensor], *, name: str | None = None
) -> ImportedNetwork:
    """The network of a module of torch, proved equal: `.text` is its spec, `.proof` what was compared.

    `inputs` are tensors that it is called with, in order, under their names where they are a mapping. Their first
    dimension stays open where the module can take any batch. Raises `SpecError` where the module uses what no operator
    says, with each such call, where it is made and how often.
    """
    names, values = (list(inputs), list(inputs.values())) if isinstance(inputs, Mapping) else ([], list(inputs))
    compiler = backend("compiler")
    subject = compiler.subject_of(model, name)
    try:
        given = compiler.given(subject, values, names)
    except NotImported as error:
        raise not_imported(error, subject.name) from None
    return imported_modules([subject], given)[0]


def imported_modules(subjects: Sequence[Any], given: Any, name: str | None = None) -> list[ImportedNetwork]:
    """The networks of modules of one kind: one spec with a variant for each. Raises `SpecError`."""
    compiler = backend("compiler")
    specs = compiler.import_modules(subjects, given, name)
    try:
        simplest = next(specs)
    except NotImported as error:
        raise not_imported(error, ", ".join(subject.name for subject in subjects)) from None
    except SpecError as error:
        raise refused(error, ", ".join(subject.name for subject in subjects)) from None
    found = _proved(simplest, subjects, given)
    if sum(map(_apart, found)) > 0:
        others = [_proved(spec, subjects, given) for spec in specs]
        found = min([found, *others], key=lambda one: sum(map(_apart, one)))
    return found


def _proved(imported: Imported, subjects: Sequence[Any], given: Any) -> list[ImportedNetwork]:
    """The networks of a spec, each compared with its original."""
    found = networks_of(imported, ", ".join(subject.name for subject in subjects))
    for network, subject in zip(found, subjects, strict=True):
        network.proof = backend("compiler").prove(subject.model, network.compile(), given.tensors)
    return found


def _apart(network: ImportedNetwork) -> float:
    """How far its outputs are from those of the original, in both phases."""
    proof = network.proof
    differences = (None, None) if proof is None else (proof.inference, proof.training)
    return sum(inf if one is None else one for one in differences)


def from_sources(
    sources: Sequence[str], inputs: Mapping[str, Sequence[int]], name: str | None = None
) -> list[ImportedNetwork]:
    """The networks of what is named: `MODULE:FACTORY`, or one file. Raises `SpecError`."""
    if any(map(is_file, sources)):
        if len(sources) > 1:
            message = "a file is imported alone; several models become variants where they are all MODULE:FACTORY"
            raise SpecError([Diagnostic("no-such-module", message, place=next(filter(is_file, sources)))])
        return from_file(sources[0], name, inputs)
    compiler = backend("compiler")
    subjects = []
    for source in sources:
        try:
            subjects.append(compiler.made(source))
        except compiler.FactoryError as error:
            raise SpecError([Diagnostic("no-such-module", str(error), place=source)]) from None
    if name is not None and len(subjects) == 1:
        subjects = [replace(subjects[0], name=name)]
    try:
        given = compiler.sample(subjects[0], inputs)
    except NotImported as error:
        raise not_imported(error, sources[0]) from None
    return imported_modules(subjects, given, name)


def from_file(
    source: str, name: str | None = None, inputs: Mapping[str, Sequence[int]] | None = None
) -> list[ImportedNetwork]:
    """The networks of a file: one, or one for each of its variants. `inputs` are shapes, for files that do not say
    them. Raises `SpecError`, and `ImportError` where a library is missing."""
    from archdsl.importing.doors import read_file

    found = read_file(source, name, inputs)
    networks = networks_of(found.imported, source)
    networks[0].weights = found.weights
    return networks


def networks_of(imported: Imported, place: str) -> list[ImportedNetwork]:
    """The networks of a spec that was made. Where it is none, the original is no network, or is not understood: nobody
    has written the text, so what is wrong with it is said of the original."""
    try:
        return [ImportedNetwork(imported, variant) for variant in imported.variants or (None,)]
    except SpecError as error:
        raise refused(error, place) from None


def is_file(source: str) -> bool:
    """Whether a source is a file of another tool, and no factory."""
    return PurePath(source).suffix.lower() in SUFFIXES and ":" not in PurePath(source).name


def not_imported(error: NotImported, place: str) -> SpecError:
    """What no operator says, as diagnostics."""
    return SpecError(Diagnostic("not-imported", shown(one), place=place) for one in error.missing)
