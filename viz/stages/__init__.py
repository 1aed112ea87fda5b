"""The view of a network as the table of a paper."""
