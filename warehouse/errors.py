"""Everything that can go wrong on purpose.

    Failure                       what every front door catches              exit  1
      BadInput                    an argument that cannot be meant                 2
        BadSettings               tallybook.toml says what it cannot mean          2
      CredentialFailure           a key or password that cannot be used           12
        KeyUnusable               the signing key: missing, open to others, …     12
      SourceFailure               the source database                              1
        SourceUnreachable         nobody answers, or the line was cut             14
        SourceBusy                it answers, and asks to be read again            1
        SourceRefused             it answers, and does not let us in              12
        NotUnleash                it answers, and is no Unleash database           1
      LedgerFailure               the store itself                                 1
        NoWarehouse               no warehouse in this folder                     10
        Locked                    somebody else is writing                        11
        WarehouseBehindSigner     the warehouse lost records that were signed      1
        SignerBehindWarehouse     the signer forgot records that it signed         1
        CannotStore               disk full, read-only, not ours                   1
        Unfoldable                records that cannot be sealed stay as they are   1
      EmbeddedPostgresFailure     the demo's own server (etl/demo)                 1
        PortTaken                 somebody else was quicker to the port            1
      QueryFailure                SQL that cannot be answered                      1
      NoSnapshot                  nothing recorded of that source, or not yet      1
      BrokenHistory               stored bytes disagree with what was signed      13
        NotCanonical              bytes that are not the one encoding             13
          TrailingData            bytes after the end of what is one              13
        Unreadable                a file that should hold records is damaged      13
        MalformedNote             a text that is no signed note or checkpoint     13
        MalformedProof            a text that is no proof of inclusion            13
        Unprovable                the history does not bear a proof out           13
        BadArchive                a zip file that holds what cannot be meant      13
        BadTimestamp              an authority's answer that proves nothing       13
          UnknownAuthority        an authority that nobody here trusts            13
      CannotListen                the daemon's address is taken                    1
      CannotSend                  an alert that not everybody took                 1
      Unexpected                  a defect of ours, in a run of the daemon's       1

A message says what happened, to which thing, with the values in hand. `hint`
says what to do next; only the command line prints it. `exit_code` is what the
command ends with.
"""


class Failure(Exception):
    """Something went wrong that a user can understand and mend."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class BadInput(Failure):
    """An argument that cannot be meant."""

    exit_code = 2


class BadSettings(BadInput):
    """The settings file says what it cannot mean, or is not there."""


class CredentialFailure(Failure):
    """A key or a password that cannot be used."""

    exit_code = 12


class KeyUnusable(CredentialFailure):
    """The key is missing, damaged, of an unknown kind, or readable by others."""


class SourceFailure(Failure):
    """The source database could not be read. `reason` says why, without saying which."""

    def __init__(self, message: str, *, hint: str | None = None, reason: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason or message


class SourceUnreachable(SourceFailure):
    """Nobody answers at the address, or the connection was cut."""

    exit_code = 14


class SourceBusy(SourceFailure):
    """The server answers, and asks to be read again: a conflict, or too many at once."""


class SourceRefused(SourceFailure):
    """The server answers and does not let us in."""

    exit_code = 12


class NotUnleash(SourceFailure):
    """The database answers and is not one that Unleash made."""


class LedgerFailure(Failure):
    """The store itself."""


class NoWarehouse(LedgerFailure):
    """There is no warehouse in this folder."""

    exit_code = 10


class Locked(LedgerFailure):
    """Another process is writing, and did not finish in time."""

    exit_code = 11


class WarehouseBehindSigner(LedgerFailure):
    """The warehouse lacks records that the signer has already signed."""


class SignerBehindWarehouse(LedgerFailure):
    """The warehouse holds records that the signer does not remember signing."""


class CannotStore(LedgerFailure):
    """The disk is full, the folder read-only or not ours; nothing was written."""


class QueryFailure(Failure):
    """SQL that cannot be answered, in the words of the database."""


class BrokenHistory(Failure):
    """Stored bytes disagree with what was signed."""

    exit_code = 13
