"""Where the settings are found, and where the passwords come from that do not stand in them."""

import os
from pathlib import Path
from typing import Any

import pytest

from etl.settings import find_settings, load_settings
from tests.test_settings import SECRET, SOURCE, URL
from warehouse.errors import BadSettings, CredentialFailure


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tallybook.toml"


def test_an_unknown_source_gets_the_nearest_right_one(file: Path) -> None:
    file.write_text(SOURCE)

    with pytest.raises(BadSettings) as refusal:
        load_settings(file).source("prd")

    assert str(refusal.value) == f"no source 'prd' in '{file}'"
    assert refusal.value.hint == "Did you mean 'prod'?"


def test_a_password_comes_from_its_file_without_the_line_break(file: Path) -> None:
    (file.parent / "password").write_text(f" {SECRET} \n")
    file.write_text(f'{SOURCE}password_file = "password"')

    source = load_settings(file).source("prod")

    assert source.password == f" {SECRET} "
    assert SECRET not in repr(source)


def test_a_password_comes_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEASH_PASSWORD", SECRET)
    file.write_text(f'{SOURCE}password_env = "UNLEASH_PASSWORD"')

    assert load_settings(file).source("prod").password == SECRET


def test_a_password_that_is_not_there_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNLEASH_PASSWORD", raising=False)
    missing = file.parent / "nowhere"
    expected = {
        'password_env = "UNLEASH_PASSWORD"': "the environment has no UNLEASH_PASSWORD",
        'password_file = "nowhere"': f"cannot read password_file '{missing}': no such file or "
        "directory",
    }

    for line, message in expected.items():
        file.write_text(f"{SOURCE}{line}")
        with pytest.raises(CredentialFailure) as refusal:
            load_settings(file).source("prod")

        assert str(refusal.value) == f"source 'prod': {message}"


def test_one_source_without_a_password_costs_no_other(file: Path) -> None:
    file.write_text(f'{SOURCE}[source.other]\nurl = "{URL}"\npassword_file = "nowhere"')

    assert load_settings(file).source("prod").name == "prod"


@pytest.mark.parametrize(
    ("given", "environment", "found"),
    [
        ("given.toml", {"TALLYBOOK_CONFIG": "named.toml"}, "given.toml"),
        (None, {"TALLYBOOK_CONFIG": "named.toml"}, "named.toml"),
        (None, {}, "tallybook.toml"),
    ],
)
def test_the_nearest_settings_win(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    environment: dict[str, str],
    found: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("given.toml", "named.toml", "tallybook.toml"):
        (tmp_path / name).touch()

    assert find_settings(given, environment) == tmp_path / found


@pytest.mark.parametrize(
    ("given", "environment"), [("x.toml", {}), (None, {"TALLYBOOK_CONFIG": "x.toml"})]
)
def test_settings_that_were_named_are_not_replaced_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, environment: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tallybook.toml").touch()

    with pytest.raises(BadSettings) as refusal:
        find_settings(given, environment)

    assert str(refusal.value) == "no settings file 'x.toml'"


@pytest.mark.skipif(Path("/etc/tallybook").exists(), reason="this machine has settings of its own")
def test_without_settings_anywhere_the_way_to_some_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadSettings) as refusal:
        find_settings(None, {})

    assert str(refusal.value) == "no tallybook.toml in this folder or /etc/tallybook"
    assert refusal.value.hint == (
        "Name it with --config, or make one: tallybook init DIR --source NAME=URL"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_settings_that_may_not_be_read_are_named(file: Path) -> None:
    file.write_text(SOURCE)
    file.chmod(0)

    with pytest.raises(BadSettings, match="Permission denied"):
        load_settings(file)
