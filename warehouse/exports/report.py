"""What `export` prints, for people and as JSON."""

from typing import Any

import click

from warehouse.exports.export import Exported


def export_json(made: Exported) -> dict[str, Any]:
    """What an export has, as JSON: the essentials of its manifest."""
    manifest = made.manifest
    return {
        "latest": str(made.latest),
        "version": manifest.version,
        "continues": manifest.continues,
        "format": manifest.format,
        "shape": manifest.shape,
        "instance": manifest.filters.instance,
        "since": manifest.filters.since,
        "rows": {outline.table: manifest.rows(outline.table) for outline in manifest.tables},
        "added": dict(made.added),
        "bytes": manifest.bytes,
        "files": len(manifest.files),
        "logs": [{"origin": end.origin, "until": end.until} for end in manifest.logs],
    }


def print_export(made: Exported) -> None:
    """Print what an export has, and where."""
    manifest = made.manifest
    if made.why_anew:
        click.echo(f"Everything was written anew: {made.why_anew}.", err=True)
    if not made.added:
        click.echo(f"Nothing new since version {manifest.version}: it stays.", err=True)
    rows = ", ".join(f"{_rows(made, outline.table)}" for outline in manifest.tables)
    click.echo(
        f"{made.latest}: {rows}; {manifest.format}, {manifest.shape}, {_size(manifest.bytes)}"
    )


def _rows(made: Exported, table: str) -> str:
    rows = f"{made.manifest.rows(table):,} {table}"
    new = made.added.get(table, 0)
    return f"{rows} ({new:,} new)" if made.manifest.continues and new else rows


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} TB"
