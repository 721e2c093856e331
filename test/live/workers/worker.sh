#!/usr/bin/env bash
# A worker of a group, by redis-cli. What it is told and what it writes down: ../crew.py.
#
# Each read is a process and a connection of its own.
set -u

count=20

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
note() { echo "$*" >>"$LOG"; }

# Prints `life <run id>`, and `entry …` for each entry that a command answers with. The server is
# asked who it is before and after: redis-cli goes on behind a command that had no answer, with a
# connection to whoever is there then.
entries_of() {
    printf 'INFO server\n%s\nINFO server\n' "$*" | redis-cli -s "$SOCKET" 2>/dev/null | tr -d '\r' |
        awk '
        /^run_id:/ { print "life", substr($0, 8) }
        /^[0-9]+-[0-9]+$/ { id = $0 }
        name == "key" { key = $0 }
        name == "event" { event = $0 }
        name == "db" { print "entry", id, key, event, $0 }
        { name = name == "" && ($0 == "key" || $0 == "event" || $0 == "db") ? $0 : "" }'
}

# The life of the server that has answered, or one of its own where that is not known.
unknown=0
life_of() {
    awk -v unknown="unknown-$$-$unknown" '
        $1 == "life" { lives[++n] = $2 }
        END { print n == 2 && lives[1] == lives[2] ? lives[1] : unknown }' <<<"$1"
}

# Asks, handles, acknowledges; says whether there was something.
handle() {
    local how=$1 asked answer ids
    shift
    asked=$(now_us)
    answer=$(entries_of "$*")
    ids=$(awk '$1 == "entry" { print $2 }' <<<"$answer")
    [ -n "$ids" ] || return 1
    note batch "$how" "$(life_of "$answer")" "$asked" "$(now_us)"
    unknown=$((unknown + 1))
    grep ^entry <<<"$answer" >>"$LOG"
    # shellcheck disable=SC2086
    acked=$(redis-cli -s "$SOCKET" XACK "$VIEW" "$GROUP" $ids 2>/dev/null)
    if [[ $acked = $(wc -w <<<"$ids") ]]; then
        note acked "$(now_us)" $ids
    elif ! [[ $acked =~ ^[0-9]+$ ]]; then
        return 2
    fi
}

read_group="XREADGROUP GROUP $GROUP $NAME COUNT $count"

# What it was given before: until there is nothing.
while handle own "$read_group STREAMS $VIEW 0" || [ $? = 2 ]; do :; done

turn=0
while :; do
    if ((CLAIM_MS && turn++ % 10 == 0)); then
        handle claimed "XAUTOCLAIM $VIEW $GROUP $NAME $CLAIM_MS 0 COUNT $count"
    fi
    handle new "$read_group BLOCK 200 STREAMS $VIEW >"
    case $? in
    1) redis-cli -s "$SOCKET" PING >/dev/null 2>&1 || sleep 0.02 ;;
    2) while handle own "$read_group STREAMS $VIEW 0" || [ $? = 2 ]; do sleep 0.02; done ;;
    esac
done
