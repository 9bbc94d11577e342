"""The role of `tallybook grants`: reads what is counted, no secret, no person; writes nothing.

READ ONLY is no boundary, grants are: every attempt here first switches it off.
"""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from etl.grants import FORBIDDEN, granted_columns
from tests.readers import ROLE, Reader, grants_of, let_in
from tests.servers import Copy, Database
from warehouse.errors import SourceRefused

pytestmark = pytest.mark.slow

IDENTITY = {"migrations.name", "settings.name", "settings.content"}
TOKEN_FORMS = {
    f"{form}ApiTokens.{which}" for form in ("legacy", "orphaned") for which in ("all", "active")
}


def attempt(reader: Reader, sql: str) -> None:
    """Do something as the role, in a transaction that may write."""
    with psycopg.connect(reader.url) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
        connection.commit()
        connection.execute(sql.encode())


def may_read(reader: Reader) -> set[str]:
    """Name every column outside the system's own schemas that the role may read."""
    columns = reader.database.rows(f"""
        SELECT c.relname || '.' || a.attname
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
          AND has_column_privilege('{ROLE}', c.oid, a.attnum, 'SELECT')
    """)
    return {name for (name,) in columns}


@pytest.fixture(scope="module")
def shared_reader(new_database: Copy, unleash_template: str) -> Iterator[Reader]:
    """The role on one database for all attempts that have to fail."""
    with new_database(unleash_template) as made:
        yield let_in(made)


@pytest.fixture(scope="module")
def without_functions(new_database: Copy, unleash_template: str) -> Iterator[Reader]:
    """The role of `grants --no-functions`."""
    with new_database(unleash_template) as made:
        yield let_in(made, functions=False)


SECRETS = (
    "api_tokens.secret",
    "api_token_project.secret",
    "api_tokens_v2.selector",
    "api_tokens_v2.verifier",
    "personal_access_tokens.secret",
    "personal_access_tokens.verifier",
    "users.email",
    "users.name",
    "users.username",
    "users.password_hash",
    "settings.content",
    "events.data",
    "events.created_by",
    "client_instances.client_ip",
)


@pytest.mark.parametrize("column", SECRETS)
def test_it_cannot_read_a_secret_or_a_person(reader: Reader, column: str) -> None:
    table, _, name = column.partition(".")

    for query in (f"SELECT {name} FROM {table}", f"SELECT * FROM {table}"):
        with pytest.raises(errors.InsufficientPrivilege, match=f"denied for table {table}$"):
            attempt(reader, query)


@pytest.mark.parametrize("column", ["users.email", "users.password_hash", "api_tokens.secret"])
def test_it_cannot_guess_a_secret_in_a_condition(reader: Reader, column: str) -> None:
    table, _, name = column.partition(".")

    with pytest.raises(errors.InsufficientPrivilege, match=f"denied for table {table}$"):
        attempt(reader, f"SELECT count(*) FROM {table} WHERE {name} LIKE 'a%'")


@pytest.mark.parametrize("table", sorted({c.partition(".")[0] for c in granted_columns()}))
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {table} DEFAULT VALUES",
        "DELETE FROM {table}",
        "TRUNCATE {table}",
        "ALTER TABLE {table} ADD COLUMN mine int",
        "DROP TABLE {table}",
        "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
        "CREATE INDEX ON {table} ((1))",
    ],
)
def test_it_cannot_write_to_a_table(shared_reader: Reader, table: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        attempt(shared_reader, statement.format(table=table))


@pytest.mark.parametrize("column", sorted(granted_columns()))
def test_it_cannot_change_a_column_that_it_reads(shared_reader: Reader, column: str) -> None:
    table, _, name = column.partition(".")

    with pytest.raises(errors.InsufficientPrivilege):
        attempt(shared_reader, f"UPDATE {table} SET {name} = {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a int)",
        "CREATE TABLE tallybook.mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION tallybook.settings() RETURNS TABLE (name text, content json)"
        " LANGUAGE sql AS 'SELECT name, content FROM public.settings'",
        "CREATE ROLE mine",
        f"ALTER ROLE {ROLE} SUPERUSER",
        f"ALTER ROLE {ROLE} CONNECTION LIMIT -1",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT setval('users_id_seq', 1)",
        "SELECT nextval('users_id_seq')",
        "SET ROLE postgres",
    ],
)
def test_it_cannot_make_or_become_anything(shared_reader: Reader, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        attempt(shared_reader, statement)


def test_it_reads_exactly_the_columns_of_the_catalogue(reader: Reader) -> None:
    assert may_read(reader) == granted_columns() - {"settings.name", "settings.content"}


def test_without_functions_it_reads_the_settings_as_well(unleash: Database) -> None:
    reader = let_in(unleash, functions=False)

    assert may_read(reader) == granted_columns()


def test_nothing_forbidden_is_ever_granted() -> None:
    assert granted_columns() & FORBIDDEN == set()


@pytest.mark.parametrize("column", sorted(granted_columns()))
def test_every_column_is_needed(without_functions: Reader, column: str) -> None:
    table, _, name = column.partition(".")
    database = without_functions.database
    database.execute(f"REVOKE SELECT ({name}) ON {table} FROM {ROLE}")

    try:
        if column in IDENTITY:
            with pytest.raises(SourceRefused, match=f"may not read {column}, which tell"):
                without_functions.read()
        else:
            after = without_functions.read()
            assert {m.reason for m in after.troubles} == {f"{column}: permission denied"}
            assert {m.cause for m in after.troubles} == {"permission"}
    finally:
        database.execute(f"GRANT SELECT ({name}) ON {table} TO {ROLE}")


def test_the_function_of_the_settings_is_needed(reader: Reader) -> None:
    reader.database.execute(f"REVOKE EXECUTE ON FUNCTION tallybook.settings() FROM {ROLE}")

    with pytest.raises(SourceRefused, match=r"may not read settings.name, settings.content, which"):
        reader.read()


def test_the_function_of_token_forms_is_needed(reader: Reader) -> None:
    reader.database.execute(f"REVOKE EXECUTE ON FUNCTION tallybook.api_token_forms() FROM {ROLE}")

    reading = reader.read()

    assert {missing.statistic for missing in reading.troubles} == TOKEN_FORMS


def test_with_and_without_functions_it_counts_the_same(lived_in: Database) -> None:
    through_functions = let_in(lived_in).read()
    lived_in.execute("DROP SCHEMA tallybook CASCADE")

    from_tables = let_in(lived_in, functions=False).read()

    stats = {n: v for n, v in through_functions.stats.items() if n not in TOKEN_FORMS}
    assert from_tables.stats == stats
    assert from_tables.instance == through_functions.instance
    assert {missing.statistic: missing.reason for missing in from_tables.unavailable} == (
        dict.fromkeys(
            TOKEN_FORMS,
            "only the tokens' secrets tell, which Tallybook never reads; "
            "tallybook grants makes a function for it",
        )
    )


def test_functions_give_no_secret_away(reader: Reader) -> None:
    reader.database.execute("""
        INSERT INTO settings VALUES
            ('unleash.enterprise.auth.oidc', '{"enabled": true, "secret": "oidc secret"}'),
            ('unleash.enterprise.auth.saml', '"a secret of text"'),
            ('unleash.auth.simple', '{"disabled": false, "secret": "simple secret"}'),
            ('scim', '{"enabled": "no", "id": "scim", "assetToken": "scim secret"}');
        INSERT INTO api_tokens (secret, username, type) VALUES ('token secret', 'ann', 'client');
    """)

    with psycopg.connect(reader.url) as connection:
        told = str(connection.execute("SELECT * FROM tallybook.settings()").fetchall())
        told += str(connection.execute("SELECT * FROM tallybook.api_token_forms()").fetchall())

    assert "secret" not in told
    assert "'enabled': True" in told


def test_running_the_grants_again_takes_back_what_was_too_much(reader: Reader) -> None:
    reader.database.execute(f"GRANT ALL ON users, events TO {ROLE}")
    reader.database.execute(f"ALTER ROLE {ROLE} CREATEDB INHERIT CONNECTION LIMIT -1")

    reader.database.execute(grants_of(reader.database))

    assert may_read(reader) == granted_columns() - {"settings.name", "settings.content"}
    assert reader.database.rows(f"""
        SELECT rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolconnlimit, rolconfig
        FROM pg_roles WHERE rolname = '{ROLE}'
    """) == [
        (
            *(False, False, False, False, 8),
            [
                "default_transaction_read_only=on",
                "statement_timeout=1min",
                "lock_timeout=2s",
                "idle_in_transaction_session_timeout=5min",
            ],
        )
    ]


@pytest.mark.parametrize("name", ['Robert"); DROP TABLE users; --', "it's", "Ä b"])
def test_a_role_of_any_name_is_quoted(unleash: Database, name: str) -> None:
    sql = grants_of(unleash, role=name)

    unleash.execute(sql)

    found = unleash.rows("SELECT rolname FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'")
    assert (name,) in found
    unleash.execute("DROP OWNED BY {0}; DROP ROLE {0}".format('"' + name.replace('"', '""') + '"'))


def test_the_functions_are_never_in_the_way_of_a_migration(reader: Reader) -> None:
    reader.database.execute("ALTER TABLE api_tokens DROP COLUMN seen_at")

    reading = reader.read()

    assert {missing.statistic: missing.reason for missing in reading.troubles} == dict.fromkeys(
        TOKEN_FORMS, "column t.seen_at does not exist"
    )
