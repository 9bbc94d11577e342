"""Odd rows on which both answers agree, and that a plausible reading of the schema gets wrong."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Oddity:
    """A change of the database; the endpoint and Tallybook answer the same after it."""

    name: str
    change: str


SIGN_ON = "('unleash.enterprise.auth.saml', 'unleash.enterprise.auth.oidc', 'scim')"
PASSWORDS = "('unleash.auth.simple')"


def _settings(sign_on: str, passwords: str) -> str:
    """Set the settings of SAML, OpenID Connect and SCIM to one value, those of passwords too."""
    return (
        f"UPDATE settings SET content = {sign_on} WHERE name IN {SIGN_ON};"
        f" UPDATE settings SET content = {passwords} WHERE name IN {PASSWORDS}"
    )


ODDITIES = (
    Oddity(
        "no settings at all", f"DELETE FROM settings WHERE name IN {SIGN_ON} OR name IN {PASSWORDS}"
    ),
    Oddity("settings are NULL", _settings("NULL", "NULL")),
    Oddity("settings are JSON null", _settings("'null'", "'null'")),
    Oddity("settings are true", _settings("'true'", "'true'")),
    Oddity("settings are arrays and texts", _settings("'[true]'", """'"on"'""")),
    Oddity("settings are empty", _settings("'{}'", "'{}'")),
    Oddity("switches are null", _settings("""'{"enabled": null}'""", """'{"disabled": null}'""")),
    Oddity("all switched off", _settings("""'{"enabled": false}'""", """'{"disabled": false}'""")),
    Oddity("all switched on", _settings("""'{"enabled": true}'""", """'{"disabled": true}'""")),
    Oddity("passwords disabled is 0", _settings("NULL", """'{"disabled": 0}'""")),
    Oddity("passwords disabled is a text", _settings("NULL", """'{"disabled": "false"}'""")),
    Oddity(
        "constraints that are no objects",
        "UPDATE feature_strategies SET constraints = '[1, null, \"x\", [1]]'"
        " WHERE id = 'in-milestone'",
    ),
    Oddity("a token whose type is empty", "UPDATE api_tokens SET type = '' WHERE type = 'odd'"),
    Oddity(
        "someone seen in the future", "UPDATE users SET seen_at = 'infinity' WHERE name = 'never'"
    ),
    Oddity(
        "a flag archived for ever",
        "UPDATE features SET archived_at = 'infinity' WHERE name = 'flag-05'",
    ),
)
