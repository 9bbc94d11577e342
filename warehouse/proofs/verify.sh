#!/usr/bin/env bash
# Checks the proof beside it: that the holder of a public key signed this record, and that
# the record is in the log whose signed checkpoint is here too.
#
#     bash verify.sh PUBLIC_KEY.pem
#
# Needs bash, OpenSSL 3 and xxd, and no network. OPENSSL=/path/of/openssl names another one.
# Ends with 0: proved. 1: not proved, and the line FAILED says why. 2: cannot be checked here.
# 3: all fits together, but no key came from elsewhere.

export LC_ALL=C
here=.
case ${BASH_SOURCE[0]} in */*) here=${BASH_SOURCE[0]%/*} ;; esac
openssl=${OPENSSL:-openssl}
record=$here/record.json signature=$here/record.sig proof=$here/record.tlog-proof
note=$here/checkpoint.note given=${1:-$here/key.pem}
dash=$'\342\200\224'
number='^(0|[1-9][0-9]{0,15})$'

ok() {
    printf 'ok      %s\n' "$1"
}

failed() {
    printf 'FAILED  %s\n' "$1"
    exit 1
}

cannot() {
    printf 'error: %s\n' "$1" >&2
    exit 2
}

# The SHA-256 of what comes in, in hex.
sha256() {
    "$openssl" dgst -sha256 -binary | xxd -p -c 32
}

# The bytes of some hex.
bytes() {
    printf '%s' "$1" | xxd -r -p
}

# The hex of some base64; nothing for what is not written as base64 writes it.
decoded() {
    local hex
    hex=$(printf '%s' "$1" | "$openssl" base64 -d -A 2>/dev/null | xxd -p -c 256)
    [ "$(bytes "$hex" | "$openssl" base64 -A)" = "$1" ] && printf '%s' "$hex"
}

# The key in a PEM file, as hex of its SPKI DER.
key_in() {
    "$openssl" pkey -pubin -in "$1" -outform DER 2>/dev/null | xxd -p -c 256
}

# Whether the key given signed a file; the file with the signature comes second.
is_signed() {
    case $algorithm in
    Ed25519) "$openssl" pkeyutl -verify -pubin -inkey "$given" -rawin -in "$1" -sigfile "$2" ;;
    *) "$openssl" dgst -sha256 -verify "$given" -signature "$2" "$1" ;;
    esac >/dev/null 2>&1
}

# The records beside the proof in which one key handed over to the next: index and content.
handovers() {
    local file said index
    for file in "$here"/payloads/*.json; do
        [ -r "$file" ] || continue
        said=$(<"$file") index=${file##*/} index=${index%.json}
        [[ $index =~ $number && $said == *'"type":"tallybook/key/v1"'* ]] || continue
        [[ $said == *'"action":"recovery"'* || $said != *'"public_key":"'* ]] && continue
        printf '%s %s\n' "$index" "$said"
    done
}

# The how many-th key of the log this is, in base64; 1 where no record brought it.
number_of() {
    local index said at=-1 count=1
    while read -r index said; do
        [[ $said == *"\"public_key\":\"$1\""* ]] && at=$index
    done < <(handovers)
    while read -r index said; do
        ((index <= at)) && count=$((count + 1))
    done < <(handovers)
    printf %s "$count"
}

for tool in "$openssl" xxd; do
    command -v "$tool" >/dev/null || cannot "there is no $tool here"
done
case $("$openssl" version) in
OpenSSL\ [3-9].*) ;;
*) cannot "expected OpenSSL 3 or newer, found $("$openssl" version); name another with OPENSSL=" ;;
esac
for file in "$given" "$here/key.pem" "$record" "$signature" "$proof" "$note"; do
    [ -r "$file" ] || cannot "there is no file $file"
done

# --- the key: it decides the algorithm, nothing in the proof does

key=$(key_in "$given")
case $key in
302a300506032b6570032100*) algorithm=Ed25519 ;;
3059301306072a8648ce3d020106082a8648ce3d030107034200*) algorithm='ECDSA P-256' ;;
*) failed "key: $given is no public key in PEM form, Ed25519 or ECDSA P-256" ;;
esac
key_id=$(bytes "$key" | sha256)
needed=$(key_in "$here/key.pem")
if [ "$key" != "$needed" ]; then
    count=$(number_of "$(bytes "$needed" | "$openssl" base64 -A)")
    [ "$count" = 1 ] ||
        failed "key: the record is signed by a later key of this log, number $count, and not by \
$key_id: ask for ledger-$count.pub.pem (README.txt says why)"
    failed "key: the record names another one than $key_id (compare with key.pem)"
fi
ok "key: $algorithm, $key_id"

# --- the record

is_signed "$record" "$signature" || failed "record: not signed by this key"
payload=$(<"$record")
[[ $payload == '{'*'}' ]] || failed "record: no JSON object"
ok "record: signed by this key"

# --- the proof and the checkpoint in it, taken apart and put together again: not a byte more

path=() text='' lines='' signed=0
{
    IFS= read -r header
    IFS= read -r place
    while IFS= read -r line && [ -n "$line" ]; do
        path[${#path[@]}]=$line
        lines=$lines$line$'\n'
    done
    IFS= read -r origin
    IFS= read -r size
    IFS= read -r root
    text=$origin$'\n'$size$'\n'$root$'\n'
    IFS= read -r empty
    signatures=()
    while IFS= read -r line; do
        signatures[${#signatures[@]}]=$line
        signed=$((signed + 1))
    done
} <"$proof"
written=$text$'\n'
for ((i = 0; i < signed; i++)); do
    written=$written${signatures[i]}$'\n'
done
above=$header$'\n'$place$'\n'$lines$'\n'
[ "$header" = 'c2sp.org/tlog-proof@v1' ] || failed "proof: does not begin with c2sp.org/tlog-proof@v1"
[ -z "$empty" ] || failed "proof: its checkpoint has not exactly three lines"
[ "$(printf '%s%s' "$above" "$written" | sha256)" = "$(sha256 <"$proof")" ] ||
    failed "proof: not written as a proof is"
[ "$(printf '%s' "$written" | sha256)" = "$(sha256 <"$note")" ] ||
    failed "proof: its checkpoint is not the one in checkpoint.note"

index=${place#index }
[[ $place == index\ * && $index =~ $number ]] || failed "proof: no line with an index"
[[ $size =~ $number ]] || failed "checkpoint: its size is no plain number"
root_hash=$(decoded "$root")
[ ${#root_hash} = 64 ] || failed "checkpoint: its root is no hash of 32 bytes"
((index < size)) || failed "proof: record $index cannot be among $size records"

# The first member of each name is the record's own: in its canonical form nothing that
# nests comes before them.
pattern='[{,]"index":([0-9]+),'
[[ $payload =~ $pattern ]] && [ "${BASH_REMATCH[1]}" = "$index" ] ||
    failed "place: the record has another index than its proof, $index"
pattern='[{,]"log":"([^"\]+)"'
[[ $payload =~ $pattern ]] && [ "${BASH_REMATCH[1]}" = "$origin" ] ||
    failed "place: the record is of another log than its checkpoint, $origin"
ok "place: record $index of $origin"

# --- the path from the record to the root (RFC 9162, 2.1.3.2)

hash=$({ printf '\000'; xxd -p "$record" | xxd -r -p; } | sha256)
at=$index last=$((size - 1))
for ((i = 0; i < ${#path[@]}; i++)); do
    sibling=$(decoded "${path[i]}")
    [ ${#sibling} = 64 ] || failed "path: line $((i + 1)) is no hash of 32 bytes"
    ((last > 0)) || failed "path: too long for $size records"
    if ((at % 2 == 1 || at == last)); then
        hash=$(bytes "01$sibling$hash" | sha256)
        while ((at > 0 && at % 2 == 0)); do
            at=$((at / 2)) last=$((last / 2))
        done
    else
        hash=$(bytes "01$hash$sibling" | sha256)
    fi
    at=$((at / 2)) last=$((last / 2))
done
((last == 0)) || failed "path: too short for $size records"
[ "$hash" = "$root_hash" ] || failed "path: does not lead from the record to the checkpoint's root"
ok "path: leads from the record to the root over $size records"

# --- the checkpoint: its lines of this log and this key; what others signed is theirs

case $algorithm in
Ed25519) short=$({ printf '%s\n' "$origin"; bytes "01${key#302a300506032b6570032100}"; } | sha256) ;;
*) short=$key_id ;;
esac
# OpenSSL takes an Ed25519 message from a file only. With noclobber nobody can have put one there.
scratch=${TMPDIR:-/tmp}/tallybook-proof.$$.$RANDOM$RANDOM
set -o noclobber
printf '%s' "$text" >"$scratch" || cannot "cannot write $scratch; name another folder with TMPDIR="
trap 'rm -f "$scratch"' EXIT
mine=0
for ((i = 0; i < signed; i++)); do
    line=${signatures[i]}
    [[ $line == "$dash "*' '* ]] || failed "checkpoint: a line after it is no signature"
    name=${line#"$dash "} name=${name%% *}
    encoded=$(decoded "${line#"$dash $name "}")
    [ ${#encoded} -gt 8 ] || failed "checkpoint: a signature is not written as base64"
    [[ $name == "$origin" && ${encoded:0:8} == "${short:0:8}" ]] || continue
    is_signed "$scratch" <(bytes "${encoded:8}") || failed "checkpoint: not signed by this key"
    mine=$((mine + 1))
done
((mine > 0)) || failed "checkpoint: not signed by this key"
ok "checkpoint: signed by this key"

# --- timestamps, where there are any: that they are about this checkpoint is all that is seen here

for file in "$here"/anchors/*/*.note; do
    [ -e "$file" ] || continue
    [ "$(sha256 <"$file")" = "$(sha256 <"$note")" ] || failed "anchor: $file is another checkpoint"
    ok "anchor: ${file#"$here"/} is this checkpoint; README.txt says how to check its timestamp"
done

pattern='"instance":\{"id":"[^"]*","name":"([^"\]*)"\}'
[[ $payload =~ $pattern ]] && name=${BASH_REMATCH[1]} || name=
pattern='"taken_at":"([0-9TZ:.-]+)"'
[[ $payload =~ $pattern ]] && printf '\nA snapshot of %s, taken at %s.' "$name" "${BASH_REMATCH[1]}"
printf '\nThe holder of the key signed record %s of %s, and it is one of the %s records\n' \
    "$index" "$origin" "$size"
printf 'of the log under the checkpoint. That the database told the truth, nothing proves.\n'
if [ $# = 0 ]; then
    printf '\nWARNING: PROVES NOTHING YET. The key came out of the same archive as the record, and\n'
    printf 'whoever made the archive can have put in any key. Get the public key by another way:\n'
    printf '\n    bash verify.sh PUBLIC_KEY.pem\n'
    exit 3
fi
