"""A daemon that is killed at any moment, again and again: `python -m tests.killed_daemon`.

Each attempt is a fork of this process. Conductor, log and warehouse are the product's own; the
sources are made up, and so is time: it stands in a file, and passes an hour at a time, so that
every few milliseconds a slot is due. Notes down each slot that it was told is kept.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from etl.journal import STATE_FILE, read_journal
from etl.settings import Settings, load_settings
from etl.slots import News, Told
from schedules.daemon.keeper import Kept, keep
from tests.daemon_world import AN_HOUR, World
from warehouse.record import timestamp


class RealWorld(World):
    """A world whose log is on disk."""

    notes: int
    time_file: Path

    def _keep(self, settings: Settings, news: Sequence[News]) -> Kept:
        kept = keep(settings, news, clock=lambda: self.now)
        for one in news:
            if isinstance(one, Told):
                os.write(self.notes, f"{one.source} {timestamp(one.due_at)}\n".encode())
        return kept

    def _go_to(self, moment: datetime) -> None:
        # Time that has passed never passes again.
        write_time(self.time_file, moment)
        super()._go_to(moment)


def write_time(file: Path, moment: datetime) -> None:
    """Let it be later, whole or not at all."""
    draft = file.with_name("time.draft")
    draft.write_text(moment.isoformat())
    draft.replace(file)


def main(folder: str, notes: str, attempts: str, seed: str) -> None:
    """Kill so many daemons of the history in `folder`."""
    settings = load_settings(Path(folder) / "tallybook.toml")
    chance = random.Random(seed)  # noqa: S311 - the same moments every time, no secret
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    killed = 0
    # What happens only the first time is not what shall be killed.
    a_world(settings, descriptor).pass_time(2 * AN_HOUR)
    for _ in range(int(attempts)):
        pid = os.fork()
        if pid == 0:
            keep_slots_until_killed(settings, descriptor)
        time.sleep(chance.uniform(0.01, 0.2))
        os.kill(pid, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        time_file = settings.path.with_name("time")
        now = datetime.fromisoformat(time_file.read_text())
        write_time(time_file, now + chance.randrange(4) * AN_HOUR)
    sys.stdout.write(json.dumps({"killed": killed}))


def a_world(settings: Settings, notes: int) -> RealWorld:
    """The world as a daemon finds it that was just started."""
    time_file = settings.path.with_name("time")
    RealWorld.notes, RealWorld.time_file = notes, time_file
    world = RealWorld(settings, now=datetime.fromisoformat(time_file.read_text()))
    world.memory = read_journal(settings.state / STATE_FILE).memory
    world.start()
    return world


def keep_slots_until_killed(settings: Settings, notes: int) -> NoReturn:
    """Be a daemon; whatever fails ends this process by itself, which the parent counts."""
    try:
        world = a_world(settings, notes)
        while True:
            world.pass_time(AN_HOUR)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
