"""The migrations of the database, one file per revision under `versions/`. Run them with `backend.store.migrate`."""
