"""Modules of torch as specs: exported, read as a program, and proved equal to what the spec compiles to."""
