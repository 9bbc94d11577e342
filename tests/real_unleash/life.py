"""A life lived through the HTTP APIs of a real server: what people and SDKs do with Unleash.

The numbers it adds up to are in expected.py. What only the Enterprise edition can write follows
by SQL, in enterprise.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.real_unleash import expected
from tests.real_unleash.api import Api, Refused
from tests.real_unleash.server import UnleashServer, eventually

PASSWORD = "Correct-Horse-9-Battery"
FLAG_TYPES = ("release", "experiment", "operational", "kill-switch", "permission")
FLAG_NAMES = [
    f"flag-{number:02}"
    for number in range(expected.FLAGS + expected.ARCHIVED_FLAGS + expected.DELETED_FLAGS)
]
BUSIEST_FLAG, SMALL_FLAG, *_ = FLAG_NAMES
ARCHIVED_NAMES = FLAG_NAMES[expected.FLAGS :][: expected.ARCHIVED_FLAGS]
DELETED_NAMES = FLAG_NAMES[expected.FLAGS + expected.ARCHIVED_FLAGS :]
REVIVED_NAMES = FLAG_NAMES[2:4]
TOGGLED_NAMES = FLAG_NAMES[4:10]
STALE_NAMES = FLAG_NAMES[10:14]
# Busier than any living flag: an archived flag must not decide a maximum.
BUSIEST_ARCHIVED_FLAG = ARCHIVED_NAMES[0]
BUSIEST_ARCHIVED_STRATEGIES = 25
# The last strategy of the busiest flag belongs to a milestone and is written by SQL.
BUSIEST_STRATEGIES = expected.MOST_STRATEGIES - 1
PRODUCTION_EVENTS = BUSIEST_STRATEGIES + BUSIEST_ARCHIVED_STRATEGIES + 2 * len(TOGGLED_NAMES)
APPS = ("billing", "shop-api", "shop-web")
APPS_WITH_METRICS = APPS[:2]

FEATURES = "/api/admin/projects/default/features"


def live(server: UnleashServer) -> None:
    """Live the whole life; the server has handed everything to its database when it returns."""
    with logged_in_admin(server) as admin:
        invite_people(admin, server)
        create_tokens(admin, server)
        describe_the_world(admin)
        build_flags(admin)
        retire_flags(admin)
        toggle_production(admin)
        export_and_import(admin)
        run_applications(admin, server)


@contextmanager
def logged_in_admin(server: UnleashServer) -> Iterator[Api]:
    """Log in as the first admin, whom an old server creates a moment after it is healthy."""

    def login() -> Api | None:
        try:
            return api.login("admin", "unleash4all")
        except Refused:
            return None

    with Api(server.url) as api:
        yield eventually("the first admin", login, seconds=60)


def invite_people(admin: Api, server: UnleashServer) -> None:
    """Seven people: five log in, one of these and another one are deleted, one has no e-mail."""
    ids = {name: _invite(admin, name) for name in ("anna", "ben", "cleo", "dora", "elke", "fred")}
    _invite(admin, "gina", email=False)
    for name in ("anna", "ben", "cleo", "dora", "elke"):
        with Api(server.url) as person:
            person.login(name, PASSWORD)
            if name == "anna":
                _use_personal_token(person, server)
    for name in ("elke", "fred"):
        admin.delete(f"/api/admin/user-admin/{ids[name]}")


def _invite(admin: Api, name: str, *, email: bool = True) -> int:
    person = {"username": name, "name": name.title(), "rootRole": 2, "password": PASSWORD}
    address = {"email": f"{name}@example.com"} if email else {}
    user = admin.post("/api/admin/user-admin", {**person, **address, "sendEmail": False})
    return int(user["id"])


def _use_personal_token(person: Api, server: UnleashServer) -> None:
    token = {"description": "laptop", "expiresAt": "2099-01-01T00:00:00Z"}
    secret = person.post("/api/admin/user/tokens", token)["secret"]
    with Api(server.url, secret) as script:
        script.get("/api/admin/projects")


def create_tokens(admin: Api, server: UnleashServer) -> None:
    """Create the SDKs' tokens; admin tokens are there since the first start."""
    for kind in server.release.token_types:
        for number in range(expected.TOKENS_BY_TYPE[kind]):
            body = {"tokenName": f"{kind}-{number}", "type": kind, "environment": "development"}
            admin.post("/api/admin/api-tokens", body)


def describe_the_world(admin: Api) -> None:
    """Create segments, context fields and custom strategies until there are as many as expected."""
    for number in range(expected.SEGMENTS):
        segment = {"name": f"segment-{number}", "constraints": [constraint(number + 1)]}
        admin.post("/api/admin/segments", segment)
    known = len(admin.get("/api/admin/context"))
    for number in range(known, expected.CONTEXT_FIELDS):
        legal = [{"value": f"value-{i}"} for i in range(number)]
        admin.post("/api/admin/context", {"name": f"field-{number}", "legalValues": legal})
    known = len(admin.get("/api/admin/strategies")["strategies"])
    for number in range(known, expected.STRATEGIES):
        parameter = {"name": "share", "type": "percentage", "required": True}
        strategy = {"name": f"strategy-{number}", "parameters": [parameter]}
        admin.post("/api/admin/strategies", strategy)


def build_flags(admin: Api) -> None:
    """Create flags of every type; one living and one archived-to-be flag are the busiest."""
    for number, name in enumerate(FLAG_NAMES):
        kind = FLAG_TYPES[number % len(FLAG_TYPES)]
        admin.post(FEATURES, {"name": name, "type": kind})
    _add_strategies(admin, BUSIEST_FLAG, "production", count=BUSIEST_STRATEGIES)
    # Never the greatest by itself, yet more than the greatest together with production.
    _add_strategies(admin, BUSIEST_FLAG, "development", count=10)
    for name in (BUSIEST_FLAG, SMALL_FLAG):
        widest = [constraint(expected.MOST_CONSTRAINT_VALUES), constraint(5)]
        _add_strategies(admin, name, "development", count=1, constraints=widest)
    longest = [constraint(2)] * expected.MOST_CONSTRAINTS
    _add_strategies(admin, FLAG_NAMES[2], "development", count=1, constraints=longest)
    beyond = [constraint(expected.MOST_CONSTRAINT_VALUES + 3)] * (expected.MOST_CONSTRAINTS + 1)
    count = BUSIEST_ARCHIVED_STRATEGIES
    _add_strategies(admin, BUSIEST_ARCHIVED_FLAG, "production", count=count, constraints=beyond)


def _add_strategies(
    admin: Api,
    flag: str,
    environment: str,
    *,
    count: int,
    constraints: list[dict[str, object]] | None = None,
) -> None:
    for number in range(count):
        strategy = {
            "name": "flexibleRollout",
            "parameters": {"rollout": str(number), "stickiness": "default", "groupId": flag},
            "constraints": constraints or [],
            "disabled": number == 1,
        }
        admin.post(f"{FEATURES}/{flag}/environments/{environment}/strategies", strategy)


def constraint(values: int) -> dict[str, object]:
    """Return a constraint with so many values."""
    names = [f"value-{number}" for number in range(values)]
    return {"contextName": "appName", "operator": "IN", "values": names}


def retire_flags(admin: Api) -> None:
    """Archive some flags, bring two back, delete others for good, call some stale."""
    for name in (*ARCHIVED_NAMES, *DELETED_NAMES, *REVIVED_NAMES):
        admin.delete(f"{FEATURES}/{name}")
    for name in REVIVED_NAMES:
        admin.post(f"/api/admin/archive/revive/{name}")
    for name in DELETED_NAMES:
        admin.delete(f"/api/admin/archive/{name}")
    admin.post("/api/admin/projects/default/stale", {"features": STALE_NAMES, "stale": True})


def toggle_production(admin: Api) -> None:
    """Switch flags on and off again in production, and on in development."""
    for name in TOGGLED_NAMES:
        for switch in ("production/on", "production/off", "development/on"):
            admin.post(f"{FEATURES}/{name}/environments/{switch}")


def export_and_import(admin: Api) -> None:
    """Export a small flag several times, and import it where it came from."""
    what = {"features": [SMALL_FLAG], "environment": "development"}
    exports = [
        admin.post("/api/admin/features-batch/export", what) for _ in range(expected.EXPORTS)
    ]
    for data in exports[: expected.IMPORTS]:
        target = {"project": "default", "environment": "development"}
        admin.post("/api/admin/features-batch/import", {**target, "data": data})


def run_applications(admin: Api, server: UnleashServer) -> None:
    """SDKs register, fetch their flags and report what they evaluated today and yesterday."""
    tokens = admin.get("/api/admin/api-tokens")["tokens"]
    secret = next(token["secret"] for token in tokens if token["type"] == "client")
    today = datetime.now(UTC)
    yesterday_noon = (today - timedelta(days=1)).replace(hour=12)
    with Api(server.url, secret) as sdk:
        for app in APPS:
            sdk.post("/api/client/register", _registration(app))
            sdk.get("/api/client/features")
        for app in APPS_WITH_METRICS:
            for instant in (today, yesterday_noon):
                sdk.post("/api/client/metrics", _metrics(app, instant))


def _registration(app: str) -> dict[str, object]:
    return {
        "appName": app,
        "instanceId": f"{app}-1",
        "sdkVersion": "unleash-client-python:6.0.0",
        "strategies": ["default", "flexibleRollout"],
        "started": datetime.now(UTC).isoformat(),
        "interval": 10_000,
    }


def _metrics(app: str, instant: datetime) -> dict[str, object]:
    moment = instant.isoformat()
    counted = {"yes": 3, "no": 1, "variants": {"blue": 1, "red": 2}}
    bucket = {"start": moment, "stop": moment, "toggles": {SMALL_FLAG: counted}}
    return {
        "appName": app,
        "instanceId": f"{app}-1",
        "environment": "development",
        "bucket": bucket,
    }
