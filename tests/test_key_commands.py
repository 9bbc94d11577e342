"""`tallybook keys`, through the installed command: what each says, makes and refuses."""

import shutil
from pathlib import Path

import pytest

from etl.keys.cli import algorithm_choice
from etl.settings import load_settings
from etl.signing import load_key
from tests.command import tallybook
from tests.histories import ORIGIN, History, a_history
from tests.key_holders import short_id, shown, signers, told
from warehouse.keys import ALGORITHMS, parse_vkey, read_public_key
from warehouse.note import parse_checkpoint

pytestmark = pytest.mark.slow

NOWHERE = "postgresql://me@127.0.0.1/unleash"
MOVE_IT = (
    "note: now move its private half to where this machine cannot reach it. Whoever has it can "
    "take over the log; without it, nobody can revoke a key.\n"
)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return a_history(tmp_path / "tally", prod=NOWHERE)


def test_the_choice_is_that_of_the_product() -> None:
    assert tuple(algorithm_choice.choices) == ALGORITHMS


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_pair_is_for_its_owner_alone(tmp_path: Path, algorithm: str) -> None:
    ran = tallybook("keys", "new", "next.pem", "--algorithm", algorithm, cwd=tmp_path)

    key = load_key(tmp_path / "next.pem").public_key
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"Made next.pem and next.pub.pem: {algorithm}, key {key.key_id}\n"
    assert key.algorithm == algorithm
    assert read_public_key(tmp_path / "next.pub.pem").key_id == key.key_id
    assert (tmp_path / "next.pem").stat().st_mode & 0o777 == 0o600


def test_a_new_pair_may_have_a_passphrase(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    words = ("keys", "new", "--json")

    by_file = tallybook(*words, "a.pem", "--passphrase-file", "secret", cwd=tmp_path)
    by_name = tallybook(
        *words, "b.pem", "--passphrase-env", "SECRET", cwd=tmp_path, env={"SECRET": "battery"}
    )

    assert told(by_file) == {
        "private": "a.pem",
        "public": "a.pub.pem",
        "algorithm": "ed25519",
        "key_id": load_key(tmp_path / "a.pem", b"correct horse").public_key.key_id,
    }
    assert told(by_name)["key_id"] == load_key(tmp_path / "b.pem", b"battery").public_key.key_id


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["there.pem"], 2,
            "error: 'there.pem' exists already; nothing was changed\n"
            "hint: Name another file; keys are never overwritten.\n",
        ),
        (
            ["new.pem", "--passphrase-file", "nowhere"], 12,
            "error: cannot read the passphrase in 'nowhere': no such file or directory\n"
            "hint: It holds the passphrase or PIN of the signing key.\n",
        ),
        (
            ["new.pem", "--passphrase-env", "NOWHERE"], 12,
            "error: the environment variable NOWHERE holds no passphrase\n"
            "hint: It is empty, or not there: put the passphrase or PIN of the signing key into "
            "it.\n",
        ),
        (
            ["no/new.pem"], 1,
            "error: cannot write 'no/new.pem': no such file or directory\n",
        ),
    ],
)  # fmt: skip
def test_a_pair_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    (tmp_path / "there.pem").write_text("precious")

    ran = tallybook("keys", "new", *words, cwd=tmp_path)

    assert (ran.code, ran.out, ran.err) == (code, "", said)
    assert [path.name for path in tmp_path.iterdir()] == ["there.pem"]


def test_two_ways_to_a_passphrase_are_one_too_many(tmp_path: Path) -> None:
    ran = tallybook(
        *("keys", "new", "a.pem", "--passphrase-file", "x", "--passphrase-env", "Y"), cwd=tmp_path
    )

    assert ran.code == 2
    assert ran.err.endswith("Error: --passphrase-file and --passphrase-env: give one of them\n")


def test_a_log_with_one_key_shows_it_as_other_tools_read_it(history: History) -> None:
    ran = history.run("keys", "show")

    key = read_public_key(history.folder / "ledger.pub.pem")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f"origin     {ORIGIN}\n"
        "algorithm  ed25519\n"
        f"key_id     {key.key_id}\n"
        f"vkey       {key.vkey(ORIGIN)}\n"
        f"{key.pem}"
    )


def test_a_log_with_several_keys_shows_who_signed_what(history: History) -> None:
    history.run("keys", "recovery", "--create", "recovery.pem")
    history.run("keys", "rotate")
    history.run("keys", "rotate", "--algorithm", "ecdsa-p256-sha256")

    ran = history.run("keys", "show")

    first, second, third = (
        read_public_key(history.folder / f"ledger{number}.pub.pem") for number in ("", "-2", "-3")
    )
    recovery = read_public_key(history.folder / "recovery.pub.pem")
    assert ran.out == (
        f"origin     {ORIGIN}\n"
        f"recovery   {recovery.key_id}\n"
        "\nkey 1      records 0 to 2\n"
        "algorithm  ed25519\n"
        f"key_id     {first.key_id}\n"
        f"vkey       {first.vkey(ORIGIN)}\n"
        "\nkey 2      records 3 to 3\n"
        "algorithm  ed25519\n"
        f"key_id     {second.key_id}\n"
        f"vkey       {second.vkey(ORIGIN)}\n"
        "\nkey 3      in force since record 4\n"
        "algorithm  ecdsa-p256-sha256\n"
        f"key_id     {third.key_id}\n"
        f"vkey       {third.vkey(ORIGIN)}\n"
        "\nThe first one is the log's identity, and what auditors trust:\n"
        f"\n{first.pem}"
    )


def test_who_has_only_the_public_key_is_shown_that(history: History) -> None:
    shutil.rmtree(history.warehouse)

    facts = told(history.run("keys", "show", "--json"))

    assert facts["keys"] == []
    origin, key = parse_vkey(str(facts["vkey"]), named="vkey")
    assert (origin, key.key_id) == (ORIGIN, facts["key_id"])


def test_a_rotation_says_where_everything_is(history: History) -> None:
    old = load_key(history.key).public_key.key_id

    ran = history.run("keys", "rotate")

    new = load_key(history.key).public_key.key_id
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f"From record 2 on, {new} (ed25519) signs.\n"
        f"Its public half is in {history.folder}/ledger-2.pub.pem "
        f"and {history.folder}/ledger-2.vkey.\n"
        f"The old private key is in {history.key}.retired-{old[:8]}.\n"
    )


def test_a_change_of_keys_is_anchored_at_once(history: History, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    settings = history.folder / "tallybook.toml"
    table = f'[anchor.offsite]\nkind = "file"\nfolder = "{tmp_path / "elsewhere"}"\n'
    settings.write_text(settings.read_text() + table)

    rotated = history.run("keys", "rotate")
    (tmp_path / "elsewhere").rename(tmp_path / "away")
    again = history.run("keys", "rotate")

    (note,) = (tmp_path / "away").iterdir()
    assert (rotated.code, rotated.err) == (0, "")
    assert parse_checkpoint(note.read_text()).size == 2
    assert again.code == 0
    assert again.err.startswith("warning: anchor 'offsite' (file) did not take the newest checkpoi")


def test_a_rotation_elsewhere_says_what_the_settings_have_to_say(
    history: History, tmp_path: Path
) -> None:
    history.run("keys", "new", "other.pem")
    other = history.folder / "other.pem"

    ran = history.run("keys", "rotate", "--to", "other.pem")
    early = history.run("doctor")
    again = history.run("keys", "rotate", "--to", "other.pem")
    history.set(signing_key="other.pem")

    assert ran.code == 0
    assert ran.err == (
        f"note: nothing more is signed until {history.folder}/tallybook.toml says:\n"
        f'    signing_key = "{other}"\n'
    )
    assert early.code == 1
    assert again.code == 12
    assert again.err.startswith(f"error: the key in force of {ORIGIN!r} is ")
    assert told(history.run("keys", "rotate", "--json"))["index"] == 2
    assert load_settings(history.folder / "tallybook.toml").signing_key.file == other
    assert history.verdict() == (0, "intact")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--to x.pem --algorithm ed25519",
         "error: --algorithm is for a new key, and --to names one that is there\n"),
        ("--passphrase-env X",
         "error: a passphrase can be given only for a key that --to names\n"),
        ("--to pkcs11:object=o?module-path=/m&pin-value=1234",
         "error: --to: the pkcs11 address has a pin-value, and no secret may stand there\n"
         "hint: Put the PIN into a file and name it: pin-source=/path/of/file, "
         "or set passphrase_file or passphrase_env.\n"),
    ],
)  # fmt: skip
def test_a_rotation_that_cannot_be_meant_is_refused(
    history: History, words: str, said: str
) -> None:
    ran = history.run("keys", "rotate", *words.split())

    assert (ran.code, ran.out, ran.err) == (2, "", said)
    assert len(history.payloads()) == 1


def test_a_recovery_key_is_made_named_and_to_be_moved(history: History) -> None:
    ran = history.run("keys", "recovery", "--create", "recovery.pem")
    again = history.run("keys", "recovery", "--create", "another.pem")

    key = load_key(history.folder / "recovery.pem").public_key
    assert (ran.code, ran.err) == (0, MOVE_IT)
    assert ran.out == f"Record 1: the recovery key is {key.key_id} (ed25519).\n"
    assert (again.code, again.out) == (12, "")
    assert again.err.startswith(f"error: {ORIGIN!r} has a recovery key already: {key.key_id}\n")
    assert not (history.folder / "another.pem").exists()
    assert f"recovery key {key.key_id[:16]}…" in history.run("doctor").out


@pytest.mark.parametrize("words", ["", "a.pem --create b.pem", "a.pem --algorithm ed25519"])
def test_a_recovery_key_is_either_there_or_made(history: History, words: str) -> None:
    ran = history.run("keys", "recovery", *words.split())

    assert ran.code == 2
    assert ran.err.endswith("Error: expected FILE, or --create FILE with or without --algorithm\n")


def test_a_stolen_key_is_revoked_from_where_it_was_stolen(history: History) -> None:
    stolen = short_id(history.key)
    history.run("keys", "recovery", "--create", "recovery.pem")

    ran = history.run(
        *("keys", "revoke", stolen.upper(), "--recovery-key", "recovery.pem", "--from-index", "1")
    )

    new = load_key(history.key).public_key.key_id
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert lines[0].startswith(f"Record 2: {stolen}")
    assert lines[0].endswith(
        " is revoked from record 1 on; 1 record(s) that it signed count no more, "
        "and verify says so."
    )
    assert lines[1] == f"From record 3 on, {new} (ed25519) signs."
    assert shown(history) == [(stolen, 0, 1, 1), (new[:8], 3, None, None)]
    verified = history.run("verify")
    assert verified.code == 13
    assert "KEY_REVOKED" in verified.out


def test_a_lost_key_is_revoked_without_it(history: History) -> None:
    lost = short_id(history.key)
    history.run("keys", "recovery", "--create", "recovery.pem")
    history.key.unlink()

    facts = told(history.run("keys", "revoke", lost, "--recovery-key", "recovery.pem", "--json"))

    assert (facts["index"], facts["from_index"], facts["lost"]) == (2, 2, 0)
    assert signers(history) == [lost, lost, short_id(history.folder / "recovery.pem")]
    assert history.run("doctor").out.splitlines()[1].startswith("  ok       signing key")
    assert history.verdict() == (0, "intact")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("00000000 --recovery-key recovery.pem", 2,
         "error: no keys of this log begin with '00000000'\n"),
        ("1234 --recovery-key recovery.pem", 2,
         "error: '1234' names no key: expected 8 hex digits of its id or more\n"),
        ("FIRST --recovery-key recovery.pem --from-index 9", 2,
         "error: the key cannot be revoked from record 9 on: "
         "the log has 2 records, so expected 0 to 2\n"),
        ("FIRST --recovery-key other.pem", 12,
         f"error: the recovery key of {ORIGIN!r} is "),
        ("FIRST --recovery-key nowhere.pem", 12, "error: there is no signing key 'nowhere.pem'\n"),
    ],
)  # fmt: skip
def test_a_revocation_that_cannot_be_meant_is_refused(
    history: History, words: str, code: int, said: str
) -> None:
    history.run("keys", "recovery", "--create", "recovery.pem")
    history.run("keys", "new", "other.pem")

    ran = history.run("keys", "revoke", *words.replace("FIRST", short_id(history.key)).split())

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(said)
    assert len(history.payloads()) == 2
