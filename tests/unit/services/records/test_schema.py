from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.runtime.tables import METADATA


async def test_migrations_make_the_declared_tables(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
        )
    assert difference == []


async def test_pages_read_while_records_write(engine: AsyncEngine) -> None:
    async with engine.connect() as reader, engine.connect() as writer:
        await writer.execute(text("INSERT INTO adopted VALUES ('demo', 1)"))
        assert (await reader.execute(text("SELECT count(*) FROM adopted"))).scalar_one() == 0
