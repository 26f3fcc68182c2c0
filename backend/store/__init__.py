"""The store: tables, the one writer, and one module per aggregate. SQL in, dataclasses out."""
