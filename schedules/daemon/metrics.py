"""The board as Prometheus metrics, made anew for each scrape."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from schedules.daemon.board import Board, SharedBoard, SourceBoard
from warehouse.analysis.names import resolve
from warehouse.errors import BadInput
from warehouse.payload import Value
from warehouse.record import moment
from warehouse.rows import number


def metrics_page(board: SharedBoard, wanted: Sequence[str]) -> bytes:
    """What a scrape gets; `wanted` are statistics, or families of them, to show as gauges."""
    # A registry of our own, for one answer: it has nothing of anybody else in this process.
    registry = CollectorRegistry()
    registry.register(_Collector(board, wanted))
    return generate_latest(registry)


class _Collector:
    def __init__(self, board: SharedBoard, wanted: Sequence[str]) -> None:
        self._shared = board
        self._wanted = wanted

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the moment."""
        return ()

    def collect(self) -> Iterator[Metric]:
        board = self._shared.copy()
        yield from _of_the_daemon(board)
        yield from _of_sources(board)
        yield _statistics(dict(self._shared.statistics), self._wanted)


def _of_the_daemon(board: Board) -> Iterator[Metric]:
    for name, about, value in (
        ("up", "1 while the daemon is ready.", not board.troubles),
        ("scheduler_ticking", "1 while the scheduler ticks.", board.ticking),
        ("clock_trusted", "1 while the clock is believed.", board.doubt is None),
        ("writable", "1 while the last commit went well.", board.unwritten is None),
        ("checkpoint_size", "Records under the newest checkpoint.", board.size),
        ("start_timestamp_seconds", "When the daemon began.", _seconds(board.started)),
    ):
        yield GaugeMetricFamily(f"tallybook_{name}", about, value=float(value))
    yield InfoMetricFamily(
        "tallybook_checkpoint",
        "The newest checkpoint.",
        {"origin": board.origin, "size": str(board.size), "root": board.root},
    )
    yield CounterMetricFamily("tallybook_commits", "Commits.", value=board.commits)
    failures = CounterMetricFamily("tallybook_failures", "Failed runs.", labels=["reason"])
    for reason, count in board.failures.items():
        failures.add_metric([reason], count)
    yield failures
    if board.verified_at:
        at = _seconds(board.verified_at)
        about = "When the history was last verified, by what was said."
        verified = GaugeMetricFamily("tallybook_verified_timestamp_seconds", about, labels=["said"])
        verified.add_metric([str(board.verified)], at)
        yield verified


def _of_sources(board: Board) -> Iterator[Metric]:
    now = _seconds(board.beat)

    def gauge(name: str, about: str, values: Mapping[str, float | None]) -> Metric:
        family = GaugeMetricFamily(f"tallybook_{name}", about, labels=["source"])
        for source, value in values.items():
            if value is not None:
                family.add_metric([source], value)
        return family

    success = {name: _at(one.last_success) for name, one in board.sources.items()}
    age = {name: max(0, now - at) for name, at in success.items() if at is not None}
    yield gauge("last_success_timestamp_seconds", "When the newest snapshot was taken.", success)
    yield gauge("last_success_age_seconds", "Age of the newest snapshot.", age)
    yield gauge(
        "next_run_timestamp_seconds",
        "When the next run begins.",
        {name: _at(one.next_run) for name, one in board.sources.items()},
    )
    yield gauge(
        "run_duration_seconds",
        "How long the newest run took that went well.",
        {name: one.duration for name, one in board.sources.items()},
    )
    yield gauge(
        "slot_due",
        "1 while a slot is due and not told of.",
        {name: float(_is_due(one)) for name, one in board.sources.items()},
    )
    slots = CounterMetricFamily("tallybook_slots", "Slots told of.", labels=["source", "became"])
    for name, one in board.sources.items():
        slots.add_metric([name, "snapshot"], one.snapshots)
        slots.add_metric([name, "missed"], one.missed)
    yield slots


def _statistics(values: Mapping[str, Mapping[str, Value]], wanted: Sequence[str]) -> Metric:
    about = "A statistic of the newest snapshot."
    family = GaugeMetricFamily("tallybook_statistic", about, labels=["source", "statistic"])
    for source, stats in values.items():
        for name in _chosen(wanted, list(stats)):
            family.add_metric([source, name], number(stats[name]))
    return family


def _chosen(wanted: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    for name in wanted:
        try:
            yield from resolve([name], known)
        except BadInput:
            # Not every source has every statistic.
            continue


def _is_due(source: SourceBoard) -> bool:
    return source.state in ("ready", "running", "waiting", "keeping")


def _at(text: str | None) -> float | None:
    return None if text is None else _seconds(text)


def _seconds(text: str) -> float:
    return moment(text).timestamp()
