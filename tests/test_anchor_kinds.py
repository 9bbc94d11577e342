"""Every kind of keeper but git: what it gets, and what becomes of those that fail."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.anchored import KEY, Anchored, an_anchored, failures, table
from tests.builders import ORIGIN
from tests.disks import small_disk
from tests.proxies import closed_port
from tests.tsa import Authority, Keeper, a_keeper, an_authority
from warehouse.anchors import read_anchors

SECRET = "s3cr3t-and-long"  # looked for in messages


@pytest.fixture
def world(tmp_path: Path) -> Anchored:
    return an_anchored(tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    with a_keeper() as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return an_authority(tmp_path_factory.mktemp("tsa") / "ca")


def memory_of(world: Anchored) -> str:
    return (world.history.log.state / "anchors.json").read_text()


# --- file


def test_a_folder_gets_one_file_for_each_size(world: Anchored, elsewhere: Path) -> None:
    world.hand_over(table("a", "file", folder=elsewhere))
    world.history.take()
    states = world.hand_over(table("a", "file", folder=elsewhere))

    assert failures(states) == {"a": None}
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {
        f"{KEY}.000000000002.note": world.notes[1],
        f"{KEY}.000000000003.note": world.notes[2],
    }


def test_a_folder_that_has_the_note_already_is_content(world: Anchored, elsewhere: Path) -> None:
    (elsewhere / f"{KEY}.000000000002.note").write_text(world.note)

    assert failures(world.hand_over(table("a", "file", folder=elsewhere))) == {"a": None}


def test_another_checkpoint_of_the_same_size_is_never_replaced(
    world: Anchored, elsewhere: Path
) -> None:
    other = elsewhere / f"{KEY}.000000000002.note"
    other.write_text("other")

    states = world.hand_over(table("a", "file", folder=elsewhere))

    assert failures(states) == {"a": f"FORK: '{other}' holds another checkpoint of as many records"}
    assert [path.read_text() for path in elsewhere.iterdir()] == ["other"]


def test_a_folder_is_never_made(world: Anchored, tmp_path: Path) -> None:
    states = world.hand_over(table("a", "file", folder="nowhere"))

    assert failures(states) == {"a": f"there is no folder '{tmp_path}/nowhere'"}
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
def test_a_full_disk_and_a_read_only_one_are_named_and_recover(
    world: Anchored, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        anchor = table("a", "file", folder=disk.path)
        disk.fill()
        full = failures(world.hand_over(anchor))
        disk.clear()
        disk.remount("ro")
        read_only = failures(world.hand_over(anchor))
        disk.remount("rw")
        well = failures(world.hand_over(anchor))
        names = [path.name for path in disk.path.iterdir()]

    draft = f"{disk.path}/.{KEY}.000000000002.note."
    assert str(full["a"]).startswith(f"cannot write '{draft}")
    assert str(full["a"]).endswith("no space left on device")
    assert str(read_only["a"]).endswith("read-only file system")
    assert well == {"a": None}
    assert names == [f"{KEY}.000000000002.note"]


# --- prometheus


def test_a_metrics_file_holds_the_whole_note(world: Anchored, elsewhere: Path) -> None:
    file = elsewhere / "tallybook.prom"
    began = time.time()

    world.hand_over(table("a", "prometheus", file=file))

    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    note = world.note.replace("\n", "\\n")
    size, moment, info = (line.rsplit(" ", 1) for line in lines)
    assert size == [f'tallybook_checkpoint_size{{origin="{ORIGIN}"}}', "2"]
    assert moment[0] == f'tallybook_checkpoint_timestamp_seconds{{origin="{ORIGIN}"}}'
    assert began - 1 < float(moment[1]) < time.time() + 1
    assert info == [f'tallybook_checkpoint_info{{origin="{ORIGIN}",note="{note}"}}', "1"]
    assert [str(anchor.checkpoint) for anchor in read_anchors(elsewhere)] == [world.note]


def test_a_metrics_file_says_only_the_newest(world: Anchored, elsewhere: Path) -> None:
    anchor = table("a", "prometheus", file=elsewhere / "tallybook.prom")
    world.hand_over(anchor)
    world.history.take()

    world.hand_over(anchor)

    assert [str(anchor.checkpoint) for anchor in read_anchors(elsewhere)] == [world.note]
    assert [path.name for path in elsewhere.iterdir()] == ["tallybook.prom"]


def test_a_metrics_file_without_its_folder(world: Anchored, tmp_path: Path) -> None:
    states = world.hand_over(table("a", "prometheus", file="gone/x.prom"))

    (reason,) = failures(states).values()
    assert str(reason).startswith(f"cannot write '{tmp_path}/gone/.x.prom.")
    assert str(reason).endswith("no such file or directory")


# --- http


def test_a_note_is_posted_as_it_is(world: Anchored, keeper: Keeper) -> None:
    states = world.hand_over(table("a", "http", url=f"{keeper.url}/keep?by=us"))

    ((path, headers, content),) = keeper.asked
    assert failures(states) == {"a": None}
    assert path == "/keep?by=us"
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert content == world.note.encode()


def test_secrets_of_a_header_file_go_to_the_keeper_and_nowhere_else(
    world: Anchored, keeper: Keeper, tmp_path: Path
) -> None:
    (tmp_path / "headers").write_text(f"Authorization: Bearer {SECRET}\n\nX-Log:  ours \n")
    keeper.status = 403

    states = world.hand_over(
        table("a", "http", url=f"{keeper.url}/keep?token={SECRET}", header_file="headers")
    )

    ((_, headers, _),) = keeper.asked
    assert (headers["Authorization"], headers["X-Log"]) == (f"Bearer {SECRET}", "ours")
    assert failures(states) == {"a": "answered 403 Forbidden"}
    assert states[0].where == f"{keeper.url}/keep"
    assert SECRET not in memory_of(world)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (SECRET, "line 2 is not 'Name: value' in ASCII"),
        (f"Au thorization: {SECRET}", "line 2 is not 'Name: value' in ASCII"),
        (f"Authorization: {SECRET}\x07", "line 2 is not 'Name: value' in ASCII"),
        (f"Authorization: {SECRET}ü", "line 2 is not 'Name: value' in ASCII"),
    ],
)
def test_a_malformed_header_file_is_named_by_its_line(
    world: Anchored, keeper: Keeper, tmp_path: Path, line: str, reason: str
) -> None:
    file = tmp_path / "headers"
    file.write_text(f"X-Log: ours\n{line}\n")

    states = world.hand_over(table("a", "http", url=keeper.url, header_file="headers"))

    assert failures(states) == {"a": f"header_file '{file}': {reason}"}
    assert keeper.asked == []


def test_a_header_file_that_is_not_there(world: Anchored, keeper: Keeper, tmp_path: Path) -> None:
    states = world.hand_over(table("a", "http", url=keeper.url, header_file="headers"))

    expected = f"cannot read header_file '{tmp_path}/headers': no such file or directory"
    assert failures(states) == {"a": expected}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "answered 500 Internal Server Error"),
        (404, "answered 404 Not Found"),
        (302, "answered 302 Found"),
        (307, "answered 307 Temporary Redirect"),
    ],
)
def test_every_other_answer_is_a_refusal_and_nothing_is_followed(
    world: Anchored, keeper: Keeper, status: int, reason: str
) -> None:
    keeper.status = status
    keeper.headers["Location"] = f"{keeper.url}/there"

    states = world.hand_over(table("a", "http", url=f"{keeper.url}/here"))

    assert failures(states) == {"a": reason}
    assert [path for path, _, _ in keeper.asked] == ["/here"]


def test_nobody_listens(world: Anchored) -> None:
    states = world.hand_over(table("a", "http", url=f"http://127.0.0.1:{closed_port()}"))

    assert failures(states) == {"a": "connection refused"}


@contextmanager
def a_line(answer: bytes, *, every: float = 0) -> Iterator[str]:
    """Accept a connection, say `answer` at once or a byte of it every so often; keep it open."""
    ended = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=_say, args=(server, answer, every, ended))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        thread.join()


def _say(server: socket.socket, answer: bytes, every: float, ended: Event) -> None:
    connection, _ = server.accept()
    with connection:
        for piece in [answer[i : i + 1] for i in range(len(answer))] if every else [answer]:
            connection.sendall(piece)
            if ended.wait(every):
                return
        ended.wait()


@pytest.mark.parametrize(
    ("answer", "every"),
    [
        pytest.param(b"", 0.0, id="silent"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 40, 0.1, id="a byte at a time"),
    ],
)
def test_a_keeper_that_hangs_is_waited_for_no_longer_than_its_timeout(
    world: Anchored, answer: bytes, every: float
) -> None:
    with a_line(answer, every=every) as url:
        began = time.monotonic()
        states = world.hand_over(table("a", "http", url=url, timeout=0.4))
        seconds = time.monotonic() - began

    assert failures(states) == {"a": "no answer within 0.4 s"}
    assert 0.3 < seconds < 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"220 mail.example.com ESMTP\r\n\r\n", "answered what is no HTTP (BadStatusLine)"),
        (
            b"HTTP/1.1 500 \x1b[2J\r\nContent-Length: 0\r\n\r\n",
            "answered 500  [2J",
        ),
        (b"HTTP/1.1 500 " + b"x" * 9000 + b"\r\n\r\n", "answered 500 " + "x" * 287),
    ],
)
def test_an_answer_that_is_none_is_told_in_plain_letters(
    world: Anchored, answer: bytes, reason: str
) -> None:
    with a_line(answer) as url:
        states = world.hand_over(table("a", "http", url=url, timeout=5))

    assert failures(states) == {"a": reason}


# --- rfc3161


def test_a_timestamp_is_kept_beside_its_note(world: Anchored, authority: Authority) -> None:
    with a_keeper(authority.answer) as keeper:
        states = world.hand_over(table("tsa", "rfc3161", url=keeper.url, ca=authority.ca))

    folder = world.history.root / "anchors" / "tsa"
    ((_, headers, _),) = keeper.asked
    assert failures(states) == {"tsa": None}
    assert headers["Content-Type"] == "application/timestamp-query"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{KEY}.000000000002.note",
        f"{KEY}.000000000002.tsr",
        "ca.pem",
    ]
    stamped = read_anchors(folder.parent, trusted_ca=[authority.ca], trust_folder=False)[-1]
    assert (str(stamped.checkpoint), stamped.problem) == (world.note, None)
    assert stamped.at is not None
    assert not list((world.history.root / "_tmp").iterdir())


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_openssl_finds_the_timestamp_good(
    world: Anchored, authority: Authority, algorithm: str
) -> None:
    with a_keeper(authority.answer) as keeper:
        anchor = table("tsa", "rfc3161", url=keeper.url, ca=authority.ca, hash=algorithm)
        world.hand_over(anchor)

    name = f"{world.history.root}/anchors/tsa/{KEY}.000000000002"
    words = ["ts", "-verify", "-in", f"{name}.tsr", "-data", f"{name}.note"]
    done = subprocess.run(
        ["openssl", *words, "-CAfile", authority.ca], capture_output=True, text=True, check=False
    )
    assert "Verification: OK" in done.stdout, done.stderr


def test_a_token_that_is_there_is_not_asked_for_again(
    world: Anchored, authority: Authority
) -> None:
    with a_keeper(authority.answer) as keeper:
        anchor = table("tsa", "rfc3161", url=keeper.url, ca=authority.ca)
        world.hand_over(anchor)
        (world.history.log.state / "anchors.json").unlink()
        states = world.hand_over(anchor)

    assert failures(states) == {"tsa": None}
    assert len(keeper.asked) == 1


def test_a_token_that_is_there_and_damaged_is_named_and_not_replaced(
    world: Anchored, authority: Authority
) -> None:
    with a_keeper(authority.answer) as keeper:
        anchor = table("tsa", "rfc3161", url=keeper.url, ca=authority.ca)
        world.hand_over(anchor)
        (world.history.log.state / "anchors.json").unlink()
        token = world.history.root / "anchors" / "tsa" / f"{KEY}.000000000002.tsr"
        token.write_bytes(b"damaged")
        states = world.hand_over(anchor)

    reason = f"'{token}' is no timestamp of this checkpoint: it is no time-stamp response"
    assert failures(states) == {"tsa": reason}
    assert token.read_bytes() == b"damaged"


def test_an_answer_that_is_no_timestamp_of_the_note_is_not_kept(
    world: Anchored, authority: Authority, tmp_path: Path
) -> None:
    old = authority.stamp(world.note.encode())
    other = an_authority(tmp_path / "other")
    reasons = {}
    for case, reply, ca in (
        ("a page", lambda _: b"<html>Sign in</html>", authority.ca),
        ("an old answer", lambda _: old, authority.ca),
        ("a stranger's", authority.answer, other.ca),
    ):
        with a_keeper(reply) as keeper:
            states = world.hand_over(table("tsa", "rfc3161", url=keeper.url, ca=ca))
        reasons[case] = str(states[0].failure).removeprefix(
            "answered no timestamp of this checkpoint: "
        )

    assert reasons == {
        "a page": "it is no time-stamp response",
        "an old answer": "Nonce mismatch",
        "a stranger's": "unable to get local issuer certificate",
    }
    assert not (world.history.root / "anchors").exists()


def test_without_certificates_nobody_is_asked(world: Anchored, tmp_path: Path) -> None:
    with a_keeper() as keeper:
        states = world.hand_over(table("tsa", "rfc3161", url=keeper.url, ca="ca.pem"))

    reason = f"cannot read certificates '{tmp_path}/ca.pem': no such file or directory"
    assert failures(states) == {"tsa": reason}
    assert keeper.asked == []
