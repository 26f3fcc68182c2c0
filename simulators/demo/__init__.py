"""The demonstration: the real programs as processes, a story told line by line, every claim of it checked."""
