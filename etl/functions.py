"""Functions that tell what the role itself must not see. Pure.

Some facts stand beside secrets: whether an API token is of an old form can be seen in the
token alone, and the table that says whether OpenID Connect is on also holds its client secret
and the one Unleash signs its sessions with. So `tallybook grants` makes two small
functions that run with their owner's rights and give away counts and switches, nothing else.

Their bodies are text, which PostgreSQL looks into only when they run: unlike
a view they never stand in the way of an Unleash migration.
"""

from collections.abc import Mapping
from typing import Final

SCHEMA: Final = "tallybook"

_KEPT_SETTINGS: Final = (
    "'instanceInfo', 'scim', 'unleash.auth.simple', "
    "'unleash.enterprise.auth.oidc', 'unleash.enterprise.auth.saml'"
)

# Escapes that json accepts and PostgreSQL refuses to look at: NUL and half surrogate pairs. One
# such row would fail the whole function.
_NO_TEXT: Final = (
    r"\\u(0000|[dD][89abAB]..(?!\\u[dD][c-fC-F]))|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
)

# By name: what they return, and their body; {schema} is where Unleash keeps its tables.
FUNCTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "settings": (
        "name text, content json",
        "SELECT s.name::text, CASE WHEN json_typeof(s.content) IS DISTINCT FROM 'object'"
        " THEN to_json(nullif(json_typeof(s.content), 'null'))"
        f" WHEN s.content::text ~ '{_NO_TEXT}' THEN to_json('unreadable'::text)"
        # Whether a password is disabled depends on the key being there at all.
        " WHEN s.name = 'unleash.auth.simple' AND s.content->'disabled' IS NULL THEN '{{}}'::json"
        " WHEN s.name = 'unleash.auth.simple'"
        " THEN json_build_object('disabled', s.content->'disabled')"
        " ELSE json_build_object('id', s.content->'id', 'enabled', s.content->'enabled') END"
        f" FROM {{schema}}.settings AS s WHERE s.name IN ({_KEPT_SETTINGS})",
    ),
    "api_token_forms": (
        "legacy bigint, active_legacy bigint, orphaned bigint, active_orphaned bigint",
        "SELECT count(*) FILTER (WHERE legacy), count(*) FILTER (WHERE legacy AND active),"
        " count(*) FILTER (WHERE orphaned), count(*) FILTER (WHERE orphaned AND active)"
        " FROM (SELECT strpos(t.secret, ':') = 0 AS legacy,"
        " t.seen_at > now() - interval '3 months' AS active,"
        " strpos(t.secret, ':') > 0 AND left(t.secret, 2) <> '*:'"
        " AND t.type IN ('backend', 'client', 'frontend') AND NOT EXISTS"
        " (SELECT FROM {schema}.api_token_project AS p WHERE p.secret = t.secret) AS orphaned"
        " FROM {schema}.api_tokens AS t) AS tokens",
    ),
}


def functions_sql(schema: str, who: str) -> list[str]:
    """The statements that make the functions, for a quoted schema and a quoted role."""
    lines = [f"CREATE SCHEMA IF NOT EXISTS {SCHEMA};", f"GRANT USAGE ON SCHEMA {SCHEMA} TO {who};"]
    for name, (returns, body) in FUNCTIONS.items():
        signature = f"{SCHEMA}.{name}()"
        lines += [
            f"CREATE OR REPLACE FUNCTION {signature} RETURNS TABLE ({returns})",
            "    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp",
            f"    AS $body$ {body.format(schema=schema)} $body$;",
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {who};",
        ]
    return lines
