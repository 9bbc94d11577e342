"""Attacks on what records say: their payloads, their signatures, the columns beside them."""

import json
from collections.abc import Callable

from tests.attack_rebuild import Said, a_stranger, rebuild, the_owner
from tests.attack_tools import (
    Attack,
    append,
    changed,
    edit,
    edit_row,
    follow_up,
    put_payload,
    record_of,
)
from tests.attack_world import OTHER, STRANGER, World
from tests.builders import ORIGIN
from warehouse.checks.findings import Place
from warehouse.record import encode
from warehouse.rows import Row

GENESIS = Place(ORIGIN, 0)
PROD_4 = Place(ORIGIN, 4, "prod")
NEWEST = Place(ORIGIN, 20, "prod")


def a_byte_of_a_payload(world: World) -> None:
    payload = record_of(world, 4).payload.replace(b'"users":121', b'"users":101')
    edit_row(world, 4, lambda row: row.update(payload=payload))


def a_payload_and_its_columns(world: World) -> None:
    put_payload(world, 4, record_of(world, 4).payload.replace(b'"users":121', b'"users":101'))


def fewer_users(said: list[Said]) -> None:
    said[4].content["stats"]["users"] = 101


def all_hashes_without_a_key(world: World) -> None:
    rebuild(world, fewer_users)


def all_by_the_owner(world: World) -> None:
    rebuild(world, fewer_users, by=the_owner)


def all_by_a_stranger(world: World) -> None:
    rebuild(world, fewer_users, by=a_stranger)


def a_new_beginning(world: World) -> None:
    def change(said: list[Said]) -> None:
        fewer_users(said)
        said[0].content["public_key"] = STRANGER.public_key.spki_base64
        # No rotation: one key is enough for who has but one.
        del said[9]

    rebuild(world, change, by=a_stranger)
    # His key lies beside the history, as it would in a bundle.
    (world.root / "ledger.pub.pem").write_text(STRANGER.public_key.pem)
    (world.root / "ledger.vkey").write_text(STRANGER.public_key.vkey(ORIGIN))


def a_new_beginning_for_who_knows_nothing_else(world: World) -> None:
    a_new_beginning(world)
    world.remembers, world.anchors = False, None


def one_record_by_a_stranger(world: World) -> None:
    put_payload(world, 4, record_of(world, 4).payload, STRANGER)


def no_signature(world: World) -> None:
    edit_row(world, 4, lambda row: row.update(signature=b""))


def a_longer_signature(world: World) -> None:
    edit_row(world, 4, lambda row: row.update(signature=row["signature"] + b"\x00"))


def a_longer_signature_in_der(world: World) -> None:
    edit_row(world, 1, lambda row: row.update(signature=row["signature"] + b"\x00"), OTHER)


def the_signature_of_another_record(world: World) -> None:
    signature = record_of(world, 5).signature
    edit_row(world, 4, lambda row: row.update(signature=signature))


def a_row_that_nobody_signed(world: World) -> None:
    append(world, follow_up(world), signature=b"", head_by=())


def a_time_in_no_calendar(world: World) -> None:
    never = "0001-01-01T00:00:00+23:00"
    payload = changed(record_of(world, 19).payload, taken_at=never, db_time=never)
    edit_row(world, 19, lambda row: row.update(payload=payload))


def written(spoil: Callable[[bytes], bytes]) -> Callable[[World], None]:
    """Let the owner sign bytes that no record may have, in a commit of their own."""

    def attack(world: World) -> None:
        like = follow_up(world)
        append(world, spoil(encode(like)), like=like)

    return attack


def with_(old: bytes, new: bytes) -> Callable[[World], None]:
    def spoil(payload: bytes) -> bytes:
        assert old in payload
        return payload.replace(old, new, 1)

    return written(spoil)


def another_order(payload: bytes) -> bytes:
    content = json.loads(payload)
    return json.dumps(dict(reversed(content.items())), separators=(",", ":")).encode()


def stats_with(change: Callable[[dict[str, float | None]], object]) -> Callable[[World], None]:
    def attack(world: World) -> None:
        def edit_stats(row: Row) -> None:
            stats = dict(row["stats"])
            change(stats)
            row["stats"] = list(stats.items())

        edit_row(world, 4, edit_stats)

    return attack


# fmt: off
UNWRITABLE = {
    "a key is there twice": with_(b'"users":120', b'"users":1,"users":120'),
    "a number is too large for some": with_(b'"users":120', b'"users":9007199254740993'),
    "a number is a float": with_(b'"users":120', b'"users":120.0'),
    "a number has an exponent": with_(b'"users":120', b'"users":12e1'),
    "there is white space": with_(b'"users":', b'"users": '),
    "keys are in another order": written(another_order),
    "a letter is escaped": with_(b'"unleash"', b'"\\u0075nleash"'),
    "a field is there that no record has": with_(b'"type"', b'"typed":1,"type"'),
    "a field is not there": with_(b'"remarks":{},', b""),
    "it is of no kind that there is": with_(b"snapshot/v1", b"snapshot/v9"),
}
COLUMNS = {
    "a typed column is edited": edit(4, version_oss="9.9.9"),
    "a typed column is emptied": edit(4, seq=None),
    "a clock in a column is emptied": edit(4, db_time=None),
    "a missing value becomes null": stats_with(lambda stats: stats.update(missing=None)),
    "a missing value becomes zero": stats_with(lambda stats: stats.update(missing=0)),
    "a value becomes null": stats_with(lambda stats: stats.update(users=None)),
    "a value becomes zero": stats_with(lambda stats: stats.update(users=0)),
    "a value is left out": stats_with(lambda stats: stats.pop("users")),
    "all values become null": edit(4, stats=None),
    "no remark becomes null": edit(4, remarks=None),
    "a remark is made": edit(4, remarks=[("users", "one left out")]),
}
ATTACKS = (
    Attack("a byte of a payload is changed", a_byte_of_a_payload,
           "PAYLOAD_SIG_INVALID ROOT_MISMATCH PREV_MISMATCH HEADS_MISMATCH ROW_MISMATCH FORK"
           " UNANCHORED", PROD_4, fast="ROOT_MISMATCH FORK UNANCHORED"),
    Attack("a payload is edited with its columns", a_payload_and_its_columns,
           "PAYLOAD_SIG_INVALID ROOT_MISMATCH PREV_MISMATCH HEADS_MISMATCH FORK UNANCHORED",
           PROD_4, fast="ROOT_MISMATCH FORK UNANCHORED"),
    Attack("every hash is computed again, without a key", all_hashes_without_a_key,
           "PAYLOAD_SIG_INVALID CHECKPOINT_SIG_INVALID FORK UNANCHORED", PROD_4,
           fast="CHECKPOINT_SIG_INVALID FORK UNANCHORED"),
    Attack("the owner signs all of it again", all_by_the_owner, "FORK UNANCHORED", Place(ORIGIN),
           fast="FORK UNANCHORED"),
    Attack("a stranger signs all of it again", all_by_a_stranger,
           "KEY_UNTRUSTED GENESIS_MISMATCH CHECKPOINT_SIG_INVALID FORK ANCHOR_INVALID"
           " UNANCHORED", GENESIS,
           fast="KEY_UNTRUSTED GENESIS_MISMATCH CHECKPOINT_SIG_INVALID FORK ANCHOR_INVALID"
           " UNANCHORED"),
    Attack("a stranger begins it anew", a_new_beginning,
           "KEY_UNTRUSTED TIME_AFTER_ANCHOR ROLLBACK FORK ANCHOR_INVALID UNANCHORED", GENESIS,
           fast="KEY_UNTRUSTED ROLLBACK FORK ANCHOR_INVALID UNANCHORED"),
    Attack("a stranger begins it anew, for who has nothing else but a key",
           a_new_beginning_for_who_knows_nothing_else, "KEY_UNTRUSTED UNANCHORED", GENESIS,
           fast="KEY_UNTRUSTED UNANCHORED", status="untrusted"),
    Attack("a stranger signs one record again", one_record_by_a_stranger, "KEY_UNTRUSTED", PROD_4,
           status="untrusted"),
    Attack("the key of a record is another by name", edit(4, key_id=bytes(32)), "KEY_UNTRUSTED",
           PROD_4, status="untrusted"),
    Attack("a signature is taken away", no_signature, "PAYLOAD_SIG_INVALID", PROD_4),
    Attack("a signature is that of another record", the_signature_of_another_record,
           "PAYLOAD_SIG_INVALID", PROD_4),
    Attack("a signature has a byte more", a_longer_signature, "PAYLOAD_SIG_INVALID", PROD_4),
    Attack("a signature in DER has a byte more", a_longer_signature_in_der, "PAYLOAD_SIG_INVALID",
           Place(OTHER, 1, "shop")),
    Attack("a row is added that nobody signed", a_row_that_nobody_signed,
           "PAYLOAD_SIG_INVALID UNCHECKPOINTED_TAIL UNANCHORED", NEWEST,
           fast="UNCHECKPOINTED_TAIL UNANCHORED"),
    *(Attack(story, does, "PAYLOAD_NOT_CANONICAL UNANCHORED", NEWEST, fast="UNANCHORED")
      for story, does in UNWRITABLE.items()),
    Attack("a newline follows", written(lambda payload: payload + b"\n"),
           "TRAILING_DATA UNANCHORED", NEWEST, fast="UNANCHORED"),
    Attack("the same follows once more", written(lambda payload: payload * 2),
           "TRAILING_DATA UNANCHORED", NEWEST, fast="UNANCHORED"),
    Attack("a time is in no calendar", a_time_in_no_calendar,
           "PAYLOAD_SIG_INVALID ROOT_MISMATCH ROW_MISMATCH FORK", Place(ORIGIN, 19, "prod"),
           fast="ROOT_MISMATCH FORK"),
    *(Attack(story, does, "ROW_MISMATCH", PROD_4)
      for story, does in COLUMNS.items()),
    Attack("a kind in a column is edited", edit(9, type="tallybook/heads/v1"), "ROW_MISMATCH",
           Place(ORIGIN, 9)),
    Attack("a place in a column is edited", edit(4, index=2), "PAYLOAD_FIELD_MISMATCH", PROD_4),
    Attack("a log in a column is edited", edit(4, log=OTHER), "PAYLOAD_FIELD_MISMATCH", PROD_4),
)
# fmt: on
