"""Pictures for documents: the same bytes each time, and all that has to be told in them."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from tests.made_series import PROD, STAGING, USERS, a_series, missed
from warehouse.analysis import pictures
from warehouse.analysis.pictures import picture, write_picture
from warehouse.analysis.series import Series, Statistic
from warehouse.analysis.strands import panels
from warehouse.errors import CannotStore

EVERYTHING = a_series(
    [100 + (n * 37) % 11 for n in range(90)],
    left_out=range(40, 50),
    slots=missed(*range(40, 50)),
    reconstructed=range(20),
    releases=["8.1.0"] * 60 + ["8.2.0"] * 30,
    definitions=["a"] * 70 + ["b"] * 20,
)


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters as text, not as outlines: so that a test can read a picture."""
    monkeypatch.setitem(pictures._STYLE, "svg.fonttype", "none")


def words(*series: Series, subtitle: str = "", rate: bool = False) -> list[str]:
    root = ET.fromstring(picture(panels(series, rate=rate), subtitle, "svg"))  # noqa: S314  # ours
    return [(text.text or "").strip() for text in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("form", ["png", "svg"])
def test_the_same_history_gives_the_same_bytes(form: str) -> None:
    first = picture(panels([EVERYTHING]), "2026", form)
    mpl.rcParams["lines.linewidth"] = 9
    try:
        second = picture(panels([EVERYTHING]), "2026", form)
    finally:
        mpl.rcdefaults()

    assert first == second


def test_a_picture_leaves_the_users_own_settings_alone() -> None:
    before = dict(mpl.rcParams)

    picture(panels([EVERYTHING]), "", "png")

    assert dict(mpl.rcParams) == before


def test_a_picture_tells_no_date_and_no_maker() -> None:
    svg = picture(panels([EVERYTHING]), "", "svg").decode()
    png = picture(panels([EVERYTHING]), "", "png")

    assert "<dc:date>" not in svg
    assert "<dc:creator>" not in svg
    assert b"tEXt" not in png
    assert png.startswith(b"\x89PNG\r\n")


@pytest.mark.usefixtures("readable")
def test_title_unit_instance_and_marks_are_told() -> None:
    told = words(EVERYTHING, subtitle="2026-03-01 to 2026-05-29 UTC")

    assert {
        "users",
        "people · 2026-03-01 to 2026-05-29 UTC",
        "prod",
        "prod, reconstructed",
        "no value",
        "definition changed",
        "Unleash 8.2.0",
    } <= set(told)


@pytest.mark.usefixtures("readable")
def test_every_instance_is_in_the_legend_and_upgrades_on_its_line() -> None:
    other = a_series([50] * 90, instance=STAGING, releases=["8.1.0"] * 30 + ["8.3.0"] * 60)

    told = words(EVERYTHING, other)

    assert {"prod", "staging", "8.2.0", "8.3.0", "upgrade of Unleash"} <= set(told)
    assert "no value" not in told


@pytest.mark.usefixtures("readable")
def test_names_are_drawn_as_they_are() -> None:
    odd = a_series([1, 2], statistic=Statistic("apiTokens._$x_{2}$", "tokens"))
    plain = a_series([1, 2], statistic=Statistic("apiTokens.admin", "tokens"))

    assert {"_$x_{2}$", "admin"} <= set(words(odd, plain))


@pytest.mark.usefixtures("readable")
def test_many_lines_are_named_as_far_as_it_makes_sense() -> None:
    from_many = [
        a_series([n, n + 1], statistic=Statistic(f"apiTokens.t{n:02d}", "tokens"))
        for n in range(30)
    ]

    told = words(*from_many)

    assert sum(bool(re.fullmatch(r"t\d\d", word)) for word in told) == 12
    assert "and 18 more" in told


@pytest.mark.usefixtures("readable")
def test_a_rate_is_drawn_with_its_unit() -> None:
    assert "people per day" in words(a_series([1, 2, 4]), rate=True)


@pytest.mark.parametrize(
    "series",
    [
        a_series([5]),
        a_series([0, 0]),
        a_series([1e12, 2e12]),
        a_series([-5, 5]),
        a_series([1, 0, 1], statistic=Statistic("SAMLenabled", "on or off", "switch")),
        a_series([1, None, 2]),
        a_series(list(range(80)), releases=[f"8.{n}.0" for n in range(80)]),
        a_series([1, 2], instance=PROD, statistic=USERS, slots=missed(-3, 5)),
    ],
    ids=["one", "zero", "huge", "negative", "switch", "gap", "upgrades", "slots around"],
)
@pytest.mark.parametrize("form", ["png", "svg"])
def test_any_series_can_be_drawn(series: Series, form: str) -> None:
    assert len(picture(panels([series]), "", form)) > 1000


def test_a_picture_is_written_where_it_was_asked(tmp_path: Path) -> None:
    write_picture(panels([EVERYTHING]), "", tmp_path / "users.PNG")

    assert (tmp_path / "users.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStore, match=r"cannot write '.*nowhere/users.svg': no such file"):
        write_picture(panels([EVERYTHING]), "", tmp_path / "nowhere" / "users.svg")
