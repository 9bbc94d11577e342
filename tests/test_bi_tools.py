"""BI tools on the catalogue itself: SQLAlchemy's dialect for DuckDB, as Superset uses it.

They look at what there is (views, columns, comments), and then ask, while the product writes
and replaces the catalogue under them. Nothing that they do may fail.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.builders import History, a_history
from tests.command import environment
from tests.exported import a_motley_history
from warehouse import catalog
from warehouse.contract import VIEWS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    made = a_motley_history(tmp_path_factory.mktemp("motley"))
    catalog.build(made.root)
    return made


def engine_of(history: History) -> sa.Engine:
    return sa.create_engine(
        f"duckdb:///{history.root / 'catalog.duckdb'}",
        connect_args={"read_only": True},
        poolclass=NullPool,
    )


def test_every_view_is_found_with_its_columns(history: History) -> None:
    inspector = sa.inspect(engine_of(history))

    assert set(inspector.get_view_names()) == set(VIEWS)
    for view in VIEWS:
        kinds = {column["name"]: column["type"] for column in inspector.get_columns(view)}
        assert [name for name, kind in kinds.items() if isinstance(kind, sa.types.NullType)] == []
    named = {c["name"]: str(c["type"]) for c in inspector.get_columns("snapshots")}
    assert (named["taken_at"], named["users"]) == ("TIMESTAMP", "BIGINT")
    assert (named["averageFlags"][:6], named["SAMLenabled"]) == ("DOUBLE", "BOOLEAN")


def test_views_and_columns_say_what_they_mean(history: History) -> None:
    inspector = sa.inspect(engine_of(history))

    assert "One row per slot" in str(inspector.get_table_comment("gaps")["text"])
    for view in VIEWS:
        columns = inspector.get_columns(view)
        assert [column["name"] for column in columns if not column["comment"]] == []
    about = {c["name"]: c["comment"] for c in inspector.get_columns("snapshots")}
    assert about["users"] == "What users means. Unit: pieces."


def test_a_reflected_view_is_asked_as_a_chart_does(history: History) -> None:
    engine = engine_of(history)
    snapshots = sa.Table("snapshots", sa.MetaData(), autoload_with=engine)
    month = sa.func.date_trunc("month", snapshots.c.taken_at).label("month")
    chart = (
        sa.select(month, snapshots.c.instance, sa.func.max(snapshots.c.users).label("users"))
        .where(snapshots.c.taken_at >= sa.text("TIMESTAMP '2026-11-01'"))
        .group_by(month, snapshots.c.instance)
        .order_by(sa.desc("users"))
        .limit(10)
    )

    with engine.connect() as connection:
        rows = connection.execute(chart).all()

    assert [(row.instance, row.users) for row in rows] == [
        ("staging", 2**53 - 1), ("prod", 122), ('@a,"b"\r\nü\t', 1),
    ]  # fmt: skip


def test_nothing_can_be_written(history: History) -> None:
    with (
        engine_of(history).connect() as connection,
        pytest.raises(sa.exc.DBAPIError, match="read-only"),
    ):
        connection.execute(sa.text("CREATE TABLE evil (a INTEGER)"))


@pytest.mark.slow
def test_no_look_and_no_question_fails_while_the_product_writes(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.take()
    catalog.build(history.root)
    counts: list[int] = []
    columns: list[int] = []

    with writing(history) as written:
        while len(counts) < 25:
            engine = engine_of(history)
            inspector = sa.inspect(engine)
            assert set(inspector.get_view_names()) == set(VIEWS)
            snapshots = sa.Table("snapshots", sa.MetaData(), autoload_with=engine)
            values = sa.Table("statistic_values", sa.MetaData(), autoload_with=engine)
            with engine.connect() as connection:
                ask = sa.select(sa.func.count(), sa.func.max(snapshots.c.index))
                (count, newest) = connection.execute(ask.select_from(snapshots)).one()
                connection.execute(sa.select(values).limit(1000)).all()
            assert newest == count
            counts.append(count)
            columns.append(len(snapshots.c))
            engine.dispose()

    assert counts == sorted(counts)
    assert columns == sorted(columns)
    assert counts[-1] > counts[0]
    assert columns[-1] > columns[0]
    assert written[0] + 1 >= counts[-1]


@contextmanager
def writing(history: History) -> Iterator[list[int]]:
    """Let a second process append for a `with` block; give how many snapshots it took."""
    taken: list[int] = []
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.snapshots_for_ever", history.root.parent],
        cwd=ROOT,
        env=environment({"PYTHONPATH": str(ROOT)}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    try:
        yield taken
    finally:
        said, _ = writer.communicate("stop\n", timeout=60)
        taken.append(int(said))
    assert writer.returncode == 0
