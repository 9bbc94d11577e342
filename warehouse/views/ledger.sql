-- Every record as it was signed, one row each.
SELECT
    log,                                      -- Origin of the log, such as example.com/tallybook
    index,                                    -- Position in the log, from 0
    type,                                     -- Kind of record, such as tallybook/snapshot/v1
    instance_id,                              -- Id that the Unleash database gives itself
    instance,                                 -- Name of the source in the settings
    seq,                                      -- Position among the records of this instance, from 0
    recorded_at::TIMESTAMP AS recorded_at,    -- When the record was made, UTC
    payload,                                  -- The signed bytes: JSON in RFC 8785 form
    signature,                                -- Signature over exactly these bytes
    lower(hex(key_id)) AS key_id,             -- SHA-256 of the signer's public key (SPKI DER)
    checkpoint                                -- Signed head of the log (C2SP), with the newest record of a commit
FROM {record_rows}
