"""Tables as data, and one file for each format they are written in."""
