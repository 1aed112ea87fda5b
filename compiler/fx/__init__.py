"""Lowers an elaborated graph to a `torch.fx.GraphModule`."""
