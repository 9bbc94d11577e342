"""A reading such as a mid-sized company's database gives, made without a database."""

from datetime import UTC, datetime

from etl.snapshot import Reading
from warehouse.payload import (
    EnvironmentChanges,
    Instance,
    Names,
    Origin,
    ProjectFlags,
    Release,
    Schema,
)


def a_reading(instance: str = "bench") -> Reading:
    """90 statistics, 45 applications, 4 environments, 20 projects: about 5 kB of payload."""
    now = datetime.now(UTC)
    return Reading(
        instance=Instance(f"{instance}-id", instance),
        taken_at=now,
        db_time=now,
        origin=Origin(
            postgres="18.0",
            database="unleash",
            system=None,
            lsn="0/1",
            timeline=1,
            role="primary",
            schema=Schema("20260902120000-sample", 397, "0123456789abcdef"),
        ),
        release=Release(oss="8.2.0", enterprise="", evidence="sample"),
        definitions="0" * 64,
        stats={f"statistic{number:02d}": number * 17 for number in range(90)},
        unavailable=(),
        remarks={},
        names=Names(
            apps=[f"application-{number}" for number in range(45)],
            changes=[
                EnvironmentChanges(
                    environment=f"environment-{number}",
                    type="production",
                    first_day="2026-01-01",
                    updates=[number + day % 7 for day in range(90)],
                )
                for number in range(4)
            ],
            flags=[ProjectFlags(project=f"p{n}", active=n * 3, archived=n) for n in range(20)],
            omitted={},
        ),
    )
