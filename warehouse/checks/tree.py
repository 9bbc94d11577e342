"""The tree of one log, and every signed head of it: in the files, and in checkpoints.log."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from warehouse.checks.findings import Find, Report
from warehouse.keys import PublicKey
from warehouse.merkle import Frontier
from warehouse.note import MalformedNote, SignedCheckpoint, parse_checkpoint


@dataclass
class LogTree:
    """A tree that grows by batches of leaf hashes, and the heads it is compared with.

    `logged` are the log's notes in checkpoints.log, in order. With `fast` the roots of all
    checkpoints are compared, and the signatures of the last one and of those that are due
    to several keys. Of `logged` only those count that were there in the beginning, up to
    `logged_until` records.
    """

    report: Report
    logged: Iterator[SignedCheckpoint] = field(default_factory=lambda: iter(()))
    fast: bool = False
    frontier: Frontier = field(default_factory=Frontier)
    covered: int = 0
    logged_until: int = 0
    _waiting: tuple[SignedCheckpoint, list[PublicKey], list[PublicKey], Find] | None = None
    _next_logged: SignedCheckpoint | None = None
    _before: SignedCheckpoint | None = None
    _broken: bool = False

    def grow(self, leaves: bytes, boundaries: Iterable[int]) -> dict[int, bytes]:
        """Add the leaves of a batch; return the roots after so many of them."""
        roots: dict[int, bytes] = {}
        view, done = memoryview(leaves), 0
        for boundary in sorted({*boundaries, len(leaves) // 32}):
            self.frontier = self.frontier.extend(view[done * 32 : boundary * 32])
            roots[boundary] = self.frontier.root
            done = boundary
        return roots

    def checkpoint(
        self,
        content: str,
        at: tuple[str, int, bytes],
        due: list[PublicKey],
        known: list[PublicKey],
        *,
        find: Find,
        find_in_text: Find,
    ) -> None:
        """Check the checkpoint of a commit, after which the log is `at` (origin, size, root).

        `due` are the keys that have to have signed it, `known` all keys of the log. What is wrong
        with checkpoints.log is told to `find_in_text`.
        """
        self.report.checkpoints += 1
        origin, size, root = at
        self.covered = size
        try:
            signed = parse_checkpoint(content)
        except MalformedNote as error:
            find("CHECKPOINT_MALFORMED", f"a checkpoint of {size} records", str(error))
            self._logged_of(size, known, find_in_text)
            return
        if (signed.origin, signed.size) != (origin, size):
            expected = f"a checkpoint of {size} records of {origin!r}"
            find("CHECKPOINT_MALFORMED", expected, f"{signed.size} records of {signed.origin!r}")
            self._logged_of(size, known, find_in_text)
            return
        self._compare_root(signed, root, find)
        if self.fast and len(due) < 2:
            self._waiting = (signed, due, known, find)
        else:
            self._check_signatures(signed, due, known, find)
        self._compare_logged(signed, known, find_in_text)

    def end(self, known: list[PublicKey], find: Find) -> None:
        """Check what could wait, and what checkpoints.log says beyond the end of the log."""
        if self._waiting:
            self._check_signatures(*self._waiting)
        furthest = 0
        beyond = self._logged_of(self.covered + 1, known, find)
        for note in chain([beyond] if beyond else [], self.logged):
            if note.size > self.logged_until:
                # A writer has come by meanwhile.
                break
            if is_signed(note, known):
                furthest = max(furthest, note.size)
            else:
                self._unsigned(note, find)
        if furthest:
            found = f"{self.covered} records"
            find("ROLLBACK", f"{furthest} records, by checkpoints.log", found)

    def _compare_root(self, signed: SignedCheckpoint, root: bytes, find: Find) -> None:
        # After the first one no root can be right again.
        if signed.root != root and not self._broken:
            self._broken = True
            find("ROOT_MISMATCH", f"root {signed.root.hex()}, as signed", root.hex())

    def _check_signatures(
        self, signed: SignedCheckpoint, due: list[PublicKey], known: list[PublicKey], find: Find
    ) -> None:
        self.report.checkpoints_checked += 1
        lacking = [key.key_id for key in due if not key.signed(signed.note, signed.origin)]
        spoilt = [key.key_id for key in known if key.signed(signed.note, signed.origin) is False]
        if not lacking and not spoilt and due:
            self.report.checkpoints_valid += 1
            return
        changed = len(due) > 1 and lacking and not spoilt
        name = "ROTATION_UNPROVEN" if changed else "CHECKPOINT_SIG_INVALID"
        by = " and ".join(key.key_id for key in due) or "a key of the log"
        bad = [f"a bad one by {key_id}" for key_id in spoilt] or ["no key is known"]
        found = f"none by {' and '.join(lacking)}" if lacking else bad[0]
        find(name, f"a checkpoint of {signed.size} records signed by {by}", found)

    def _compare_logged(self, signed: SignedCheckpoint, known: list[PublicKey], find: Find) -> None:
        logged = self._logged_of(signed.size, known, find)
        self._before = signed
        if logged is None:
            self.report.unlogged += 1
        elif logged.size > signed.size:
            expected = f"{signed.size} records in checkpoints.log"
            find("CHECKPOINT_MALFORMED", expected, f"{logged.size} records")
        elif str(logged) != str(signed):
            self._differs(logged, signed, known, find)

    def _logged_of(self, size: int, known: list[PublicKey], find: Find) -> SignedCheckpoint | None:
        """The next checkpoint in checkpoints.log, of so many records or more.

        One of more stays there; what belongs to no commit is told and left behind.
        """
        logged = self._next_logged or next(self.logged, None)
        while logged and logged.size < size:
            self._stray(logged, known, find)
            logged = next(self.logged, None)
        self._next_logged = logged if logged and logged.size > size else None
        return logged

    def _stray(self, logged: SignedCheckpoint, known: list[PublicKey], find: Find) -> None:
        before = self._before
        if before and before.size == logged.size and before.root != logged.root:
            self._differs(logged, before, known, find)
        elif is_signed(logged, known):
            expected = "checkpoints of commits alone in checkpoints.log, each once"
            find("CHECKPOINT_MALFORMED", expected, f"one of {logged.size} records")
        else:
            self._unsigned(logged, find)

    def _differs(
        self,
        logged: SignedCheckpoint,
        signed: SignedCheckpoint,
        known: list[PublicKey],
        find: Find,
    ) -> None:
        if not is_signed(logged, known):
            self._unsigned(logged, find)
        elif logged.root != signed.root:
            expected = f"one root of {signed.size} records, {signed.root.hex()}"
            find("CHECKPOINT_EQUIVOCATION", expected, f"{logged.root.hex()} in checkpoints.log")

    def _unsigned(self, logged: SignedCheckpoint, find: Find) -> None:
        expected = f"a checkpoint of {logged.size} records signed by a key of the log"
        find("CHECKPOINT_SIG_INVALID", expected, "one in checkpoints.log that is not")


def is_signed(checkpoint: SignedCheckpoint, keys: Iterable[PublicKey]) -> bool:
    """Whether one of these keys signed a checkpoint, and no line of theirs is a bad one."""
    said = [key.signed(checkpoint.note, checkpoint.origin) for key in keys]
    return True in said and False not in said
