"""SDKs and traffic: who asks for the flags, and how often."""

from typing import Final

from etl.statistic import Probe, Statistic

CLIENT_APPS: Final = Probe(
    subject="SDKs and traffic",
    source="(SELECT app_name, max(last_seen) AS seen FROM client_instances GROUP BY app_name) AS s",
    needs=("client_instances.app_name", "client_instances.last_seen"),
    statistics=(
        Statistic(
            name="clientApps.7d",
            meaning="Applications whose SDK was seen within 7 days; Unleash forgets them in one.",
            sql="count(*) FILTER (WHERE seen > {days_7_ago})",
            unit="applications",
            window="7 days",
            since="4.17",
        ),
        Statistic(
            name="clientApps.30d",
            meaning="Applications whose SDK was seen within 30 days; Unleash forgets them in one.",
            sql="count(*) FILTER (WHERE seen > {days_30_ago})",
            unit="applications",
            window="30 days",
            since="4.17",
        ),
        Statistic(
            name="clientApps.allTime",
            meaning="Applications whose SDK Unleash still remembers.",
            sql="count(*)",
            unit="applications",
            since="4.17",
        ),
    ),
    cost=2,
)


def _buckets(name: str, table: str, meaning: str, since: str, cost: int) -> Probe:
    return Probe(
        subject="SDKs and traffic",
        source=f"{table} WHERE timestamp >= {{yesterday}} AND timestamp < {{today}}",
        needs=(f"{table}.timestamp",),
        statistics=(
            Statistic(
                name=f"previousDayMetricsBucketsCount.{name}",
                meaning=meaning,
                sql="count(*)",
                unit="buckets",
                window="yesterday, UTC",
                since=since,
            ),
        ),
        cost=cost,
    )


ENABLED_BUCKETS: Final = _buckets(
    "enabledCount",
    "client_metrics_env",
    "Hourly buckets of yesterday in which a flag was evaluated.",
    "4.17",
    20,
)


VARIANT_BUCKETS: Final = _buckets(
    "variantCount",
    "client_metrics_env_variants",
    "Hourly buckets of yesterday in which a variant was given out.",
    "5.1",
    6,
)


TRAFFIC: Final = Probe(
    subject="SDKs and traffic",
    source="stat_traffic_usage WHERE day >= ({this_month})::date",
    needs=("stat_traffic_usage.day", "stat_traffic_usage.count"),
    statistics=(
        Statistic(
            name="trafficThisMonth",
            meaning="Requests that Unleash answered since the first of the month, UTC.",
            sql="coalesce(sum(count), 0)::bigint",
            unit="requests",
            window="calendar month so far",
            since="5.10",
        ),
    ),
)


EDGE: Final = Probe(
    subject="SDKs and traffic",
    source="(SELECT start AS month, least(start + interval '1 month', {now}) AS upto"
    " FROM generate_series({eleven_months_ago}, {this_month}, interval '1 month') AS start) AS m",
    needs=("edge_node_presence.bucket_ts",),
    label="to_char(month, 'YYYY-MM')",
    statistics=(
        Statistic(
            name="edgeInstanceUsage",
            meaning="Unleash Edge nodes that ran, on average over the month, by month.",
            sql="max(coalesce(round((SELECT count(*) FROM edge_node_presence"
            " WHERE bucket_ts >= month AND bucket_ts < upto)"
            " / nullif(floor(extract(epoch FROM upto - month) / 300), 0), 3), 0))",
            unit="nodes",
            kind="ratio",
            window="this month so far and the 11 before",
            since="7.2.3",
        ),
    ),
    cost=8,
)


PROBES: Final = (CLIENT_APPS, ENABLED_BUCKETS, VARIANT_BUCKETS, TRAFFIC, EDGE)
