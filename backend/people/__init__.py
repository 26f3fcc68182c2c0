"""The users of the backend: how they come in, and what is told, kept and erased of persons."""
