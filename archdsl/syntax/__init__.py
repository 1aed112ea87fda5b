"""The two written forms of a spec and the syntax tree they share."""
