"""A time-stamping authority made with the openssl command, its forgers, and keepers over HTTP.

Real certificates, real tokens, a real server on this machine. `forged` is what somebody can
make who holds a certificate of the same authority and is no time-stamping authority.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

FOR_TIMESTAMPS = "critical,timeStamping"
_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")
_CONFIGURATION = """\
[tsa]
serial = {folder}/serial
default_policy = 1.3.6.1.4.1.55555.1
digests = sha256, sha384, sha512
signer_digest = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[ca]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = anything
[anything]
commonName = supplied
"""


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder, and whoever it gives certificates to."""

    folder: Path
    name: str = "ca"

    @property
    def ca(self) -> Path:
        """Its own certificate, the root of everything."""
        return self.folder / f"{self.name}.pem"

    def issue(
        self,
        name: str,
        usage: str | None = FOR_TIMESTAMPS,
        *,
        begins: timedelta = timedelta(days=-365),
        ends: timedelta = timedelta(days=365),
        may_issue: bool = False,
    ) -> str:
        """Give out a certificate, valid from and until then, counted from now."""
        extensions = [f"basicConstraints = critical,CA:{str(may_issue).upper()}"]
        if usage:
            extensions.append(f"extendedKeyUsage = {usage}")
        (self.folder / f"{name}.ext").write_text("\n".join(extensions))
        request = ("req", *_EC, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl(*request, "-subj", f"/CN={name}")
        self.openssl(
            *("ca", "-batch", "-notext", "-config", "openssl.cnf", "-name", "ca"),
            *("-cert", self.ca.name, "-keyfile", f"{self.name}.key", "-in", f"{name}.csr"),
            *("-out", f"{name}.pem", "-extfile", f"{name}.ext"),
            *("-startdate", _openssl_time(begins), "-enddate", _openssl_time(ends)),
        )
        return name

    def answer(self, query: bytes, signer: str = "tsa", *, chain: Path | None = None) -> bytes:
        """Answer a query as a time-stamping authority does."""
        (self.folder / "query.tsq").write_bytes(query)
        more = ("-chain", chain.name) if chain else ()
        self.openssl(
            *("ts", "-reply", "-config", "openssl.cnf", "-section", "tsa"),
            *("-queryfile", "query.tsq", "-signer", f"{signer}.pem", "-inkey", f"{signer}.key"),
            *("-out", "answer.tsr", *more),
        )
        return (self.folder / "answer.tsr").read_bytes()

    def stamp(self, message: bytes, signer: str = "tsa", *, chain: Path | None = None) -> bytes:
        """Ask for a timestamp, and answer."""
        return self.answer(query_for(message), signer, chain=chain)

    def forged(self, message: bytes, signer: str, *, at: datetime | None = None) -> bytes:
        """A token as openssl itself refuses to make one: with any certificate, of any time."""
        said = _said_in(self.stamp(message))
        if at:
            place = said.index(b"\x18\x0f") + 2
            said = said[:place] + f"{at:%Y%m%d%H%M%SZ}".encode() + said[place + 15 :]
        (self.folder / "said.der").write_bytes(said)
        self.openssl(
            *("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-in", "said.der"),
            *("-econtent_type", "1.2.840.113549.1.9.16.1.4", "-md", "sha256"),
            *("-signer", f"{signer}.pem", "-inkey", f"{signer}.key"),
            *("-outform", "DER", "-out", "forged.der"),
        )
        return _der((self.folder / "forged.der").read_bytes())

    def openssl(self, *words: str) -> None:
        """Run the openssl command in the folder; its complaint is the test's failure."""
        done = subprocess.run(
            ["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def an_authority(folder: Path, name: str = "ca") -> Authority:
    """Make a certificate authority, with a certificate called `tsa` for timestamps."""
    folder.mkdir(parents=True)
    (folder / "serial").write_text("01\n")
    (folder / "index.txt").touch()
    (folder / "index.txt.attr").write_text("unique_subject = no\n")
    (folder / "openssl.cnf").write_text(_CONFIGURATION.format(folder=folder))
    made = Authority(folder, name)
    (folder / f"{name}.ext").write_text("basicConstraints = critical,CA:TRUE")
    made.openssl(
        "req", *_EC, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
    )
    made.openssl(
        *("ca", "-batch", "-notext", "-config", "openssl.cnf", "-name", "ca", "-selfsign"),
        *("-keyfile", f"{name}.key", "-in", f"{name}.csr", "-out", f"{name}.pem"),
        *("-extfile", f"{name}.ext", "-startdate", _openssl_time(timedelta(days=-1000))),
        *("-enddate", _openssl_time(timedelta(days=1000))),
    )
    made.issue("tsa")
    return made


def query_for(message: bytes) -> bytes:
    """A query for a timestamp of some bytes."""
    builder = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256)
    return bytes(builder.build().as_bytes())


@dataclass
class Keeper:
    """Something that is asked over HTTP, and what it was asked."""

    url: str
    reply: Callable[[bytes], bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def a_keeper(reply: Callable[[bytes], bytes] = lambda _asked: b"kept") -> Iterator[Keeper]:
    """Serve on this machine for a `with` block; `reply` makes the answer's content."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        keeper = Keeper(f"http://127.0.0.1:{server.server_port}", reply)
        server.keeper = keeper  # type: ignore[attr-defined]  # for the handler
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield keeper
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HTTPServer

    def do_POST(self) -> None:
        """Note what was asked, and answer as the keeper says."""
        keeper: Keeper = self.server.keeper  # type: ignore[attr-defined]  # set by a_keeper
        content = self.rfile.read(int(self.headers["Content-Length"]))
        keeper.asked.append((self.path, dict(self.headers), content))
        answer = keeper.reply(content)
        self.send_response(keeper.status)
        for name, value in {**keeper.headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Say nothing."""


def _openssl_time(from_now: timedelta) -> str:
    return f"{datetime.now(UTC) + from_now:%Y%m%d%H%M%SZ}"


def _said_in(answer: bytes) -> bytes:
    """The TSTInfo of an answer: after its type, in an octet string in a context tag."""
    content = answer[answer.index(_TST_INFO) + len(_TST_INFO) :]
    return _content(_content(content))


def _content(der: bytes) -> bytes:
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    return der[start : start + length]


def _der(token: bytes) -> bytes:
    """A granted TimeStampResp with this token."""
    content = bytes.fromhex("3003020100") + token
    return b"\x30\x82" + len(content).to_bytes(2) + content
