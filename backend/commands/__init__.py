"""The program's commands, one module per subject; what they do lives elsewhere."""
