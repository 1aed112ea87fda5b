"""Blocks with parameters, conditions and loops found in a tree of scopes and calls with arguments. It needs no torch.

The method is that of compilers that merge functions: linearise, align, merge with selects. Instances of a class are
aligned part by part (`merging`); what differs among them are columns, which are explained (`columns`) or become
parameters; parts that some lack become conditions (`conditions`); runs of like parts become loops (`loops`).
"""
