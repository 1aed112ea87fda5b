"""Which names a spec may give to what reaches torch, and how layers without a label are named."""

from __future__ import annotations

import keyword
import re
from typing import Final

MAX_NAME: Final = 128
SEGMENT: Final = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+)\Z")
# What a label may hold in quotes: whatever torch takes for the name of a module, but for what would end a string in the
# code that fx writes, and `#`, which tells the uses of a shared layer apart.
ODD_SEGMENT: Final = re.compile(r"(?! )[ !$-&(-\-/-\[\]-~]+(?<! )\Z")

# Names that compiled networks use, and for what.
USED: Final = {"loss": "for the loss", "self": "for the module itself", "torch": "for torch"}
# The attributes of torch.nn.Module and torch.fx.GraphModule (a test compares this with torch's own). A layer called
# `forward` would replace the method.
RESERVED: Final = frozenset(
    """
    T_destination _apply _backward_hooks _backward_pre_hooks _boxed_call _buffers _call_impl _code
    _compiled_call_impl _create_node_hooks _deepcopy_hooks _deepcopy_init _erase_node_hooks _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _graph _is_full_backward_hook _lineno_map
    _load_from_state_dict _load_state_dict_post_hooks _load_state_dict_pre_hooks
    _maybe_warn_non_full_backward_hook _modules _named_members _non_persistent_buffers_set _parameters
    _prologue_start _recompile_submodules _register_create_node_hook _register_deepcopy_hook
    _register_erase_node_hook _register_load_state_dict_pre_hook _register_replace_node_hook
    _register_state_dict_hook _replace_hooks _replicate_for_data_parallel _save_to_state_dict
    _set_replace_hook _slow_forward _state_dict_hooks _state_dict_pre_hooks _tracer_cls _tracer_extras
    _unregister_create_node_hook _unregister_deepcopy_hook _unregister_erase_node_hook
    _unregister_replace_node_hook _version _wrapped_call _wrapped_call_impl add_module add_submodule apply
    bfloat16 buffers call_super_init children code compile cpu cuda delete_all_unused_submodules
    delete_submodule double dump_patches eval extra_repr float forward get_buffer get_extra_state
    get_parameter get_submodule graph half ipu load_state_dict meta modules mtia named_buffers named_children
    named_modules named_parameters parameters print_readable recompile register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule shape_env share_memory state_dict to to_empty to_folder train
    training type xpu zero_grad
    """.split()
) | frozenset(USED)


def fault(name: str) -> str | None:
    """What is wrong with a name for a layer, input, output or device; None where nothing is."""
    if not name:
        return "is empty"
    if len(name) > MAX_NAME:
        return f"has {len(name)} characters; the limit is {MAX_NAME}"
    if not SEGMENT.match(name):
        return (
            "may hold only the letters A-Z a-z, digits and `_`, and must not begin with a digit unless it is a number"
        )
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    if name in USED:
        return f"is used in compiled networks: {USED[name]}"
    if name in RESERVED or name.startswith("__"):
        return "is an attribute of every torch module"
    return None


def label_fault(segment: str, *, inner: bool) -> str | None:
    """What is wrong with a part of a label; None where nothing is. An `inner` one is below another module, where the
    network's own names are free."""
    if inner and segment in USED:
        return None
    if segment and len(segment) <= MAX_NAME and not SEGMENT.match(segment):
        return None if ODD_SEGMENT.match(segment) else "may hold only printable ASCII, without `#`, quotes and `\\`"
    return fault(segment)


class Names:
    """Names the steps of one module path: by number inside braces, else after their operator."""

    __slots__ = ("_elsewhere", "numbered", "prefix", "taken")

    def __init__(self, prefix: str, numbered: bool) -> None:
        self.prefix = prefix
        self.numbered = numbered
        self.taken: dict[str, int] = {}
        self._elsewhere: Names | None = None

    def elsewhere(self) -> Names:
        """How the layers in an argument are named: they are no steps of the sequence, so after their operator."""
        if not self.numbered:
            return self
        if self._elsewhere is None:
            self._elsewhere = Names(self.prefix, numbered=False)
        return self._elsewhere

    def path(self, label: str) -> str:
        return f"{self.prefix}.{label}" if self.prefix else label

    def next(self, kind: str) -> str:
        """A path for a step without a label."""
        if self.numbered:
            count = self.taken.get("", 0)
            self.taken[""] = count + 1
            return self.path(str(count))
        count = self.taken.get(kind, 0) + 1
        self.taken[kind] = count
        # A block may be called `half`, but no layer of a torch module.
        return self.path(kind if count == 1 and fault(kind) is None else f"{kind}_{count}")
