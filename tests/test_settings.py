"""The settings file: every mistake is named with its key, and no secret is ever repeated."""

from pathlib import Path

import pytest

from etl.keys.reference import Credential, KeyReference
from etl.settings import SourceTable, Tables, load_settings
from warehouse.errors import BadSettings, Failure

ORIGIN = 'origin = "example.com/tallybook"\n'
URL = "postgresql://tallybook@db.example.com/unleash"
SOURCE = f'{ORIGIN}[source.prod]\nurl = "{URL}"\n'
SECRET = "s3cr3t-and-long"  # looked for in messages


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tallybook.toml"


def refusal_of(file: Path, content: str) -> Failure:
    file.write_text(content, encoding="utf-8")
    with pytest.raises(BadSettings) as refusal:
        load_settings(file)
    return refusal.value


def test_the_smallest_file_has_defaults_for_everything(file: Path) -> None:
    file.write_text(SOURCE)

    settings = load_settings(file)

    assert settings.origin == "example.com/tallybook"
    assert settings.warehouse == file.parent / "history"
    assert settings.state == file.parent / "state"
    assert settings.signing_key == KeyReference(
        "state/signing-key.pem", file.parent / "state/signing-key.pem"
    )
    assert settings.public_key == file.parent / "ledger.pub.pem"
    assert settings.lock_timeout == 30
    assert settings.tables == {"prod": SourceTable(url=URL)}


def test_paths_are_relative_to_the_file_and_absolute_ones_stay(file: Path) -> None:
    file.write_text(f'{ORIGIN}warehouse = "../there"\nstate = "/var/lib/tallybook"\n')

    settings = load_settings(file)

    assert settings.warehouse == file.parent / "../there"
    assert settings.state == Path("/var/lib/tallybook")


def test_a_source_has_what_its_table_says(file: Path) -> None:
    file.write_text(
        f'{SOURCE}schema = "unleash"\nserver_url = "https://unleash.example.com"\nparallel = 4\n'
        "connect_timeout = 1.5\nstatement_timeout = 5\nlock_timeout = 0.25\n"
    )

    source = load_settings(file).source("prod")

    assert (source.name, source.url, source.password, source.schema) == (
        "prod",
        URL,
        None,
        "unleash",
    )
    assert (source.server_url, source.parallel) == ("https://unleash.example.com", 4)
    timeouts = (source.connect_timeout, source.statement_timeout, source.lock_timeout)
    assert timeouts == (1.5, 5, 0.25)


def test_letters_of_all_languages_are_read(file: Path) -> None:
    file.write_text(f'{ORIGIN}warehouse = "Übersicht"\n', encoding="utf-8")

    assert load_settings(file).warehouse == file.parent / "Übersicht"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (f"{ORIGIN}warehuose = 'x'", "unknown key 'warehuose'", "Did you mean 'warehouse'?"),
        (f"{ORIGIN}sources = 1", "unknown key 'sources'", "Did you mean 'source'?"),
        (
            f"{SOURCE}password = '{SECRET}'",
            "unknown key 'source.prod.password'",
            "Did you mean 'password_env'?",
        ),
        (
            f"{SOURCE}statement_timeuot = 1",
            "unknown key 'source.prod.statement_timeuot'",
            "Did you mean 'statement_timeout'?",
        ),
        (
            f"{SOURCE}[source.prod.more]\nx = 1",
            "unknown key 'source.prod.more'",
            "There is: url, password_file, password_env, server_url, schema, parallel, "
            "connect_timeout, statement_timeout, lock_timeout, schedule, timezone",
        ),
    ],
)
def test_an_unknown_key_gets_the_nearest_right_one(
    file: Path, content: str, message: str, hint: str
) -> None:
    refusal = refusal_of(file, content)

    assert str(refusal) == f"'{file}': {message}"
    assert refusal.hint == hint


TABLES_OF_TABLES = {"source", "anchor", "daemon", "alerts", "alert", "export"}


@pytest.mark.parametrize(
    "key", [name for name in Tables.__struct_fields__ if name not in TABLES_OF_TABLES]
)
def test_every_key_refuses_another_type(file: Path, key: str) -> None:
    wrong = "'text'" if key == "lock_timeout" else "[1]"
    optional = " | null" if key.startswith("passphrase_") else ""
    expected = "`float`, got `str`" if key == "lock_timeout" else f"`str{optional}`, got `array`"
    others = "" if key == "origin" else ORIGIN

    refusal = refusal_of(file, f"{others}{key} = {wrong}")

    assert str(refusal) == f"'{file}': {key}: expected {expected}"


@pytest.mark.parametrize("key", SourceTable.__struct_fields__)
def test_every_key_of_a_source_refuses_another_type(file: Path, key: str) -> None:
    number = {"parallel": "int"}.get(key, "float" if key.endswith("timeout") else "")
    optional = key in ("password_file", "password_env", "server_url", "schedule", "timezone")
    kind = number or ("str | null" if optional else "str")
    wrong, found = ("'text'", "str") if number else ("5", "int")
    others = "" if key == "url" else f'url = "{URL}"\n'

    refusal = refusal_of(file, f"{ORIGIN}[source.prod]\n{others}{key} = {wrong}")

    assert str(refusal) == f"'{file}': source.prod.{key}: expected `{kind}`, got `{found}`"


@pytest.mark.parametrize(
    "key",
    ["warehouse", "state", "signing_key", "public_key", "passphrase_file", "passphrase_env"],
)
def test_a_path_is_not_empty(file: Path, key: str) -> None:
    assert str(refusal_of(file, f'{ORIGIN}{key} = ""')) == f"'{file}': {key} is empty"


@pytest.mark.parametrize("key", ["schema", "password_file", "password_env", "server_url"])
def test_a_text_of_a_source_is_not_empty(file: Path, key: str) -> None:
    refusal = refusal_of(file, f'{SOURCE}{key} = ""')

    assert str(refusal) == f"'{file}': source.prod.{key} is empty"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "object missing required field `origin`"),
        (f"{ORIGIN}[source.prod]\n", "source.prod: object missing required field `url`"),
        (f"{ORIGIN}source = 1", "source: expected `object`, got `int`"),
        (f"{ORIGIN}[source]\nprod = 1", "source[...]: expected `object`, got `int`"),
    ],
)
def test_what_is_missing_or_no_table_is_named(file: Path, content: str, message: str) -> None:
    assert str(refusal_of(file, content)).lower() == f"'{file}': {message}".lower()


@pytest.mark.parametrize("key", ["connect_timeout", "statement_timeout", "lock_timeout"])
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("0", "0"),
        ("-1", "-1"),
        ("0.0001", "0.0001"),
        ("1e9", "1e+09"),
        ("nan", "nan"),
        ("inf", "inf"),
    ],
)
def test_an_absurd_timeout_is_refused(file: Path, key: str, value: str, found: str) -> None:
    refusal = refusal_of(file, f"{SOURCE}{key} = {value}")

    expected = f"source.prod.{key} must be from 0.001 to 86400, found {found}"
    assert str(refusal) == f"'{file}': {expected}"


@pytest.mark.parametrize("value", [-1, 0, 9, 1000])
def test_an_absurd_number_of_connections_is_refused(file: Path, value: int) -> None:
    refusal = refusal_of(file, f"{SOURCE}parallel = {value}")

    expected = f"source.prod.parallel must be from 1 to 8, found {value}"
    assert str(refusal) == f"'{file}': {expected}"


@pytest.mark.parametrize(("value", "found"), [("-1", "-1"), ("nan", "nan"), ("1e9", "1e+09")])
def test_an_absurd_wait_for_the_lock_is_refused(file: Path, value: str, found: str) -> None:
    refusal = refusal_of(file, f"{ORIGIN}lock_timeout = {value}")

    assert str(refusal) == f"'{file}': lock_timeout must be from 0 to 86400, found {found}"


@pytest.mark.parametrize("origin", ["", "with space", "a+b", "tab\there", "{json}", "line\nbreak"])
def test_an_origin_that_cannot_name_a_log_is_refused(file: Path, origin: str) -> None:
    escaped = origin.replace("\n", "\\n").replace("\t", "\\t")

    refusal = refusal_of(file, f'origin = "{escaped}"')

    named = f"'{file}': origin"
    assert str(refusal) == (
        f"{named} {origin!r} cannot name a log" if origin else f"{named} is empty"
    )


def test_two_passwords_are_one_too_many(file: Path) -> None:
    refusal = refusal_of(file, f'{SOURCE}password_file = "x"\npassword_env = "Y"')

    assert str(refusal) == (
        f"'{file}': source.prod has password_file and password_env: keep one of them"
    )


def test_a_key_is_opened_by_what_the_settings_name(file: Path) -> None:
    file.write_text(f'{ORIGIN}signing_key = "credential:key"\npassphrase_file = "secret"\n')

    found = load_settings(file).signing_key

    assert found == KeyReference("credential:key", Credential("key"), file.parent / "secret")


def test_two_passphrases_are_one_too_many(file: Path) -> None:
    refusal = refusal_of(file, f'{ORIGIN}passphrase_file = "x"\npassphrase_env = "Y"')

    assert str(refusal) == f"'{file}' has passphrase_file and passphrase_env: keep one of them"


def test_a_key_that_cannot_be_meant_is_named(file: Path) -> None:
    refusal = refusal_of(file, f'{ORIGIN}signing_key = "credential:../key"')

    assert str(refusal) == f"'{file}': signing_key: 'credential:../key' is no credential"


@pytest.mark.parametrize("address", ["unleash.example.com", "ftp://x", "file:///etc/passwd"])
def test_a_server_is_asked_by_http_alone(file: Path, address: str) -> None:
    refusal = refusal_of(file, f'{SOURCE}server_url = "{address}"')

    assert str(refusal) == (f"'{file}': source.prod.server_url must begin with http:// or https://")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"origin = ", "is not TOML: Invalid value (at end of document)"),
        (b"origin = 'a'\norigin = 'b'", "is not TOML: Cannot overwrite a value (at"),
    ],
)
def test_what_is_not_toml_is_refused(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)

    with pytest.raises(BadSettings) as refusal:
        load_settings(file)

    assert str(refusal.value).startswith(f"'{file}' {message}")


@pytest.mark.parametrize(
    "content",
    [
        f"{SOURCE}password = '{SECRET}'",
        f"{SOURCE}{SECRET}",
        f"{SOURCE}parallel = '{SECRET}'",
        f"{SOURCE}password_env = ['{SECRET}']",
        f"{ORIGIN}[source.prod]\nurl = ['postgresql://u:{SECRET}@h/d']",
        f"{ORIGIN}[source.prod]\nurl = 'postgresql://u:{SECRET}@h/d'\nparallel = 0",
        f"{ORIGIN}[source.prod]\nurl = 'postgresql://u:{SECRET}@h/d\n",
        f"{ORIGIN}signing_key = 'pkcs11:object=o?module-path=/m&pin-value={SECRET}'",
        f"{ORIGIN}passphrase = '{SECRET}'",
    ],
)
def test_no_message_repeats_a_secret(file: Path, content: str) -> None:
    refusal = refusal_of(file, content)

    assert SECRET not in f"{refusal} {refusal.hint} {refusal!r}"


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(BadSettings) as refusal:
        load_settings(file)

    expected = f"cannot read '{file}': [Errno 2] No such file or directory: '{file}'"
    assert str(refusal.value) == expected
