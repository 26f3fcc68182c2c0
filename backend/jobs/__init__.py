"""Jobs: what happens by itself. Each claims by conditional update, calls a pure function and commits once."""
