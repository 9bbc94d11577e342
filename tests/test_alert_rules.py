"""The rules of alerts: how they are written, and what they hold for."""

from datetime import datetime, timedelta

import pytest

from etl.alert_tables import Ahead, AlertTable, Change, Event, Rule, Threshold, read_alert
from schedules.alerts.facts import Facts, cloned_from, moved
from schedules.alerts.watching import Look, News, look_at_history, look_at_source
from warehouse.errors import BadSettings

DAY = 86_400.0


def rule(when: str) -> Rule:
    return read_alert("a", AlertTable(when=when), "here").rule


@pytest.mark.parametrize(
    ("when", "meant"),
    [
        ("licensedUsers > 240", Threshold("licensedUsers", ">", 240)),
        ("licensedUsers>=240.5", Threshold("licensedUsers", ">=", 240.5)),
        ("activeUsers.last30 < -3", Threshold("activeUsers.last30", "<", -3)),
        ("SAMLenabled != 1", Threshold("SAMLenabled", "!=", 1)),
        ("licensedUsers > 240 within 30d", Ahead("licensedUsers", 240, 30)),
        ("featureToggles -30% in 1d", Change("featureToggles", -30, True, DAY)),
        ("featureToggles −30% in 1d", Change("featureToggles", -30, True, DAY)),
        ("users +50 in 12h", Change("users", 50, False, DAY / 2)),
        ("missed", Event("missed")),
        ("  verification   failed ", Event("verification failed")),
        ("release changed", Event("release changed")),
        ("instance cloned", Event("instance cloned")),
    ],
)
def test_a_rule_is_read_as_it_is_meant(when: str, meant: Rule) -> None:
    assert rule(when) == meant


@pytest.mark.parametrize(
    "when",
    ["", "users", "users >", "users > many", "users => 3", "users -30% in 1y", "users 30% in 1d",
     "users -0% in 1d", "users -3 in 0d", "sometimes", "missed twice", "users > 3; drop"],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_examples(when: str) -> None:
    with pytest.raises(BadSettings, match=r"^here\.when: ") as refusal:
        rule(when)

    assert "'licensedUsers > 240'" in str(refusal.value.hint)


@pytest.mark.parametrize(
    ("when", "before", "now", "holds"),
    [
        ("x -30% in 1d", 100, 70, True),
        ("x -30% in 1d", 100, 71, False),
        ("x -30% in 1d", 0, 0, False),
        ("x +50% in 1d", 100, 150, True),
        ("x +50% in 1d", 100, 149, False),
        ("x +50% in 1d", 0, 1, True),
        ("x -5 in 1d", 10, 5, True),
        ("x -5 in 1d", 10, 6, False),
        ("x +5 in 1d", 10, 15, True),
    ],
)
def test_a_change_holds_from_its_size_on(when: str, before: float, now: float, holds: bool) -> None:
    found = rule(when)

    assert isinstance(found, Change)
    assert found.holds(now, before) is holds


def facts(**changes: object) -> Facts:
    fields = {
        "instance_id": "id", "system": "7", "database": "unleash", "role": "primary",
        "lsn": "0/500", "timeline": 1, "release": "8.2.0", "taken_at": "2026-11-23T02:00:00.000Z",
    }  # fmt: skip
    return Facts(**{**fields, **changes})  # type: ignore[arg-type]  # one dict for all fields


def looks(when: str, news: News, source: str | None = None, **others: Facts) -> list[Look]:
    alert = read_alert("a", AlertTable(when=when, source=source), "here")
    return list(look_at_source(alert, news, others, trends))


Points = list[tuple[datetime, float]]


def trends(_source: str, statistic: str, _since: datetime) -> dict[str, Points]:
    if statistic == "seats":
        begin = datetime(2026, 10, 24, 2)  # noqa: DTZ001  # as DuckDB has it
        return {"seats": [(begin + timedelta(days=n), 200.0 + n) for n in range(31)]}
    values = [100.0, 80.0, 60.0]
    days = [datetime(2026, 11, day, 2) for day in (21, 22, 23)]  # noqa: DTZ001  # the same
    return {statistic: list(zip(days, values, strict=True))}


def test_a_limit_is_told_with_the_value() -> None:
    news = News("prod", stats={"licensedUsers": 243, "users": 9})

    (beyond,) = looks("licensedUsers > 240", news)
    (below,) = looks("licensedUsers > 250", news)
    (unknown,) = looks("nonsense > 1", news)

    assert beyond.what == "licensedUsers is 243 (> 240)"
    assert (below.what, unknown.what) == (None, None)


def test_a_family_is_looked_at_as_a_whole() -> None:
    news = News("prod", stats={"activeUsers.last7": 3, "activeUsers.last30": 9, "ratio": "0.5"})

    (few,) = looks("activeUsers < 5", news)
    (half,) = looks("ratio <= 0.5", news)

    assert few.what == "activeUsers.last7 is 3 (< 5)"
    assert half.what == "ratio is 0.5 (<= 0.5)"


def test_a_fall_in_steps_is_a_fall() -> None:
    news = News("prod", stats={}, now=facts())

    (fell,) = looks("featureToggles -40% in 2d", news)
    (less,) = looks("featureToggles -41% in 2d", news)

    assert fell.what == "featureToggles went from 100 to 60 since 2026-11-21 02:00 UTC"
    assert less.what is None


@pytest.mark.parametrize(
    ("when", "what"),
    [
        ("seats > 240 within 10d",
         "seats is expected to reach 240 on 2026-12-03 (between 2026-12-03 and 2026-12-03)"),
        ("seats > 240 within 9d", None),
        ("seats >= 230 within 9d", "seats has reached 230"),
        ("users > 100 within 30d", None),
    ],
)  # fmt: skip
def test_a_limit_that_will_be_reached_is_told_before(when: str, what: str | None) -> None:
    (look,) = looks(when, News("prod", stats={}, now=facts()))

    assert look.what == what


def test_an_alert_of_one_source_is_quiet_about_others() -> None:
    news = News("staging", missed="slot … was missed: paused")

    assert looks("missed", news, source="prod") == []
    assert [look.what for look in looks("missed", news)] == ["slot … was missed: paused"]


def test_another_release_is_told_once() -> None:
    news = News("prod", stats={}, now=facts(release="8.3.0"), before=facts())

    (changed,) = looks("release changed", news)

    assert (changed.what, changed.lasts) == ("release 8.2.0 became 8.3.0", False)
    assert looks("release changed", News("prod", stats={}, now=facts(), before=facts())) == []


@pytest.mark.parametrize(
    ("other", "cloned"),
    [
        ({"system": "8"}, True),
        ({"database": "copy"}, True),
        ({"role": "replica"}, False),
        ({"instance_id": "another", "system": "8"}, False),
        ({"system": None}, False),
    ],
)
def test_one_instance_in_two_databases_is_a_clone(other: dict[str, object], cloned: bool) -> None:
    found = cloned_from("prod", facts(), {"prod": facts(system="9"), "staging": facts(**other)})

    assert (found is not None) is cloned


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"lsn": "0/4FF"}, "its history runs backwards: position 0/4FF after 0/500"),
        ({"lsn": "1/0"}, None),
        ({"lsn": "0/4FF", "timeline": 2}, None),
        ({"lsn": "0/4FF", "role": "replica"}, None),
        ({"lsn": None}, None),
        ({"instance_id": "rebuilt", "lsn": "0/1"}, None),
        ({"system": "8"}, "instance id came from another database than before: system 7, "
                          "database 'unleash'; now 8, 'unleash'"),
    ],
)  # fmt: skip
def test_a_history_that_goes_back_or_elsewhere_is_told(
    now: dict[str, object], said: str | None
) -> None:
    assert moved(facts(**now), facts()) == said


@pytest.mark.parametrize(
    ("verdict", "what"),
    [("intact", None), ("incomplete", None), ("tampered", "verification: tampered")],
)
def test_a_verification_that_failed_is_told(verdict: str, what: str | None) -> None:
    alert = read_alert("a", AlertTable(when="verification failed"), "here")

    (look,) = look_at_history(alert, verdict)

    assert look.what == what
    assert list(look_at_history(alert, None)) == []
