"""Networks that are imported from elsewhere: from modules of torch, and from files of other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archdsl.backends import backend
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.importing.program import NotImported, shown
from archdsl.importing.spec import Imported
from archdsl.network import Network
from archdsl.pipeline import load_graph

if TYPE_CHECKING:
    import torch

    from compiler.importing.proof import Proof

FILE = "imported.arch"


class ImportedNetwork(Network):
    """A network with the text of its spec, and what was proved of it: None where there was nothing to compare with."""

    def __init__(self, imported: Imported, variant: str | None = None, proof: Proof | None = None) -> None:
        texts = {FILE: imported.text}
        graph = load_graph(f"{FILE}:{variant or imported.network}", texts=texts)
        super().__init__(graph)
        self.text = imported.text
        self.proof = proof


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
    return imported_modules([subject], compiler.given(subject, values, names))[0]


def imported_modules(subjects: Sequence[Any], given: Any) -> list[ImportedNetwork]:
    """The networks of modules of one kind: one spec with a variant for each. Raises `SpecError`."""
    compiler = backend("compiler")
    try:
        imported = compiler.import_modules(subjects, given)
    except NotImported as error:
        raise not_imported(error, ", ".join(subject.name for subject in subjects)) from None
    variants = imported.variants or [None]
    found = [ImportedNetwork(imported, variant) for variant in variants]
    for network, subject in zip(found, subjects, strict=True):
        network.proof = compiler.prove(subject.model, network.compile(), given.tensors)
    return found


def from_sources(
    sources: Sequence[str], inputs: Mapping[str, Sequence[int]], name: str | None = None
) -> list[ImportedNetwork]:
    """The networks of what is named: `MODULE:FACTORY`, or a file. Raises `SpecError`."""
    compiler = backend("compiler")
    subjects = []
    for source in sources:
        try:
            subjects.append(compiler.made(source))
        except compiler.FactoryError as error:
            raise SpecError([Diagnostic("no-such-module", str(error), place=source)]) from None
    if name is not None:
        subjects = [replace(subject, name=name) for subject in subjects]
    try:
        given = compiler.sample(subjects[0], inputs)
    except NotImported as error:
        raise not_imported(error, sources[0]) from None
    return imported_modules(subjects, given)


def not_imported(error: NotImported, place: str) -> SpecError:
    """What no operator says, as diagnostics."""
    return SpecError(Diagnostic("not-imported", shown(one), place=place) for one in error.missing)
