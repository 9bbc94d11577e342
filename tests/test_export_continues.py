"""Whatever is appended between exports: continued ones together have what one full export has."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import A_MONDAY, PROD, SOME_DEFINITIONS, a_history, a_reading
from tests.export_readers import READERS
from tests.exported import STAGING, Row, flaws, tidy
from warehouse.exports.asked import Asked
from warehouse.exports.export import Exported, export
from warehouse.history import NoSnapshot
from warehouse.payload import Instance

pytestmark = pytest.mark.slow

STATISTICS = ("users", "apiTokens.admin", "apiTokens.client", "averageFlags", "SAMLenabled")
VALUES = {"averageFlags": st.sampled_from(["0.1", "48.5"]), "SAMLenabled": st.booleans()}
SNAPSHOTS = st.tuples(
    st.sampled_from([PROD, STAGING, Instance(PROD.id, "clone")]),
    st.integers(-1000, 1000),
    st.sets(st.sampled_from(STATISTICS)).flatmap(
        lambda names: st.fixed_dictionaries(
            {name: VALUES.get(name, st.integers(0, 2**53 - 1)) for name in sorted(names)}
        )
    ),
)
COMMITS = st.lists(SNAPSHOTS, min_size=1, max_size=3)
NIGHTS = st.lists(st.lists(COMMITS, max_size=2), min_size=1, max_size=5)


@settings(max_examples=25)
@given(
    nights=NIGHTS,
    form=st.sampled_from(["parquet", "csv", "jsonl", "xlsx"]),
    shape=st.sampled_from(["wide", "long", "star"]),
    instance=st.sampled_from([None, "prod"]),
)
def test_continued_exports_have_what_a_full_one_has(
    nights: list[list[list[tuple[Instance, int, dict[str, int]]]]],
    form: str,
    shape: str,
    instance: str | None,
) -> None:
    with TemporaryDirectory() as folder:
        history = a_history(Path(folder))
        to, full = Path(folder, "continued"), Path(folder, "full")
        for night in nights:
            for commit in night:
                history.take(
                    *(
                        a_reading(stats, instance=who, taken_at=A_MONDAY + timedelta(hours=hour))
                        for who, hour, stats in commit
                    ),
                    definitions=SOME_DEFINITIONS,
                )
            continued = exported(history.root, to, Asked(form, shape, instance, last=True))

        expected = exported(history.root, full, Asked(form, shape, instance))

        assert (continued is None) == (expected is None)
        if continued and expected:
            assert flaws(continued.latest) == []
            for outline in expected.manifest.tables:
                assert read(continued, outline.table) == read(expected, outline.table)


def exported(root: Path, to: Path, asked: Asked) -> Exported | None:
    """Export; None where there is nothing yet."""
    try:
        return export(root, to, asked)
    except NoSnapshot:
        return None


def read(made: Exported, table: str) -> list[Row]:
    rows = tidy(READERS[made.manifest.format][0](made.latest, table))
    return sorted(rows, key=lambda row: str([*row.values()]))
