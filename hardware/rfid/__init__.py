"""Card readers: pure frame parsers, and the shell that keeps a reader's port open."""
