"""The dated rows of a life: just inside and just outside of every window of a statistic.

The server deletes old metrics and forgotten applications whenever it starts; here `DELETE` is
made to do nothing on their tables.
"""

from datetime import UTC, datetime

from tests.real_unleash import expected
from tests.real_unleash.life import PRODUCTION_EVENTS, SMALL_FLAG
from tests.real_unleash.releases import Release
from tests.real_unleash.rows import Connection, fill, now, one

LOSSLESS = ("client_instances", "client_metrics_env", "client_metrics_env_variants")


def write(connection: Connection, release: Release) -> None:
    """Write all dated rows, and keep the server from deleting them."""
    _change_production(connection)
    _see_applications(connection)
    _count_metrics(connection)
    if "edgeInstanceUsage" not in release.not_in_schema:
        _run_edge(connection)
    for table in LOSSLESS:
        connection.execute(f"CREATE RULE keep AS ON DELETE TO {table} DO INSTEAD NOTHING")


def _change_production(connection: Connection) -> None:
    """Today's changes are the server's own; the other days are filled up to the numbers."""
    today = int(
        str(
            one(
                connection,
                "SELECT sum(updates) FROM stat_environment_updates JOIN environments"
                " ON name = environment WHERE type = 'production'",
            )
        )
    )
    assert today >= PRODUCTION_EVENTS
    for days_ago, environment, updates in (
        (5, "development", 5000),
        (5, "deleted-since", 7000),
        (29, "production", expected.PRODUCTION_30 - today),
        (30, "production-eu", 60),
        (59, "production", expected.PRODUCTION_60 - expected.PRODUCTION_30 - 60),
        (60, "production", 62),
        (89, "production-eu", expected.PRODUCTION_90 - expected.PRODUCTION_60 - 62),
        (90, "production", 9000),
    ):
        connection.execute(
            "INSERT INTO stat_environment_updates (day, environment, updates)"
            " VALUES (current_date - %s::integer, %s, %s)",
            [days_ago, environment, updates],
        )


def _see_applications(connection: Connection) -> None:
    """Applications in two environments each, so that their rows are more than themselves."""
    for total, last_seen in (
        (expected.APPS_7D, "now() - interval '7 days' + interval '1 hour'"),
        (expected.APPS_30D, "now() - interval '30 days' + interval '1 hour'"),
        (expected.APPS_EVER - 1, "now() - interval '30 days' - interval '1 hour'"),
        (expected.APPS_EVER, "NULL::timestamptz"),
    ):
        known = one(connection, "SELECT count(DISTINCT app_name) FROM client_instances")
        connection.execute(
            "INSERT INTO client_instances (app_name, instance_id, environment, last_seen)"
            f" SELECT 'app-' || i, 'one', environment, {last_seen}"
            f" FROM generate_series({known} + 1, {total}) AS i,"
            " unnest(ARRAY['development', 'production']) AS environment"
        )


def _count_metrics(connection: Connection) -> None:
    """Metrics of the first and the last hour of yesterday, and of the hours around it."""
    yesterday = "timestamp >= current_date - 1 AND timestamp < current_date"
    bucket = f"SELECT '{SMALL_FLAG}', {{app}}, 'development', {{hour}}"
    first_or_last = "current_date - CASE WHEN i = 1 THEN interval '1 day' ELSE interval '1 h' END"
    fill(
        connection,
        expected.BUCKETS,
        f"client_metrics_env WHERE {yesterday}",
        "(feature_name, app_name, environment, timestamp) "
        + bucket.format(app="'app-' || i", hour=first_or_last),
    )
    fill(
        connection,
        expected.VARIANT_BUCKETS,
        f"client_metrics_env_variants WHERE {yesterday}",
        "(feature_name, app_name, environment, timestamp, variant) "
        + bucket.format(app="'app-1'", hour="current_date - interval '1 day'")
        + ", 'variant-' || i",
    )
    for hour in ("current_date::timestamptz", "current_date - interval '25 hours'"):
        around = bucket.format(app="'around'", hour=hour)
        connection.execute(
            f"INSERT INTO client_metrics_env (feature_name, app_name, environment, timestamp)"
            f" {around}"
        )
        connection.execute(
            "INSERT INTO client_metrics_env_variants"
            f" (feature_name, app_name, environment, timestamp, variant) {around}, 'blue'"
        )


def _run_edge(connection: Connection) -> None:
    """One bucket in six, with one more node for each month back; a 13th month shows nowhere."""
    instant = now(connection)
    months = expected.edge_months(instant)
    spans = list(zip(months, [instant, *months], strict=False))
    spans.append((datetime(instant.year - 1, instant.month, 1, tzinfo=UTC), months[-1]))
    for nodes, (start, end) in enumerate(spans, start=1):
        connection.execute(
            "INSERT INTO edge_node_presence (bucket_ts, node_ephem_id)"
            " SELECT bucket, 'edge-' || node FROM generate_series(1, %s) AS node,"
            " generate_series(%s, %s - interval '1 second', make_interval(secs => %s)) AS bucket",
            [nodes, start, end, expected.EDGE_STEP_SECONDS],
        )
