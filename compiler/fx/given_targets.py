"""What a loss is given to compare with: a tensor, or a mapping of the names that the spec declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from archdsl.diagnostics import an_object, listed


def given_targets(names: Sequence[str], given: Tensor | Mapping[str, Tensor] | None) -> tuple[Tensor, ...]:
    """The tensors of these names, in their order. Raises `ValueError`, which names what is missing and what is not
    taken."""
    wanted = listed([f"`{name}`" for name in names])
    if isinstance(given, Mapping):
        missing = [f"`{name}`" for name in names if name not in given]
        unknown = [f"`{name}`" for name in given if name not in names]
        if missing or unknown:
            lacks = f"lacks {listed(missing)}" if missing else ""
            has = f"has {listed(unknown)}, which the loss does not take" if unknown else ""
            takes = f"it takes {wanted}" if names else "it takes no target"
            raise ValueError(f"the target {' and '.join(filter(None, (lacks, has)))}: {takes}")
        return tuple(given[name] for name in names)
    if not names:
        if given is not None:
            raise ValueError(f"the loss of this network takes no target, found {an_object(given)}")
        return ()
    if given is None:
        raise ValueError(f"the loss compares outputs with {wanted}: give it as the second argument")
    if len(names) > 1:
        raise ValueError(f"the loss takes several targets: give a mapping of {wanted}, found {an_object(given)}")
    return (given,)
