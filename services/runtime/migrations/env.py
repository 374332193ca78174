"""Alembic's entry: runs on the connection that `services.runtime.database` hands over, inside its transaction."""

from alembic import context

from services.runtime.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
