"""What a graph tells of how people would write it: blocks with parameters, and where their values come from."""
