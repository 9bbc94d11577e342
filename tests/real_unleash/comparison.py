"""The comparison of the endpoint's answer with Tallybook's: every field, its type and its place."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from tests.real_unleash.deviations import Deviation, Special

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{3})?Z")
SAME_INSTANT_SECONDS = 120
ABSENT = Special.ABSENT


def differences(
    endpoint: dict[str, object], ours: dict[str, object], deviations: Iterable[Deviation] = ()
) -> list[str]:
    """Return one line per field that is not the same; empty means that all are.

    A field of `deviations` must differ exactly as it says there. A field that the endpoint does
    not have may be null. The two `timestamp` must be close and written alike.
    """
    rightly = {deviation.field: deviation for deviation in deviations}
    return [
        line
        for name in dict.fromkeys((*endpoint, *ours, *rightly))
        for line in _field(
            name, endpoint.get(name, ABSENT), ours.get(name, ABSENT), rightly.get(name)
        )
    ]


def _field(name: str, endpoint: object, ours: object, deviation: Deviation | None) -> Iterator[str]:
    if deviation is not None:
        yield from _deviation(deviation, endpoint, ours)
    elif name == "timestamp":
        yield from _instant(name, endpoint, ours)
    elif endpoint is not ABSENT or ours is not None:
        yield from _value(name, endpoint, ours)


def _deviation(deviation: Deviation, endpoint: object, ours: object) -> Iterator[str]:
    if deviation.endpoint is not Special.FAILS:
        yield from _value(f"{deviation.field} of the endpoint", deviation.endpoint, endpoint)
    yield from _value(deviation.field, deviation.ours, ours)


def _value(path: str, expected: object, got: object) -> Iterator[str]:
    # 1 == True == 1.0 in Python, and three different things in JSON.
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in dict.fromkeys((*expected, *got)):
            yield from _value(f"{path}.{key}", expected.get(key, ABSENT), got.get(key, ABSENT))
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for number, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from _value(f"{path}[{number}]", one, other)
    elif type(expected) is not type(got) or expected != got:
        yield f"{path}: expected {_shown(expected)}, got {_shown(got)}"


def _instant(name: str, endpoint: object, ours: object) -> Iterator[str]:
    texts = (str(endpoint), str(ours))
    if not all(INSTANT.fullmatch(text) for text in texts):
        yield f"{name}: expected an instant like {_shown(endpoint)}, got {_shown(ours)}"
        return
    there, here = (datetime.fromisoformat(text) for text in texts)
    apart = abs((there - here).total_seconds())
    if apart > SAME_INSTANT_SECONDS:
        yield f"{name}: expected about {_shown(endpoint)}, got {_shown(ours)}"


def _shown(value: object) -> str:
    return value.value if isinstance(value, Special) else repr(value)
