"""Lint: what is correct, but probably not meant, or known to work better otherwise.

A rule is a function over an elaborated network, one rule a file; the catalogue explains each.
"""

from archdsl.lint import (
    batch_of_one,
    bias_before_norm,
    dead_layer,
    dense_head,
    device_round_trip,
    dropout_before_norm,
    large_kernel,
    linear_pair,
    misaligned_branches,
    mixed_batch,
    narrow_linear_pair,
    pool_before_widening,
    positional_name,
    small_receptive_field,
    softmax_before_loss,
    stretched_channels,
    stride_over_kernel,
    uneven_channels,
    unread_border,
    unscaled_residual,
    unused_name,
)
from archdsl.lint._rule import RULES, Found, Net, rule
from archdsl.lint.collect import Finding, lint
from archdsl.lint.suppress import SUPPRESSION_CODES

__all__ = [
    "RULES",
    "SUPPRESSION_CODES",
    "Finding",
    "Found",
    "Net",
    "batch_of_one",
    "bias_before_norm",
    "dead_layer",
    "dense_head",
    "device_round_trip",
    "dropout_before_norm",
    "large_kernel",
    "linear_pair",
    "lint",
    "misaligned_branches",
    "mixed_batch",
    "narrow_linear_pair",
    "pool_before_widening",
    "positional_name",
    "rule",
    "small_receptive_field",
    "softmax_before_loss",
    "stretched_channels",
    "stride_over_kernel",
    "uneven_channels",
    "unread_border",
    "unscaled_residual",
    "unused_name",
]
