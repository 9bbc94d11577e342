"""The source database, one consistent moment at a time.

Everything is read in one READ ONLY REPEATABLE READ transaction, with timeouts
that are set inside it and read back: a pooler can drop them without a word. A
statistic that fails is unavailable with its reason and costs no other.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from etl.patience import Deadline, PatientConnection
from etl.settings import SourceSettings
from etl.snapshot import Row
from warehouse.errors import (
    BadSettings,
    Failure,
    SourceBusy,
    SourceFailure,
    SourceRefused,
    SourceUnreachable,
)

_REFUSALS: Final = ("authentication failed", "no pg_hba.conf entry", "no password supplied")
_ABSENT: Final = ("does not exist", "not permitted to log in")
# A conflict with replication or another transaction; too little of something on the server.
CONFLICTS: Final = ("40001", "40P01")
_BUSY: Final = (*CONFLICTS, "53")
_DRIVERS: Final = ("postgres", "postgresql", "postgresql+psycopg")


class Transaction:
    """One read-only transaction on a source: what is asked of it is of one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str) -> list[Row]:
        """Run a query. Raises DBAPIError."""
        # no_parameters hands the SQL to PostgreSQL untouched, '%' and ':' included.
        result = self._connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        return [dict(row) for row in result.mappings()]

    def one(self, sql: str) -> Row:
        """Run a query that has one row."""
        (row,) = self.rows(sql)
        return row

    def keep(self) -> None:
        """Remember the transaction as it is; see `restore`."""
        self.run("SAVEPOINT kept")

    def restore(self) -> None:
        """Make the transaction usable again after a query failed in it.

        One savepoint serves for all queries: they only read, so going back to the
        beginning loses nothing.
        """
        self.run("ROLLBACK TO SAVEPOINT kept")

    def run(self, sql: str) -> None:
        """Run a statement that has no rows."""
        self._connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


class Source:
    """A PostgreSQL database that Unleash writes to."""

    def __init__(self, settings: SourceSettings, deadline: Deadline | None = None) -> None:
        self.settings = settings
        self._deadline = deadline
        self._url = parse_url(settings.url, named=f"the url of source {settings.name!r}")
        if settings.password is not None:
            self._url = self._url.set(password=settings.password)
        self._engine = create_engine(
            self._url.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="REPEATABLE READ",
            connect_args={
                # PgBouncer may give every transaction another server connection.
                "prepare_threshold": None,
                "connect_timeout": max(2, round(settings.connect_timeout)),
                "application_name": "tallybook",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 30_000,
            },
        )
        event.listen(self._engine, "do_connect", self._connect)

    @property
    def host(self) -> str | None:
        """The host in the URL; None where libpq finds it."""
        return self._url.host

    @property
    def address(self) -> str:
        """The address as messages show it: no password, no parameters."""
        plain = self._url.set(query={}, drivername="postgresql")
        return plain.render_as_string(hide_password=True)

    def _connect(
        self, _dialect: object, _record: object, words: list[str], options: dict[str, Any]
    ) -> PatientConnection:
        if self._deadline:
            self._deadline.require()
            # libpq waits for 2 s at least.
            left = max(2, round(self._deadline.left))
            options = {**options, "connect_timeout": min(options["connect_timeout"], left)}
        connection = PatientConnection.connect(*words, **options)
        connection.deadline = self._deadline
        # The server has its own timeout for a statement; the rest is for the way there and back.
        connection.patience = self.settings.statement_timeout + self.settings.connect_timeout
        return connection

    @contextmanager
    def transaction(self, *, snapshot: str | None = None) -> Iterator[Transaction]:
        """Open a transaction; with `snapshot`, of the moment that another one exported.

        Raises SourceUnreachable, SourceRefused, or SourceFailure when the server does not
        honour the timeouts.
        """
        with self._failures(), self._engine.connect() as connection:
            transaction = Transaction(connection.execution_options(postgresql_readonly=True))
            if snapshot:
                transaction.run(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            self._confine(transaction)
            yield transaction

    def _confine(self, transaction: Transaction) -> None:
        wanted = self._session()
        set_all = ", ".join(
            f"set_config('{name}', {literal(value)}, true)" for name, value in wanted.items()
        )
        transaction.rows(f"SELECT {set_all}")
        found = self.in_force(transaction)
        for name, value in wanted.items():
            if found[name] != value:
                raise SourceFailure(
                    f"source {self.settings.name!r} does not honour {name}: "
                    f"expected {value!r}, found {found[name]!r}",
                    hint="A pooler in between drops settings: use its transaction mode, or "
                    "connect to PostgreSQL itself.",
                )

    def in_force(self, transaction: Transaction) -> Mapping[str, str]:
        """The settings of a transaction as the server itself sees them."""
        read_all = ", ".join(f"current_setting('{name}') AS \"{name}\"" for name in self._session())
        return {name: str(value) for name, value in transaction.one(f"SELECT {read_all}").items()}

    def _session(self) -> Mapping[str, str]:
        quoted_schema = '"' + self.settings.schema.replace('"', '""') + '"'
        # Several connections are as many hands as were asked for; workers of the server's own
        # beside them made the same snapshot slower (0.95 s with them, 0.78 s without).
        workers = {"max_parallel_workers_per_gather": "0"} if self.settings.parallel > 1 else {}
        return {
            **workers,
            "TimeZone": "UTC",
            "search_path": f"{quoted_schema}, pg_catalog",
            "statement_timeout": duration(self.settings.statement_timeout),
            "lock_timeout": duration(self.settings.lock_timeout),
            # Compiling costs more than it saves in queries of half a second.
            "jit": "off",
            # Large tables are read by the server's own workers, as many as it allows.
            "parallel_setup_cost": "0",
            "parallel_tuple_cost": "0",
            "work_mem": "32MB",
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "postgres",
            "extra_float_digits": "1",
        }

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explain(error.orig or error) from error
        except (psycopg.Error, SQLAlchemyError) as error:
            raise self._explain(error) from error

    def _explain(self, error: BaseException) -> Failure:
        what = first_line(error)
        where = f"source {self.settings.name!r} ({self.address})"
        if any(sign in what for sign in _REFUSALS):
            return SourceRefused(
                f"{where} refuses the login: {what}",
                hint="Check the user and the password: password_file, password_env, PGPASSFILE "
                "or a service file; see the comments in tallybook.toml.",
                reason=what,
            )
        if any(sign in what for sign in _ABSENT):
            return SourceRefused(f"{where} refuses the login: {what}", reason=what)
        state = getattr(error, "sqlstate", None)
        if state and state.startswith(_BUSY):
            return SourceBusy(f"{where} asks to be read again: {what}", reason=what)
        # 08: the connection; 57P: the server goes, or is not there yet. 57014 is a timeout.
        if state and not state.startswith(("08", "57P")):
            return SourceFailure(f"{where} answers with an error: {what}", reason=what)
        return SourceUnreachable(
            f"{where} cannot be reached: {what}",
            hint="Check host, port, firewall and TLS settings; `tallybook doctor` looks closer.",
            reason=what,
        )


def parse_url(text: str, *, named: str) -> URL:
    """Read a PostgreSQL URL. Raises BadSettings that does not repeat it: it may hold a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in _DRIVERS:
        raise BadSettings(
            f"{named} is no PostgreSQL URL",
            hint="Expected postgresql://USER@HOST:5432/DATABASE, signs such as @ : / in a user "
            "or password percent-encoded.",
        ) from None
    return url


def literal(value: str) -> str:
    """Write a text literal for PostgreSQL."""
    return "'" + value.replace("'", "''") + "'"


def duration(seconds: float) -> str:
    """Write a timeout the way PostgreSQL gives it back: the largest unit that divides it."""
    milliseconds = round(seconds * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0"


def first_line(error: BaseException) -> str:
    """What went wrong, in one line, without the statement that went wrong."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
