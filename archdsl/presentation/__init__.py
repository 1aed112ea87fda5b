"""Reports and other tables as people and programs read them: which lines and columns, and in which format."""
