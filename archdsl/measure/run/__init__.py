"""How a network runs: steps in order, tensors and their storage, precision, optimizer states, what autograd keeps."""
