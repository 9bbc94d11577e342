"""`[daemon]`, schedules of sources, `[alerts]`: what they may say, and what is said otherwise."""

from pathlib import Path

import pytest

from etl.alert_tables import Alert, Threshold
from etl.daemon_table import DaemonTable
from etl.settings import load_settings
from warehouse.errors import BadSettings
from warehouse.schedule import Schedule

START = 'origin = "example.com/tallybook"\n'
SOURCES = '[source.prod]\nurl = "postgresql://db/unleash"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tallybook.toml"


def test_without_a_table_the_daemon_has_defaults(file: Path) -> None:
    file.write_text(START + SOURCES)

    settings = load_settings(file)

    assert settings.daemon == DaemonTable()
    assert settings.schedule_of("prod") == Schedule("0 2 * * *", "UTC")
    assert settings.daemon.address == ("127.0.0.1", 9465)
    assert settings.daemon.verification == Schedule("0 5 * * SUN")
    assert (settings.alerts, settings.alert_urls) == ([], None)


def test_a_source_has_its_own_schedule_and_zone(file: Path) -> None:
    file.write_text(
        f'{START}[daemon]\nschedule = "@hourly"\ntimezone = "Europe/Berlin"\n'
        f'{SOURCES}[source.a]\nurl = "postgresql://db/a"\nschedule = "0 3 * * MON"\n'
        '[source.b]\nurl = "postgresql://db/b"\ntimezone = "Asia/Tokyo"\n'
    )

    settings = load_settings(file)

    assert str(settings.schedule_of("prod")) == "0 * * * * Europe/Berlin"
    assert str(settings.schedule_of("a")) == "0 3 * * MON Europe/Berlin"
    assert str(settings.schedule_of("b")) == "0 * * * * Asia/Tokyo"


def test_what_is_off_is_off(file: Path) -> None:
    file.write_text(f'{START}[daemon]\nlisten = "off"\nverify = "off"\n')

    daemon = load_settings(file).daemon

    assert (daemon.address, daemon.verification) == (None, None)


@pytest.mark.parametrize(
    ("listen", "address"),
    [("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:9465", ("::1", 9465)), ("host:1", ("host", 1))],  # noqa: S104  # only read
)
def test_an_address_is_host_and_port(file: Path, listen: str, address: tuple[str, int]) -> None:
    file.write_text(f'{START}[daemon]\nlisten = "{listen}"\n')

    assert load_settings(file).daemon.address == address


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[daemon]\nschedule = "often"', "daemon.schedule: 'often' is no schedule: "),
        ('[daemon]\ntimezone = "Mars"', "daemon.timezone: 'Mars' is no time zone"),
        ('[daemon]\nverify = "sometimes"', "daemon.verify: 'sometimes' is no schedule: "),
        ("[daemon]\nspread = -1", "daemon.spread must be from 0 to 21600, found -1"),
        ("[daemon]\nconcurrency = 0", "daemon.concurrency must be from 1 to 100, found 0"),
        ("[daemon]\ndeadline = nan", "daemon.deadline must be from 1 to 10800, found nan"),
        ("[daemon]\nretry_for = 43201", "daemon.retry_for must be from 0 to 43200, found 43201"),
        ('[daemon]\ncatch_up = "all"', "daemon.catch_up: invalid enum value 'all'"),
        ('[daemon]\nlisten = "9465"', 'daemon.listen must be "HOST:PORT" or "off"'),
        ('[daemon]\nlisten = "h:70000"', 'daemon.listen must be "HOST:PORT" or "off"'),
        ('[daemon]\nschedul = "@daily"', "unknown key 'daemon.schedul'"),
        (f'{SOURCES}schedule = "61 * * * *"', "source.prod.schedule: '61 * * * *' is no schedule"),
        (f'{SOURCES}timezone = "X/Y"', "source.prod.timezone: 'X/Y' is no time zone"),
        ('[alerts]\nurl = "x"', "unknown key 'alerts.url'"),
        ('[alert.a]\nwhen = "now"', "alert.a.when: 'now' is no rule"),
        ("[alert.a]\n", "alert.a: object missing required field `when`"),
        ('[alert.a]\nwhen = "missed"\nsource = "x"', "alert.a.source: no source 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_key(
    file: Path, content: str, message: str
) -> None:
    file.write_text(START + content)

    with pytest.raises(BadSettings) as refusal:
        load_settings(file)

    assert str(refusal.value).startswith(f"{str(file)!r}: {message}")


def test_alerts_are_read_in_their_order(file: Path) -> None:
    file.write_text(
        f'{START}{SOURCES}[alerts]\nurls_file = "urls"\n[alert.seats]\nwhen = "users > 3"\n'
        'source = "prod"\n[alert.slots]\nwhen = "missed"\n'
    )

    settings = load_settings(file)

    assert settings.alert_urls == file.parent / "urls"
    assert [alert.name for alert in settings.alerts] == ["seats", "slots"]
    assert settings.alerts[0] == Alert("seats", "users > 3", Threshold("users", ">", 3), "prod")
