"""The one place where the benchmarks seal a history, and know what sealed files are."""

from pathlib import Path
from typing import Final

from warehouse.sealed.seal import seal

SEALED: Final = ("sealed/wide", "sealed/values")


def seal_everything(history: Path) -> None:
    """Fold every hot file of a history into sealed ones, show the readers, leave nothing else."""
    seal(history, grace_seconds=0)


def is_sealed(history: Path) -> bool:
    """Whether there are sealed files."""
    return all((history / name).is_dir() for name in SEALED)


def stored_bytes(history: Path) -> tuple[str, int]:
    """What the numbers take on disk without ledger and signatures, and in which files.

    A history that is not sealed has one kind of file only, with all in it.
    """
    if not is_sealed(history):
        return "hot files, payloads and signatures included", _size(history / "hot")
    return "sealed, without ledger", sum(_size(history / name) for name in SEALED)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))
