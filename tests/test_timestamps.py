"""Timestamps of a real authority: what counts, and everything that does not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.tsa import Authority, an_authority, query_for
from warehouse.errors import BadInput
from warehouse.timestamps import (
    Authorities,
    BadTimestamp,
    UnknownAuthority,
    authorities_in,
    read_authorities,
    verify_timestamp,
)

NOTE = b"example.com/tallybook\n2\nAAAA\n\n\xe2\x80\x94 example.com/tallybook AAAA\n"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return an_authority(tmp_path_factory.mktemp("tsa") / "ca")


@pytest.fixture(scope="module")
def trusted(authority: Authority) -> Authorities:
    return read_authorities([authority.ca])


@pytest.fixture(scope="module")
def answer(authority: Authority) -> bytes:
    return authority.stamp(NOTE)


def refusal_of(answer: bytes, trusted: Authorities, message: bytes = NOTE) -> str:
    with pytest.raises(BadTimestamp) as refusal:
        verify_timestamp(answer, message, trusted)
    return str(refusal.value)


def is_recent(at: datetime) -> bool:
    return abs(at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_timestamp_says_when(answer: bytes, trusted: Authorities) -> None:
    at = verify_timestamp(answer, NOTE, trusted)

    assert at.tzinfo == UTC
    assert is_recent(at)


def test_a_certificate_that_expired_since_was_valid_then(
    authority: Authority, trusted: Authorities
) -> None:
    signer = authority.issue("retired", begins=-10 * DAY, ends=-5 * DAY)
    then = datetime.now(UTC).replace(microsecond=0) - 7 * DAY

    at = verify_timestamp(authority.forged(NOTE, signer, at=then), NOTE, trusted)

    assert at == then


def test_a_chain_of_authorities_ends_at_the_root(authority: Authority) -> None:
    between = authority.issue("between", usage=None, may_issue=True)
    lower = replace(authority, name=between)
    lower.issue("lower-tsa")
    root = read_authorities([authority.ca])
    known = read_authorities([authority.ca, lower.ca])

    # The leaf is longer, and stands first: DER would have it last.
    with_chain = authority.stamp(NOTE, "lower-tsa", chain=lower.ca)
    without = authority.stamp(NOTE, "lower-tsa")

    assert is_recent(verify_timestamp(with_chain, NOTE, root))
    assert is_recent(verify_timestamp(without, NOTE, known))
    assert refusal_of(without, root) == "unable to get local issuer certificate"
    assert refusal_of(with_chain, read_authorities([lower.ca])) == (
        "no root certificate is trusted that it could be checked with"
    )


def test_a_timestamp_of_another_note(answer: bytes, trusted: Authorities) -> None:
    assert refusal_of(answer, trusted, NOTE + b"\n") == "Mismatch between messages"


def test_the_answer_to_another_question(answer: bytes, trusted: Authorities) -> None:
    with pytest.raises(BadTimestamp, match="Nonce mismatch"):
        verify_timestamp(answer, NOTE, trusted, nonce=1)


@pytest.mark.parametrize("brings_its_own", [False, True])
def test_an_authority_that_nobody_trusts(
    trusted: Authorities, tmp_path: Path, brings_its_own: bool
) -> None:
    other = an_authority(tmp_path / "other", "other")
    answer = other.stamp(NOTE, chain=other.ca if brings_its_own else None)

    with pytest.raises(UnknownAuthority, match=r"self-signed|unable to get local issuer"):
        verify_timestamp(answer, NOTE, trusted)


def test_nobody_is_trusted(answer: bytes) -> None:
    with pytest.raises(UnknownAuthority, match="no root certificate is trusted"):
        verify_timestamp(answer, NOTE, Authorities())


def test_who_vouches_for_himself_is_not_trusted_for_it(
    authority: Authority, trusted: Authorities
) -> None:
    authority.openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=himself", "-keyout", "himself.key", "-out", "himself.pem"),
        *("-addext", "extendedKeyUsage = critical,timeStamping"),
    )

    with pytest.raises(UnknownAuthority, match="self-signed certificate"):
        verify_timestamp(authority.stamp(NOTE, "himself"), NOTE, trusted)


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [
        (-10, -5, "certificate has expired"),
        (5, 10, "certificate is not yet valid"),
    ],
)
def test_a_certificate_that_was_not_valid_at_that_time(
    authority: Authority, trusted: Authorities, begins: int, ends: int, reason: str
) -> None:
    signer = authority.issue(f"not-then-{begins}", begins=begins * DAY, ends=ends * DAY)

    assert refusal_of(authority.stamp(NOTE, signer), trusted).startswith(reason)


@pytest.mark.parametrize(
    "usage",
    [None, "timeStamping", "critical,serverAuth", "critical,timeStamping,emailProtection"],
)
def test_a_certificate_that_is_not_for_timestamps_alone(
    authority: Authority, trusted: Authorities, usage: str | None
) -> None:
    signer = authority.issue("other-purpose", usage)

    assert refusal_of(authority.forged(NOTE, signer), trusted) == "unsuitable certificate purpose"


def test_a_time_that_was_changed_later(answer: bytes, trusted: Authorities) -> None:
    place = answer.index(b"\x18\x0f") + 2
    earlier = answer[:place] + b"2001" + answer[place + 4 :]

    assert refusal_of(earlier, trusted).startswith("certificate is not yet valid")


def test_a_second_that_was_changed_later(answer: bytes, trusted: Authorities) -> None:
    place = answer.index(b"\x18\x0f") + 2 + len("20260101000000")
    digit = b"1" if answer[place - 1 : place] != b"1" else b"2"
    other = answer[: place - 1] + digit + answer[place:]

    assert refusal_of(other, trusted) == "signature failure"


def test_no_flipped_byte_is_of_use_to_anybody(answer: bytes, trusted: Authorities) -> None:
    at = verify_timestamp(answer, NOTE, trusted)

    taken = dict(flips_that_are_taken(answer, trusted))

    # Names of algorithms that nobody reads twice: what is proved is the same.
    assert set(taken.values()) <= {at}
    assert len(taken) < len(answer) / 50


def flips_that_are_taken(answer: bytes, trusted: Authorities) -> Iterator[tuple[int, datetime]]:
    for place in range(len(answer)):
        flipped = bytearray(answer)
        flipped[place] ^= 0xFF
        try:
            yield place, verify_timestamp(bytes(flipped), NOTE, trusted)
        except BadTimestamp:
            continue


@pytest.mark.parametrize("content", [b"", b"0", b"\x30\x00", b"<html>Not here</html>", NOTE])
def test_what_is_no_timestamp_at_all(content: bytes, trusted: Authorities) -> None:
    assert refusal_of(content, trusted) == "it is no time-stamp response"


def test_half_a_timestamp(answer: bytes, trusted: Authorities) -> None:
    assert refusal_of(answer[: len(answer) // 2], trusted) == "it is no time-stamp response"
    assert refusal_of(answer + b"\x00", trusted) == "it is no time-stamp response"


def test_a_query_that_was_not_granted(authority: Authority, trusted: Authorities) -> None:
    refused = authority.answer(query_for(NOTE)[:-5])

    assert refusal_of(refused, trusted) == (
        "the authority did not grant it: status 2, 'Bad request format or system error.'"
    )


def test_a_pem_file_without_certificates(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n")

    with pytest.raises(BadInput) as refusal:
        read_authorities([file])

    assert str(refusal.value) == f"'{file}' has no certificate in it"
    assert authorities_in(file.read_bytes()) == Authorities()


def test_a_malformed_certificate(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nMCow\n-----END CERTIFICATE-----\n")

    with pytest.raises(BadInput, match="has a malformed certificate"):
        read_authorities([file])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refusal:
        read_authorities([tmp_path / "ca.pem"])

    assert str(refusal.value) == (
        f"cannot read certificates '{tmp_path}/ca.pem': no such file or directory"
    )
