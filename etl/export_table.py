"""`[export.NAME]`: an export that the daemon keeps up to date. Pure."""

from typing import Literal

import msgspec


class ExportTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One export: the folder that it goes to, and what `tallybook export` would be told.

    `keep` is how many versions stay.
    """

    to: str
    format: Literal["parquet", "csv", "xlsx", "jsonl"] = "parquet"
    shape: Literal["wide", "long", "star"] = "wide"
    keep: int = 3
