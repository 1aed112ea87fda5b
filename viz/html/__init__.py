"""The interactive page: one file with the network as data, a small script, and a layout engine that runs offline.

`document` says what the page knows, `page` puts the file together; the scripts (`*.js`) are ES modules that share one
scope in the file.
"""
