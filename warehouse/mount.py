"""A warehouse seen under the path that it will have on another machine."""

from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from warehouse.layout import as_glob


class Mount(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Lets DuckDB look into a folder under the path it will have on another machine.

    DuckDB insists on reading a view's files when the view is made, and the place
    where they will be mounted need not exist here.
    """

    protocol = ("file",)
    cachable = False

    def __init__(self, there: Path, here: Path) -> None:
        super().__init__()
        self.there, self._here = there, here

    def _strip_protocol(self, path: str) -> str:
        plain: str = super()._strip_protocol(path)
        return plain.replace(str(self.there), str(self._here), 1)

    def glob(self, path: str, *_more: object, **_options: object) -> list[str]:
        """Find the files of a pattern, which begins with the folder as `as_glob` writes it."""
        inside = super()._strip_protocol(path).removeprefix(f"{as_glob(self.there)}/")
        return sorted(str(found) for found in self._here.glob(inside))
