"""Access: who may do what, and by which door they come in."""

from typing import Final

from etl.catalogue.rows import all_rows
from etl.statistic import Odd, Probe, Statistic

GROUPS: Final = all_rows("access", "groups", "groups", "id", "User groups.")


ROLES: Final = all_rows(
    "access",
    "roles",
    "roles",
    "id",
    "Roles of every kind.",
    Statistic(
        name="customRootRoles",
        meaning="Root roles that somebody made.",
        sql="count(*) FILTER (WHERE type = 'root-custom')",
        needs=("roles.type",),
        unit="roles",
        since="4.17",
    ),
    Statistic(
        name="customRootRolesInUse",
        meaning="Root roles that somebody made and that a user or a group holds.",
        # ORDER BY and LIMIT make it one look into the key for each role; EXISTS reads the
        # whole table for each.
        sql="count(*) FILTER (WHERE type = 'root-custom' AND ("
        "(SELECT u.user_id FROM role_user AS u WHERE u.role_id = roles.id"
        " ORDER BY u.user_id LIMIT 1) IS NOT NULL"
        "[[groups.root_role_id:  OR EXISTS"
        " (SELECT FROM groups AS g WHERE g.root_role_id = roles.id)]]))",
        needs=("roles.type", "role_user.role_id", "role_user.user_id"),
        unit="roles",
        since="4.17",
    ),
)


_SETTING = "json_typeof(content->'{key}') = 'boolean' AND content->>'{key}' = '{value}'"


def _switch(name: str, setting: str, meaning: str) -> Statistic:
    on = _SETTING.format(key="enabled", value="true")
    return Statistic(
        name=name,
        meaning=meaning,
        sql=f"coalesce(bool_or({on}) FILTER (WHERE name = '{setting}'), false)",
        unit="on or off",
        kind="switch",
        since="4.17",
    )


SWITCHES: Final = Probe(
    subject="access",
    source="settings",
    needs=("settings.name", "settings.content"),
    statistics=(
        _switch("SAMLenabled", "unleash.enterprise.auth.saml", "Whether SAML sign-in is on."),
        _switch("OIDCenabled", "unleash.enterprise.auth.oidc", "Whether OpenID Connect is on."),
        _switch("SCIMenabled", "scim", "Whether SCIM provisioning is on."),
        Statistic(
            name="passwordAuthEnabled",
            meaning="Whether people may sign in with a password: yes, unless it is disabled.",
            sql="coalesce(bool_and(coalesce("
            + _SETTING.format(key="disabled", value="false")
            + ", true)) FILTER (WHERE name = 'unleash.auth.simple'), true)",
            unit="on or off",
            kind="switch",
            since="4.17",
        ),
    ),
    odd=Odd(
        where="name IN ('unleash.enterprise.auth.saml', 'unleash.enterprise.auth.oidc', 'scim',"
        " 'unleash.auth.simple') AND json_typeof(content) NOT IN ('object', 'null')",
        example="name",
        reason="the setting is no JSON object",
    ),
)


API_TOKENS: Final = Probe(
    subject="access",
    source="api_tokens",
    needs=("api_tokens.type",),
    label="type",
    statistics=(
        Statistic(
            name="apiTokens",
            meaning="API tokens by type, expired ones included.",
            sql="count(*)",
            unit="tokens",
            since="4.17",
        ),
    ),
)


API_TOKENS_V2: Final = Probe(
    subject="access",
    source="api_tokens_v2",
    needs=("api_tokens_v2.type",),
    label="type",
    statistics=(
        Statistic(
            name="apiTokensV2",
            meaning="API tokens of the second generation by type, expired ones included.",
            sql="count(*)",
            unit="tokens",
            since="8.1",
        ),
    ),
)


TOKEN_FORMS: Final = Probe(
    subject="access",
    source="api_token_forms",
    needs=(
        "api_token_forms.legacy",
        "api_token_forms.active_legacy",
        "api_token_forms.orphaned",
        "api_token_forms.active_orphaned",
    ),
    statistics=(
        Statistic(
            name="legacyApiTokens.all",
            meaning="API tokens of the form that Unleash 4.3 replaced.",
            sql="sum(legacy)::bigint",
            unit="tokens",
            since="4.17",
        ),
        Statistic(
            name="legacyApiTokens.active",
            meaning="The same, seen within three calendar months.",
            sql="sum(active_legacy)::bigint",
            unit="tokens",
            window="three calendar months",
            since="4.17",
        ),
        Statistic(
            name="orphanedApiTokens.all",
            meaning="API tokens made for projects that are all gone.",
            sql="sum(orphaned)::bigint",
            unit="tokens",
            since="4.17",
        ),
        Statistic(
            name="orphanedApiTokens.active",
            meaning="The same, seen within three calendar months.",
            sql="sum(active_orphaned)::bigint",
            unit="tokens",
            window="three calendar months",
            since="4.17",
        ),
    ),
)

PROBES: Final = (GROUPS, ROLES, SWITCHES, API_TOKENS, API_TOKENS_V2, TOKEN_FORMS)
