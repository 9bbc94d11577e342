"""People: who has an account, who uses it, who needs a licence."""

from typing import Final

from etl.statistic import Probe, Statistic

USERS: Final = Probe(
    subject="people",
    source="users",
    needs=("users.id",),
    statistics=(
        Statistic(
            name="users",
            meaning="People with an account: not deleted, no service and no system accounts.",
            sql="count(*) FILTER (WHERE id IS NOT NULL"
            "[[users.deleted_at:  AND deleted_at IS NULL]]"
            "[[users.is_service:  AND NOT is_service]]"
            "[[users.is_system:  AND NOT is_system]])",
            unit="people",
            since="4.17",
        ),
        Statistic(
            name="serviceAccounts",
            meaning="Service accounts that are not deleted.",
            sql="count(*) FILTER (WHERE is_service[[users.deleted_at:  AND deleted_at IS NULL]])",
            needs=("users.is_service",),
            unit="accounts",
            since="4.20",
        ),
        Statistic(
            name="readOnlyUsers",
            meaning="People on a read-only seat, deleted ones included.",
            sql="count(*) FILTER (WHERE seat_type = 'ReadOnly')",
            needs=("users.seat_type",),
            unit="people",
            since="7.4.1",
        ),
    ),
    cost=4,
)


LICENSED_USERS: Final = Probe(
    subject="people",
    source="users",
    needs=("users.email_hash", "users.deleted_at"),
    statistics=(
        Statistic(
            name="licensedUsers",
            meaning="Distinct e-mail addresses, by their hash, of accounts that are not deleted or "
            "were deleted in the last 30 days.",
            # Plain bytes sort twice as fast as text in a language's order.
            sql='count(DISTINCT email_hash COLLATE "C") FILTER '
            "(WHERE deleted_at IS NULL OR deleted_at >= {days_30_ago})",
            unit="people",
            window="30 days",
            since="6.5.0",
        ),
    ),
    cost=6,
)


def _active(last: int, period: str, moment: str) -> Statistic:
    return Statistic(
        name=f"activeUsers.last{last}",
        meaning=f"Users seen within the last {period}, by themselves or by a personal access "
        "token; deleted, service and system accounts included.",
        sql=f"count(*) FILTER (WHERE seen > {{{moment}}})",
        unit="people",
        window=period,
        since="4.17",
    )


ACTIVE_USERS: Final = Probe(
    subject="people",
    # Unleash writes users.seen_at without a zone; its servers run in UTC.
    source="(SELECT greatest(u.seen_at AT TIME ZONE 'UTC', p.seen_at) AS seen, p.tokens"
    "[[users.is_service: , u.is_service]] FROM users AS u LEFT JOIN"
    " (SELECT user_id, max(seen_at) AS seen_at, count(*) AS tokens"
    " FROM personal_access_tokens GROUP BY user_id) AS p ON p.user_id = u.id) AS s",
    needs=(
        "users.id",
        "users.seen_at",
        "personal_access_tokens.user_id",
        "personal_access_tokens.seen_at",
    ),
    statistics=(
        _active(7, "week", "week_ago"),
        _active(30, "calendar month", "month_ago"),
        _active(60, "two calendar months", "two_months_ago"),
        _active(90, "three calendar months", "three_months_ago"),
        Statistic(
            name="personalAccessTokens",
            meaning="Personal access tokens of people, expired ones included.",
            sql="coalesce(sum(tokens) FILTER (WHERE NOT coalesce(is_service, false)), 0)::bigint",
            needs=("users.is_service",),
            unit="tokens",
            since="4.20",
        ),
        Statistic(
            name="serviceTokens",
            meaning="Tokens of service accounts, expired ones included.",
            sql="coalesce(sum(tokens) FILTER (WHERE is_service), 0)::bigint",
            needs=("users.is_service",),
            unit="tokens",
            since="4.20",
        ),
    ),
    cost=5,
)


PROBES: Final = (USERS, LICENSED_USERS, ACTIVE_USERS)
