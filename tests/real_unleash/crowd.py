"""People that no HTTP API can make: service accounts, read-only seats, people unseen for months.

Each crowd stands for one rule of counting people; together with the seven that life.py invites
and the first admin they add up to what expected.py says.
"""

from dataclasses import asdict, dataclass

from tests.real_unleash.releases import Release
from tests.real_unleash.rows import Connection


@dataclass(frozen=True)
class Crowd:
    """`size` users alike; `seen`, `token_seen` and `deleted` say how long ago, as intervals."""

    name: str
    size: int
    seen: str | None = None
    token_seen: tuple[str, ...] = ()
    deleted: str | None = None
    is_service: bool | None = False
    is_system: bool = False
    email: str | None = None
    seat: str | None = None


OWN = "an address of their own"
SHARED = "one address for all of them"

CROWDS = (
    Crowd("this-week", 2, seen="1 week - 1 hour", email=OWN, seat="ReadOnly"),
    Crowd("this-month", 3, seen="1 month - 1 hour", email=OWN, seat="Regular"),
    Crowd("two-months", 4, seen="2 months - 1 hour", email=OWN),
    Crowd("three-months", 5, seen="3 months - 1 hour", email=OWN, seat="ReadOnly"),
    Crowd("long-ago", 6, seen="3 months + 1 hour", email=OWN),
    Crowd("never", 1),
    Crowd("token-only", 1, token_seen=("6 days",)),
    Crowd("token-later", 1, seen="2 months - 1 hour", token_seen=("1 month - 1 hour",)),
    Crowd("two-tokens", 1, token_seen=("2 months - 1 hour", "1 week - 1 hour")),
    Crowd("twins", 2, email=SHARED),
    Crowd("left-lately", 2, seen="6 days", deleted="30 days - 1 hour", email=OWN),
    Crowd("left-long-ago", 3, deleted="30 days + 1 hour", email=OWN, seat="ReadOnly"),
    Crowd("service", 5, is_service=True),
    Crowd("service-seen", 1, is_service=True, seen="20 days", email=OWN),
    Crowd("service-system", 1, is_service=True, is_system=True),
    Crowd("service-gone", 2, is_service=True, deleted="1 day"),
    Crowd("system-seen", 1, is_system=True, seen="1 day"),
    Crowd("neither", 1, is_service=None, seen="1 day"),
)


def gather(connection: Connection, release: Release) -> None:
    """Write all crowds, their personal tokens, and their seats where the schema has seats."""
    for crowd in CROWDS:
        _gather_one(connection, crowd)
        if "readOnlyUsers" not in release.not_in_schema:
            seats = "UPDATE users SET seat_type = %s WHERE username LIKE %s"
            connection.execute(seats, [crowd.seat, f"{crowd.name}-_"])


def _gather_one(connection: Connection, crowd: Crowd) -> None:
    users = connection.execute(
        f"""
        INSERT INTO users (name, username, email_hash, seen_at, deleted_at, is_service, is_system)
        SELECT %(name)s::text, %(name)s::text || '-' || i, {_email_hash(crowd)},
            now() - %(seen)s::interval, now() - %(deleted)s::interval,
            %(is_service)s, %(is_system)s
        FROM generate_series(1, %(size)s) AS i
        RETURNING id
        """,
        asdict(crowd),
    ).fetchall()
    for (user,) in users:
        for number, seen in enumerate(crowd.token_seen):
            _add_personal_token(connection, user, f"user:{crowd.name}-{number}", seen)


def _email_hash(crowd: Crowd) -> str:
    own, shared = "md5(%(name)s::text || i)", "md5(%(name)s::text)"
    return {OWN: own, SHARED: shared, None: "NULL"}[crowd.email]


def _add_personal_token(connection: Connection, user: object, secret: str, seen: str) -> None:
    connection.execute(
        "INSERT INTO personal_access_tokens (secret, description, user_id, expires_at, seen_at)"
        " VALUES (%s, 'crowd', %s, now() + interval '1 year', now() - %s::interval)",
        [secret, user, seen],
    )
