"""`archdsl serve`: the page of a spec in a browser, which follows the file. Needs the standard library alone."""
