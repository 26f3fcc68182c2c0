"""Pure cores of the backend: from the events of a transaction to the lines of an invoice."""
