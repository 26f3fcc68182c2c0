"""Signed meter values: records, pairs, verdicts, transparency files."""
