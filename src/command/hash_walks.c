/* HRANDFIELD and HSCAN. */
#include "../base/mem.h"
#include "hash.h"
#include "scan.h"

/* ---- HRANDFIELD ---- */

struct draw {
    struct call *call;
    struct value v;
    bool with_values;
    bool copied;   /* `v` is the draw's own */
    size_t living; /* fields that are not past their deadline: one in FEW or more */
};

enum { FEW = 16 };

static void reply_pair(const struct draw *d, struct slice name, struct slice value)
{
    struct resp_writer *reply = &d->call->reply;
    if (d->with_values && reply->proto > 2) resp_array(reply, 2);
    resp_bulk(reply, name);
    if (d->with_values) resp_bulk(reply, value);
}

static void begin_reply(const struct draw *d, size_t count)
{
    struct resp_writer *reply = &d->call->reply;
    resp_array(reply, d->with_values && reply->proto == 2 ? count * 2 : count);
}

/* One that is not past; there is one. */
static void draw_one(const struct draw *d, struct field *field)
{
    struct random *random = call_random(d->call);
    int64_t now_ms = engine_now(d->call->engine);
    do fields_random(&d->v, random, field);
    while (field_is_past(field->deadline, now_ms));
}

/* Each time any of them. */
static void reply_repeated(const struct draw *d, uint64_t count)
{
    struct field field;
    begin_reply(d, count);
    for (; count && !d->call->reply.cut; count--) {
        draw_one(d, &field);
        reply_pair(d, field.name, field.value);
    }
}

/* Of what is met on a walk, each with the odds that so many are wanted of what is left. */
struct picking {
    const struct draw *draw;
    int64_t now_ms;
    size_t wanted, left;
};

static void pick(void *ctx, const struct value_item *item)
{
    struct picking *p = ctx;
    if (!p->wanted || field_is_past(item->deadline, p->now_ms)) return;
    struct random *random = call_random(p->draw->call);
    bool picked = p->wanted == p->left || random_below(random, p->left) < p->wanted;
    p->left--;
    if (!picked) return;
    p->wanted--;
    reply_pair(p->draw, item->member, item->second);
}

/* Few of many: drawn until enough were met that were not met before. */
static void reply_few(const struct draw *d, size_t count)
{
    struct map met;
    struct field field;
    map_init(&met, keyspace_secret(engine_keyspace(d->call->engine)));
    while (map_count(&met) < count && !d->call->reply.cut) {
        bool is_new;
        draw_one(d, &field);
        map_insert(&met, field.name, &is_new);
        if (is_new) reply_pair(d, field.name, field.value);
    }
    while (map_count(&met)) map_erase(&met, map_at(&met, map_count(&met) - 1));
    map_fini(&met);
}

/* Different ones, all if there are not more. */
static void reply_different(const struct draw *d, uint64_t wanted)
{
    enum { PART = 4 }; /* one in so many */
    size_t count = wanted < d->living ? (size_t)wanted : d->living;
    begin_reply(d, count);
    if (d->v.encoding == ENCODING_TABLE && count < d->living / PART &&
        d->living > fields_count(&d->v) / PART) {
        reply_few(d, count);
        return;
    }
    struct picking p = {d, engine_now(d->call->engine), count, d->living};
    value_kind(TYPE_HASH)->each(&d->v, pick, &p);
}

struct living {
    struct value v;
    const struct value_config *config;
    int64_t now_ms;
};

static void copy_living(void *ctx, const struct value_item *item)
{
    struct living *l = ctx;
    if (!field_is_past(item->deadline, l->now_ms))
        fields_set(&l->v, item->member, item->second, false, l->config);
}

/* Of a hash that is being put away so few fields are left that no draw would meet them: it is drawn
 * from a copy of these. */
static void leave_past_behind(struct draw *d)
{
    struct living l = {fields_new(), call_values(d->call), engine_now(d->call->engine)};
    value_kind(TYPE_HASH)->each(&d->v, copy_living, &l);
    d->v = l.v;
    d->copied = true;
}

static void end_draw(struct draw *d)
{
    if (d->copied) value_free(&d->v);
}

/* The hash at argument 1, a portion of what is past put away: 1, 0 when no field is left, -1 after
 * writing the error. end_draw in the first case. */
static int begin_draw(struct draw *d, struct call *c)
{
    *d = (struct draw){.call = c};
    int there = hash_read(c, &d->v);
    if (there <= 0) return there;
    if (engine_expire_fields(c->engine, c->db, call_arg(c, 1))) {
        const struct entry *e =
            gate_read(c->engine, c->db, call_arg(c, 1), READ_QUIET | READ_NO_TOUCH);
        if (!e) return 0;
        d->v = entry_value(e);
    }
    d->living = fields_count(&d->v) - fields_past(&d->v, engine_now(c->engine));
    if (d->living && d->living < fields_count(&d->v) / FEW) leave_past_behind(d);
    return d->living > 0;
}

static void reply_one_field(struct call *c)
{
    struct draw d;
    struct field field;
    int there = begin_draw(&d, c);
    if (there < 0) return;
    if (!there) {
        resp_null(&c->reply);
        return;
    }
    draw_one(&d, &field);
    resp_bulk(&c->reply, field.name);
    end_draw(&d);
}

static void hrandfield(struct call *c)
{
    struct draw d;
    int64_t count;
    if (c->argc == 2) {
        reply_one_field(c);
        return;
    }
    if (!call_int_between(c, 2, -INT64_MAX, INT64_MAX, &count)) return;
    if (c->argc > 4 || (c->argc == 4 && !call_arg_is(c, 3, "WITHVALUES"))) {
        call_syntax_error(c);
        return;
    }
    if (c->argc == 4 && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        resp_error(&c->reply, SLICE("ERR value is out of range"));
        return;
    }
    int there = begin_draw(&d, c);
    d.with_values = c->argc == 4;
    if (there < 0) return;
    if (there == 0 || count == 0)
        resp_array(&c->reply, 0);
    else if (count > 0)
        reply_different(&d, (uint64_t)count);
    else if (call_may_draw(c, (uint64_t)-count))
        reply_repeated(&d, (uint64_t)-count);
    if (there > 0) end_draw(&d);
}

/* ---- HSCAN ---- */

struct hash_walk {
    struct scan scan;
    int64_t now_ms;
};

static void scan_field(void *ctx, const struct value_item *item)
{
    struct hash_walk *w = ctx;
    if (field_is_past(item->deadline, w->now_ms) || !scan_likes(&w->scan, item->member)) return;
    resp_bulk(scan_item(&w->scan), item->member);
    if (!w->scan.no_values) resp_bulk(scan_item(&w->scan), item->second);
}

static void hscan(struct call *c)
{
    struct hash_walk w = {.now_ms = engine_now(c->engine)};
    struct value v;
    if (!scan_begin(&w.scan, c, 2)) return;
    int there = hash_read(c, &v);
    if (there < 0) return;
    if (there == 0) {
        scan_nothing(c);
        return;
    }
    if (!scan_options(&w.scan, 3, SCAN_NOVALUES)) return;
    w.scan.cursor = fields_scan(&v, w.scan.cursor, w.scan.count, scan_field, &w);
    scan_reply(&w.scan);
}

void hash_bind_walks(struct command_table *t)
{
    static const struct command_binding rows[] = {{"hrandfield", hrandfield}, {"hscan", hscan}};
    command_bind_all(t, rows, sizeof rows / sizeof *rows);
}
