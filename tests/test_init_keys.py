"""The keys that `tallybook init` makes: algorithm, passphrase, and who may revoke them."""

from pathlib import Path

import pytest

from etl.signing import load_key
from tests.command import tallybook
from tests.histories import History
from tests.key_holders import short_id, shown, signers, told
from warehouse.payload import Genesis

pytestmark = pytest.mark.slow

NOWHERE = "postgresql://me@127.0.0.1/unleash"


def test_init_names_a_recovery_key_and_an_algorithm(tmp_path: Path) -> None:
    tallybook("keys", "new", "recovery.pem", cwd=tmp_path)

    made = tallybook(
        *("init", "tally", "--source", f"prod={NOWHERE}", "--algorithm", "ecdsa-p256-sha256"),
        *("--recovery-key", "recovery.pub.pem"),
        cwd=tmp_path,
    )

    history = History(tmp_path / "tally")
    (genesis,) = history.payloads()
    recovery = load_key(tmp_path / "recovery.pem").public_key
    assert (made.code, made.err) == (0, "")
    assert isinstance(genesis, Genesis)
    assert genesis.algorithm == "ecdsa-p256-sha256"
    assert genesis.public_key == load_key(history.key).public_key.spki_base64
    assert genesis.recovery_key == recovery.spki_base64
    again = history.run("keys", "recovery", "--create", "another.pem")
    assert again.err.startswith(f"error: {genesis.log!r} has a recovery key already: ")
    assert history.verdict() == (0, "intact")


def test_init_takes_no_private_key_for_a_public_one(tmp_path: Path) -> None:
    tallybook("keys", "new", "recovery.pem", cwd=tmp_path)

    ran = tallybook(
        *("init", "tally", "--source", f"prod={NOWHERE}", "--recovery-key", "recovery.pem"),
        cwd=tmp_path,
    )

    assert (ran.code, ran.out) == (12, "")
    assert ran.err.startswith("error: 'recovery.pem' is not a public key in PEM form\n")
    assert not (tmp_path / "tally").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--passphrase-file", "secret"], 'passphrase_file = "{}/secret"'),
        (["--passphrase-env", "TALLY_SECRET"], 'passphrase_env = "TALLY_SECRET"'),
    ],
)
def test_init_locks_the_key_and_writes_down_only_where_the_passphrase_is(
    tmp_path: Path, words: list[str], line: str
) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    env = {"TALLY_SECRET": "correct horse"}

    made = tallybook(
        *("init", "tally", "--source", f"prod={NOWHERE}", *words), cwd=tmp_path, env=env
    )

    history = History(tmp_path / "tally")
    settings = (history.folder / "tallybook.toml").read_text()
    assert (made.code, made.err) == (0, "")
    assert line.format(tmp_path) in settings.splitlines()
    assert "horse" not in settings + made.out
    assert short_id(history.key, b"correct horse") == signers(history)[0]
    healthy = history.run("doctor", env=env)
    assert "in force, closed to others, with a passphrase; no recovery key" in healthy.out
    assert told(history.run("keys", "rotate", "--json", env=env))["index"] == 1
    assert short_id(history.key, b"correct horse") == shown(history)[-1][0]


def test_without_its_passphrase_a_key_signs_nothing(tmp_path: Path) -> None:
    words = ("init", "tally", "--source", f"prod={NOWHERE}", "--passphrase-env", "TALLY_SECRET")
    tallybook(*words, cwd=tmp_path, env={"TALLY_SECRET": "correct horse"})
    history = History(tmp_path / "tally")

    without = history.run("keys", "rotate")
    wrong = history.run("keys", "rotate", env={"TALLY_SECRET": "battery staple"})

    assert (without.code, wrong.code) == (12, 12)
    assert without.err.startswith("error: the environment variable TALLY_SECRET holds no passphra")
    assert wrong.err.startswith(
        f"error: the passphrase does not open the signing key '{history.key}'"
    )
    assert len(history.payloads()) == 1
