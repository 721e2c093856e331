#include "call.h"

#include "../base/mem.h"
#include "../base/text.h"

void call_syntax_error(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR syntax error"));
}

void call_wrong_type(struct call *c)
{
    resp_error(&c->reply,
               SLICE("WRONGTYPE Operation against a key holding the wrong kind of value"));
}

void call_not_an_integer(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR value is not an integer or out of range"));
}

void call_no_such_key(struct call *c)
{
    resp_error(&c->reply, SLICE("ERR no such key"));
}

void call_no_memory(struct call *c)
{
    resp_error(&c->reply, CALL_NO_MEMORY);
}

bool call_can_have(struct call *c, size_t bytes)
{
    if (mem_can_alloc(bytes)) return true;
    call_no_memory(c);
    return false;
}

bool call_refuse(struct call *c, struct slice error)
{
    resp_error(&c->reply, error);
    return false;
}

bool call_int(struct call *c, int i, int64_t *out)
{
    if (text_to_int(c->argv[i], out)) return true;
    call_not_an_integer(c);
    return false;
}

bool call_int_between(struct call *c, int i, int64_t min, int64_t max, int64_t *out)
{
    if (!call_int(c, i, out)) return false;
    if (*out >= min && *out <= max) return true;
    if (min == 0 && max == INT64_MAX)
        resp_error(&c->reply, SLICE("ERR value is out of range, must be positive"));
    else
        resp_errorf(&c->reply, "ERR value is out of range, value must between %lld and %lld",
                    (long long)min, (long long)max);
    return false;
}

bool call_int_from(struct call *c, int i, int64_t min, const char *wrong, int64_t *out)
{
    if (text_to_int(c->argv[i], out) && *out >= min) return true;
    resp_error(&c->reply, slice_text(wrong));
    return false;
}

bool call_may_draw(struct call *c, uint64_t count)
{
    if (count <= DRAWS_MAX) return true;
    resp_errorf(&c->reply,
                "ERR limit reached: too many elements to draw in one command (at most "
                "%d)",
                DRAWS_MAX);
    return false;
}

int call_read_string(struct call *c, struct slice key, struct slice *out)
{
    const struct entry *e = call_read(c, key);
    *out = SLICE("");
    if (!e) return 0;
    if (entry_type(e) != TYPE_STRING) {
        call_wrong_type(c);
        return -1;
    }
    *out = entry_string(e);
    return 1;
}

bool call_open_string(struct call *c, struct opened *k, struct slice key)
{
    if (!gate_open(c->engine, k, c->db, key) || entry_type(opened_entry(k)) == TYPE_STRING)
        return true;
    gate_close_unchanged(k);
    call_wrong_type(c);
    return false;
}

bool call_can_grow(struct call *c, struct opened *k, size_t len)
{
    size_t room = opened_entry(k) ? entry_string_room(opened_entry(k)) : 0;
    /* It is moved to where there is room ahead, and a snapshot may want to see it as it was. */
    if (len <= room || mem_can_alloc(2 * len)) return true;
    gate_close_unchanged(k);
    call_no_memory(c);
    return false;
}

int call_read_value(struct call *c, struct slice key, enum value_type type, struct value *out)
{
    const struct entry *e = call_read(c, key);
    if (!e) return 0;
    if (entry_type(e) != type) {
        call_wrong_type(c);
        return -1;
    }
    *out = entry_value(e);
    return 1;
}

bool call_open_value(struct call *c, struct opened *k, struct slice key, enum value_type type)
{
    if (!gate_open(c->engine, k, c->db, key) || entry_type(opened_entry(k)) == type) return true;
    gate_close_unchanged(k);
    call_wrong_type(c);
    return false;
}

static void store_none(struct call *c, struct slice key)
{
    struct opened k;
    if (gate_open_unread(c->engine, &k, c->db, key)) {
        opened_delete(&k);
        gate_close(&k, EVENT_DEL);
    } else {
        gate_close_unchanged(&k);
    }
}

void call_store(struct call *c, struct slice key, struct value *result, enum event_name event,
                size_t count)
{
    struct opened k;
    bool some = !value_is_gone(result);
    if (some && !call_can_have(c, CALL_VALUE_TIMES * value_kind(result->type)->bytes(result))) {
        value_free(result);
        return;
    }
    if (some) {
        gate_open(c->engine, &k, c->db, key);
        opened_put(&k, *result);
        gate_close(&k, event);
    } else {
        value_free(result);
        store_none(c, key);
    }
    resp_int(&c->reply, (int64_t)count);
}

struct random *call_random(const struct call *c)
{
    return keyspace_random(engine_keyspace(c->engine));
}

const struct value_config *call_values(const struct call *c)
{
    return keyspace_values(engine_keyspace(c->engine));
}

bool call_db(struct call *c, int i, int *out)
{
    int64_t n;
    if (!call_int_between(c, i, INT32_MIN, INT32_MAX, &n)) return false;
    if (n < 0 || n >= keyspace_databases(engine_keyspace(c->engine))) {
        resp_error(&c->reply, SLICE("ERR DB index is out of range"));
        return false;
    }
    *out = (int)n;
    return true;
}
