"""Runs the revisions on the connection that `backend.store.migrate` hands over. Alembic imports this by its path."""

from alembic import context

from backend.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
