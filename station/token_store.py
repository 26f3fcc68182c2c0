"""The local list and the authorization cache, in the journal's file."""

import sqlite3
from collections.abc import Iterable

from shared.ids import IdToken
from shared.sqlite import Database
from station.core.authorize import ACCEPTED, Known, TokenInfo
from station.core.contract_id import spellings
from station.core.timekeeping import from_ms, to_ms

CACHE_LENGTH = 1000
"""Tokens in the cache; when it is full the refused ones go first, then the oldest (OCPP 1.6 §3.5.1)."""


class TokenStore:
    """What the station knows of tokens. A token of the list is not kept in the cache (OCPP 1.6 §3.5.2)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, token: IdToken) -> Known:
        """Look a token up in the local list and the cache; a contract id in any of its spellings, its own first."""
        ways = spellings(token.value)
        rows = await self._database.read(
            f"SELECT kind, status, expires_ms, parent FROM token WHERE id_token IN ({','.join('?' * len(ways))}) "  # noqa: S608  only marks
            "ORDER BY id_token = ?",
            *ways,
            token.value,
        )
        found = {row[0]: TokenInfo(row[1], from_ms(row[2]) if row[2] else None, row[3]) for row in rows}
        return Known(found.get("list"), found.get("cache"))

    async def cache(self, token: IdToken, info: TokenInfo) -> None:
        """Remember what the central system said of a token, unless the list has it; makes room if need be."""

        def put(connection: sqlite3.Connection) -> None:
            if connection.execute(
                "SELECT 1 FROM token WHERE kind = 'list' AND id_token = ?", (token.value,)
            ).fetchone():
                return
            _put_token(connection, "cache", token, info)
            connection.execute(
                "DELETE FROM token WHERE kind = 'cache' AND id_token IN (SELECT id_token FROM token WHERE kind = "
                "'cache' ORDER BY status = ? DESC, updated DESC LIMIT -1 OFFSET ?)",
                (ACCEPTED, CACHE_LENGTH),
            )

        await self._database.work(put)

    async def forget(self, token: IdToken) -> None:
        """Forget all that is known of a token; a transaction that it began is a record of its own."""
        await self._database.work(
            lambda connection: connection.execute("DELETE FROM token WHERE id_token = ?", (token.value,))
        )

    async def clear_cache(self) -> None:
        """Forget what the central system said of tokens."""
        await self._database.work(lambda connection: connection.execute("DELETE FROM token WHERE kind = 'cache'"))

    async def list_version(self) -> int:
        """Give the version of the central system's local list, 0 if it never sent one."""
        return int((await self._one("SELECT COALESCE(max(text), 0) FROM value WHERE name = 'local_list_version'"))[0])

    async def list_length(self) -> int:
        """Count the entries of the local list."""
        return int((await self._one("SELECT count(*) FROM token WHERE kind = 'list'"))[0])

    async def update_list(
        self, version: int, entries: Iterable[tuple[IdToken, TokenInfo | None]], *, replace: bool
    ) -> None:
        """Change the local list in one piece: all of it, or the entries given, where None takes a token out."""

        def update(connection: sqlite3.Connection) -> None:
            if replace:
                connection.execute("DELETE FROM token WHERE kind = 'list'")
            for token, info in entries:
                connection.execute("DELETE FROM token WHERE id_token = ?", (token.value,))
                if info:
                    _put_token(connection, "list", token, info)
            connection.execute("INSERT OR REPLACE INTO value VALUES ('local_list_version', ?)", (str(version),))

        await self._database.work(update)

    async def _one(self, sql: str) -> sqlite3.Row:
        return (await self._database.read(sql))[0]


def _put_token(connection: sqlite3.Connection, kind: str, token: IdToken, info: TokenInfo) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO token SELECT ?, ?, ?, ?, ?, COALESCE(max(updated), 0) + 1 FROM token",
        (kind, token.value, info.status, to_ms(info.expires) if info.expires else None, info.parent),
    )
