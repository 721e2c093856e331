/* A durable subscription: a consumer of a group, and what it asks of the server.
 *
 *     GROUP ──▶ pending: READ from 0, READ on …, nothing ──▶ new: READ >, READ > …  and CLAIM now
 *       ▲         ▲                                            │                    and then
 *       └ NOGROUP └──────────── connection lost ◀──────────────┘
 *
 * One request (with the acknowledgements before it, in one send) is under way at a time, and none
 * while entries of the last answer are not handed out: so that acknowledgements never wait behind a
 * read that blocks. Where messages are acknowledged by hand, a read blocks only shortly as long as
 * some are in flight.
 *
 * An id is *held* from when its message is handed out until the server has confirmed its
 * acknowledgement, also across connections: what is read again meanwhile, as pending or claimed, is
 * passed over. What was read and not handed out is forgotten with the connection, and comes again.
 */
#include "ids.h"
#include "pubsub.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    DEFAULT_BATCH = 100,
    DEFAULT_IN_FLIGHT = 1000,
    DEFAULT_CLAIM_IDLE_MS = 60000,
    DEFAULT_BLOCK_MS = 5000,
    BLOCK_IN_FLIGHT_MS = 100, /* acknowledgements by hand wait so long for a read, at most */
    ACK_DELAY_MS = 100,       /* and others so long for the end of their batch */
    ACKS_MAX = 1000,          /* of one request */
    CLAIM_EVERY_MIN_MS = 50,
    CLAIM_EVERY_MAX_MS = 30000,
    FLUSH_MS = 1000,
    ASKED_MAX = 4,
};

enum request { ASK_GROUP, ASK_ACK, ASK_READ, ASK_CLAIM };

struct durable {
    struct hark_durable_options o;
    struct hark_text name, group, consumer, start;
    struct hark_channel parsed; /* of the name; HARK_F_NONE: a stored stream */
    bool is_pattern;

    bool ever_ready, needs_group, resuming, pending_done;
    struct asked {
        enum request kind;
        size_t acks;
    } asked[ASKED_MAX]; /* under way, in order */
    int asked_count;
    deadline_ms answer_by;

    struct hark_reply *batch; /* an answer, and what of it is still to be handed out: */
    const struct hark_reply *entries, *gone;
    size_t entries_at, gone_at;
    bool batch_again;

    struct id_set held;
    struct entry_id *acks; /* to be acknowledged; the first acks_sent are under way */
    size_t acks_len, acks_cap, acks_sent;
    deadline_ms acks_by; /* when those that are not should be */

    struct entry_id last;         /* the last new one that was handed out */
    struct entry_id pending_from; /* pending ones are read behind this */
    struct entry_id claim_from;
    deadline_ms claim_at;

    struct bytes channel; /* of the message at hand */
    struct hark_text *fields;
    size_t fields_cap;
};

/* ---- begin and end ---- */

static void fill_defaults(struct hark_durable_options *o)
{
    if (o->batch <= 0) o->batch = DEFAULT_BATCH;
    if (o->in_flight_max <= 0) o->in_flight_max = DEFAULT_IN_FLIGHT;
    if (o->claim_idle_ms == 0) o->claim_idle_ms = DEFAULT_CLAIM_IDLE_MS;
    if (o->block_ms <= 0) o->block_ms = DEFAULT_BLOCK_MS;
}

static struct hark_text keep(char **at, const char *text)
{
    struct hark_text kept = {*at, strlen(text)};
    *at = stpcpy(*at, text) + 1;
    return kept;
}

/* Where a group begins that is made: behind this id. */
static void write_start(const struct hark_durable_options *o, char start[ENTRY_ID_MAX])
{
    if (o->start_ms > 0)
        hark_id_write(start, (struct entry_id){(uint64_t)o->start_ms - 1, UINT64_MAX});
    else
        strcpy(start, "$");
}

static int make(struct hark_pubsub *p, const char *channel, const char *group, const char *consumer,
                const struct hark_durable_options *given)
{
    struct hark_durable_options o = HARK_DURABLE_OPTIONS;
    if (given) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    char computed[ENTRY_ID_MAX];
    write_start(&o, computed);
    const char *start = o.start ? o.start : computed;
    size_t texts = strlen(channel) + strlen(group) + strlen(consumer) + strlen(start) + 4;
    struct durable *d = p->durable = hark_zalloc(&p->memory, sizeof *d + texts);
    if (!d) return hark_pubsub_no_memory(p);
    char *at = (char *)(d + 1);
    d->name = keep(&at, channel);
    d->group = keep(&at, group);
    d->consumer = keep(&at, consumer);
    d->start = keep(&at, start);
    d->o = o;
    fill_defaults(&d->o);
    hark_channel_parse(d->name.at, d->name.len, &d->parsed);
    /* What follows the @ may be a glob too, which is no number then. */
    bool view = strncmp(channel, "__key", 5) == 0 && strchr(channel, '@');
    d->is_pattern = view && strpbrk(channel, "*?[\\") != NULL;
    d->needs_group = true;
    if (view && d->o.make_stream)
        return hark_pubsub_refuse(p, HARK_USAGE, "A keyspace channel is no stream to be made");
    return 0;
}

int hark_durable_open(const struct hark_options *options, const char *channel, const char *group,
                      const char *consumer, const struct hark_durable_options *durable,
                      struct hark_pubsub **out)
{
    int rc = hark_pubsub_new(options, out);
    if (rc == 0) rc = make(*out, channel, group, consumer, durable);
    if (rc < 0 || (*out)->settings->open_anyway) return rc;
    return hark_pubsub_connect(*out);
}

static void drop_batch(struct durable *d)
{
    hark_reply_free(d->batch);
    d->batch = NULL;
    d->entries = d->gone = NULL;
    d->entries_at = d->gone_at = 0;
}

void hark_durable_free(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    drop_batch(d);
    hark_ids_fini(&p->memory, &d->held);
    hark_release(&p->memory, d->acks);
    hark_bytes_fini(&p->memory, &d->channel);
    hark_release(&p->memory, d->fields);
    hark_release(&p->memory, d);
    p->durable = NULL;
}

bool hark_durable_has_handler(const struct hark_pubsub *p)
{
    return p->durable->o.handler;
}

bool hark_durable_is_ready(const struct hark_pubsub *p)
{
    return p->durable->ever_ready && !p->durable->needs_group;
}

void hark_durable_lose(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    drop_batch(d);
    d->asked_count = 0;
    d->acks_sent = 0;
    d->pending_done = false;
    d->pending_from = d->claim_from = (struct entry_id){0, 0};
    d->resuming = d->ever_ready;
}

int hark_durable_begin(struct hark_pubsub *p)
{
    int rc = hark_durable_pump(p);
    return rc < 0 ? rc : 0;
}

/* ---- asking ---- */

static struct hark_text number(char to[24], int64_t value)
{
    return (struct hark_text){to, (size_t)snprintf(to, 24, "%lld", (long long)value)};
}

static struct hark_text id_text(char to[ENTRY_ID_MAX], struct entry_id id)
{
    return (struct hark_text){to, hark_id_write(to, id)};
}

#define WORD(text) ((struct hark_text){text, sizeof(text) - 1})

static int ask(struct hark_pubsub *p, enum request kind, const struct hark_text *words, int count,
               int block_ms)
{
    struct durable *d = p->durable;
    int rc = hark_queue_words(p->link, words, count);
    if (rc < 0) return rc == HARK_NO_MEMORY && !p->link->failed ? hark_pubsub_no_memory(p) : 0;
    int timeout = p->settings->timeout_ms;
    d->answer_by = timeout > 0 ? hark_now_ms() + block_ms + timeout : 0;
    d->asked[d->asked_count++] = (struct asked){.kind = kind};
    return 1;
}

static int ask_group(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    char id[ENTRY_ID_MAX];
    struct hark_text start = hark_id_is_zero(d->last) ? d->start : id_text(id, d->last);
    const struct hark_text words[] = {WORD("XGROUP"), WORD("CREATE"), d->name,
                                      d->group,       start,          WORD("MKSTREAM")};
    return ask(p, ASK_GROUP, words, d->o.make_stream ? 6 : 5, 0);
}

static size_t count_now(const struct durable *d, size_t room)
{
    return room < (size_t)d->o.batch ? room : (size_t)d->o.batch;
}

static int ask_pending(struct hark_pubsub *p, size_t room)
{
    struct durable *d = p->durable;
    char count[24], id[ENTRY_ID_MAX];
    const struct hark_text words[] = {
        WORD("XREADGROUP"), WORD("GROUP"), d->group,
        d->consumer,        WORD("COUNT"), number(count, (int64_t)count_now(d, room)),
        WORD("STREAMS"),    d->name,       id_text(id, d->pending_from)};
    return ask(p, ASK_READ, words, 9, 0);
}

static int ask_new(struct hark_pubsub *p, size_t room)
{
    struct durable *d = p->durable;
    int block_ms = d->held.count > d->acks_len ? BLOCK_IN_FLIGHT_MS : d->o.block_ms;
    int claim_ms = d->o.claim_idle_ms > 0 ? hark_timeout_until(d->claim_at) : -1;
    if (claim_ms >= 0 && claim_ms < block_ms) block_ms = claim_ms > 0 ? claim_ms : 1;
    char count[24], block[24];
    const struct hark_text words[] = {
        WORD("XREADGROUP"), WORD("GROUP"),
        d->group,           d->consumer,
        WORD("COUNT"),      number(count, (int64_t)count_now(d, room)),
        WORD("BLOCK"),      number(block, block_ms),
        WORD("STREAMS"),    d->name,
        WORD(">")};
    return ask(p, ASK_READ, words, 11, block_ms);
}

static int ask_claim(struct hark_pubsub *p, size_t room)
{
    struct durable *d = p->durable;
    char count[24], idle[24], id[ENTRY_ID_MAX];
    const struct hark_text words[] = {WORD("XAUTOCLAIM"),
                                      d->name,
                                      d->group,
                                      d->consumer,
                                      number(idle, d->o.claim_idle_ms),
                                      id_text(id, d->claim_from),
                                      WORD("COUNT"),
                                      number(count, (int64_t)count_now(d, room))};
    return ask(p, ASK_CLAIM, words, 8, 0);
}

/* All that are not under way yet, as far as one request goes. */
static int ask_acks(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    size_t count = d->acks_len - d->acks_sent;
    if (count > ACKS_MAX) count = ACKS_MAX;
    if (count == 0 || d->asked_count == ASKED_MAX) return 0;
    struct hark_text words[ACKS_MAX + 3] = {WORD("XACK"), d->name, d->group};
    char ids[ACKS_MAX][ENTRY_ID_MAX];
    for (size_t i = 0; i < count; i++) words[i + 3] = id_text(ids[i], d->acks[d->acks_sent + i]);
    int rc = ask(p, ASK_ACK, words, (int)count + 3, 0);
    if (rc != 1) return rc;
    d->asked[d->asked_count - 1].acks = count;
    d->acks_sent += count;
    return 1;
}

/* What may be asked for besides acknowledgements. */
static int ask_more(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    if (d->needs_group) return ask_group(p);
    size_t held = d->held.count - (d->acks_len < d->held.count ? d->acks_len : d->held.count);
    if (held >= (size_t)d->o.in_flight_max) return 0;
    size_t room = (size_t)d->o.in_flight_max - held;
    if (!d->pending_done) return ask_pending(p, room);
    if (d->o.claim_idle_ms > 0 && hark_timeout_until(d->claim_at) <= 0) return ask_claim(p, room);
    return ask_new(p, room);
}

int hark_durable_pump(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    if (d->asked_count > 0) {
        bool late = d->answer_by && hark_timeout_until(d->answer_by) == 0;
        if (!late) return 0;
        hark_pubsub_refuse(p, HARK_TIMEOUT, "the server did not answer in time");
        return hark_pubsub_lose(p, HARK_TIMEOUT);
    }
    if (d->batch || p->link->failed) return 0;
    int acks = d->needs_group ? 0 : ask_acks(p);
    int more = acks < 0 ? acks : ask_more(p);
    return more < 0 ? more : acks || more;
}

deadline_ms hark_durable_wake_at(const struct hark_pubsub *p)
{
    return p->durable->asked_count ? p->durable->answer_by : 0;
}

/* ---- acknowledging ---- */

static int reserve_ack(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    if (d->acks_len < d->acks_cap) return 0;
    size_t cap = d->acks_cap ? 2 * d->acks_cap : 64;
    struct entry_id *grown = p->memory.resize(p->memory.context, d->acks, cap * sizeof *grown);
    if (!grown) return hark_pubsub_no_memory(p);
    d->acks = grown;
    d->acks_cap = cap;
    return 0;
}

/* There is room. */
static void add_ack(struct durable *d, struct entry_id id)
{
    if (d->acks_len == d->acks_sent) d->acks_by = hark_deadline_after(ACK_DELAY_MS);
    d->acks[d->acks_len++] = id;
}

/* In the middle of a batch: acknowledges what has waited long enough. */
static void ack_in_time(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    if (d->acks_len == d->acks_sent || d->asked_count > 0) return;
    if (hark_timeout_until(d->acks_by) > 0 && d->acks_len - d->acks_sent < ACKS_MAX) return;
    if (ask_acks(p) == 1) hark_send(p->link);
}

static int check_use(struct hark_pubsub *p, struct hark_text id, struct entry_id *out)
{
    if (p->running && p->owner != (unsigned long)pthread_self()) return HARK_USAGE;
    if (!p->durable) return hark_pubsub_refuse(p, HARK_USAGE, "This is no durable subscription");
    if (hark_id_parse(id, out)) return 0;
    return hark_pubsub_refuse(p, HARK_USAGE, "This has no id to be acknowledged by");
}

static int ack(struct hark_pubsub *p, struct hark_text text)
{
    struct entry_id id;
    int rc = check_use(p, text, &id);
    if (rc == 0) rc = reserve_ack(p);
    if (rc < 0) return rc;
    add_ack(p->durable, id);
    /* Nothing may come from the server before this is sent: whoever waits must come by. */
    if (!p->in_handler && p->durable->asked_count == 0) hark_pubsub_wake(p);
    return 0;
}

int hark_ack(struct hark_pubsub *p, const struct hark_message *m)
{
    return ack(p, m->id);
}

int hark_ack_id(struct hark_pubsub *p, const char *id)
{
    return ack(p, (struct hark_text){id, strlen(id)});
}

int hark_leave(struct hark_pubsub *p, const struct hark_message *m)
{
    struct entry_id id;
    int rc = check_use(p, m->id, &id);
    if (rc == 0) hark_ids_remove(&p->durable->held, id);
    return rc;
}

size_t hark_in_flight(const struct hark_pubsub *p)
{
    return p->durable ? p->durable->held.count : 0;
}

static void acknowledged(struct durable *d, size_t count)
{
    for (size_t i = 0; i < count; i++) hark_ids_remove(&d->held, d->acks[i]);
    memmove(d->acks, d->acks + count, (d->acks_len - count) * sizeof *d->acks);
    d->acks_len -= count;
    d->acks_sent -= count;
}

/* ---- answers ---- */

static bool is_list(const struct hark_reply *r, size_t count)
{
    return r->type == HARK_T_ARRAY && r->count >= count;
}

static int not_as_it_should_be(struct hark_pubsub *p, const char *command)
{
    hark_pubsub_refuse(p, HARK_PROTOCOL, "the answer to %s is not as it should be", command);
    return hark_pubsub_lose(p, HARK_PROTOCOL);
}

/* Known to be there, for the first time or again. */
static int group_stands(struct durable *d)
{
    if (!d->ever_ready) d->claim_at = hark_now_ms();
    d->ever_ready = true;
    d->needs_group = false;
    return 0;
}

static int refused(struct hark_pubsub *p, enum request kind, const struct hark_reply *r)
{
    struct durable *d = p->durable;
    if (kind == ASK_GROUP && strncmp(r->text, "BUSYGROUP", 9) == 0) return group_stands(d);
    if (kind != ASK_GROUP && strncmp(r->text, "NOGROUP", 7) == 0) {
        d->needs_group = true;
        d->pending_done = false;
        d->pending_from = d->claim_from = (struct entry_id){0, 0};
        return 0;
    }
    bool absent = kind == ASK_GROUP && strstr(r->text, "requires the key to exist");
    if (absent && strncmp(d->name.at, "__key", 5) == 0)
        hark_pubsub_refuse(p, HARK_DENIED,
                           "this server has no streams of keyspace channels, it is not Hark: %s",
                           r->text);
    else
        hark_pubsub_refuse(p, HARK_DENIED, "%s", r->text);
    return hark_pubsub_lose(p, HARK_DENIED);
}

static bool last_id(const struct hark_reply *entries, struct entry_id *out)
{
    const struct hark_reply *last = &entries->at[entries->count - 1];
    return is_list(last, 2) && hark_id_parse(hark_text_of(&last->at[0]), out);
}

static int take_read(struct hark_pubsub *p, struct hark_reply *r)
{
    struct durable *d = p->durable;
    const struct hark_reply *entries = NULL;
    if (is_list(r, 1) && is_list(&r->at[0], 2)) entries = &r->at[0].at[1];
    if (r->type == HARK_T_MAP && r->count >= 2) entries = &r->at[1];
    bool none =
        r->type == HARK_T_NULL || (entries && entries->type == HARK_T_ARRAY && entries->count == 0);
    struct entry_id last;
    if (!none && (!entries || !is_list(entries, 1) || !last_id(entries, &last)))
        return not_as_it_should_be(p, "XREADGROUP");
    d->batch_again = !d->pending_done;
    if (none) {
        d->pending_done = true;
        return 0;
    }
    if (!d->pending_done) d->pending_from = last;
    d->batch = r;
    d->entries = entries;
    return 1;
}

static int claim_every_ms(const struct durable *d)
{
    int every = d->o.claim_idle_ms / 2;
    if (every < CLAIM_EVERY_MIN_MS) return CLAIM_EVERY_MIN_MS;
    return every > CLAIM_EVERY_MAX_MS ? CLAIM_EVERY_MAX_MS : every;
}

static int take_claim(struct hark_pubsub *p, struct hark_reply *r)
{
    struct durable *d = p->durable;
    if (!is_list(r, 2) || !is_list(&r->at[1], 0) ||
        !hark_id_parse(hark_text_of(&r->at[0]), &d->claim_from))
        return not_as_it_should_be(p, "XAUTOCLAIM");
    if (hark_id_is_zero(d->claim_from)) d->claim_at = hark_now_ms() + claim_every_ms(d);
    d->batch_again = true;
    d->entries = &r->at[1];
    if (r->count > 2 && is_list(&r->at[2], 0)) d->gone = &r->at[2];
    d->batch = r;
    return 1;
}

/* 1 when it became the batch, else 0 or a result: then it is still the caller's to free. */
static int take_answer(struct hark_pubsub *p, struct hark_reply *r)
{
    struct durable *d = p->durable;
    if (r->type == HARK_T_PUSH || d->asked_count == 0) return 0;
    struct asked asked = d->asked[0];
    memmove(d->asked, d->asked + 1, (size_t)--d->asked_count * sizeof asked);
    if (r->type == HARK_T_ERROR) return refused(p, asked.kind, r);
    p->was_ready = true;
    switch (asked.kind) {
    case ASK_GROUP: return group_stands(d);
    case ASK_ACK: acknowledged(d, asked.acks); return 0;
    case ASK_READ: return take_read(p, r);
    case ASK_CLAIM: return take_claim(p, r);
    }
    return 0;
}

static int take_reply(struct hark_pubsub *p)
{
    struct hark_reply *reply;
    int rc = hark_take(p->link, &reply);
    if (rc < 0) {
        rc = hark_pubsub_lose(p, rc);
        return rc < 0 ? rc : 0;
    }
    if (rc == 0) return 0;
    rc = take_answer(p, reply);
    if (rc != 1) hark_reply_free(reply);
    return rc < 0 ? rc : 1;
}

/* ---- handing out ---- */

/* Everything about an id that is handed out as `m`. 1, or HARK_NO_MEMORY with nothing changed. */
static int hand_out(struct hark_pubsub *p, const struct hark_message *m, struct entry_id id,
                    struct hark_message **out)
{
    struct durable *d = p->durable;
    int verdict, rc = reserve_ack(p);
    if (rc < 0) return rc;
    if (hark_ids_add(&p->memory, &d->held, id) < 0) return hark_pubsub_no_memory(p);
    rc = hark_pubsub_hand_out(p, m, d->o.handler, d->o.context, out, &verdict);
    if (rc < 0 || verdict != 0) {
        hark_ids_remove(&d->held, id);
    } else if (d->o.handler && !d->o.ack_by_hand) {
        if (reserve_ack(p) < 0) return HARK_NO_MEMORY; /* the handler may have taken the room */
        add_ack(d, id);
    }
    return rc;
}

static int hand_out_gap(struct hark_pubsub *p, struct hark_text from, struct hark_text to,
                        struct hark_text id_text, struct entry_id id, struct hark_message **out)
{
    struct durable *d = p->durable;
    char sentence[160];
    int len = snprintf(sentence, sizeof sentence,
                       "events from %.40s to %.40s are not kept any more", from.at, to.at);
    struct hark_message m = {.type = HARK_M_GAP,
                             .channel = d->name,
                             .data = {sentence, (size_t)len},
                             .from = from,
                             .to = to,
                             .id = id_text,
                             .again = d->batch_again};
    if (d->is_pattern) m.pattern = d->name;
    return hand_out(p, &m, id, out);
}

static struct hark_text field(const struct hark_message *m, const char *name)
{
    for (size_t i = 0; i + 1 < m->fields_count; i += 2)
        if (hark_text_is(m->fields[i], name)) return m->fields[i + 1];
    return (struct hark_text){NULL, 0};
}

/* The name and the payload that the live channel has. */
static int dress(struct hark_pubsub *p, struct hark_message *m)
{
    struct durable *d = p->durable;
    struct hark_text event = field(m, "event"), key = field(m, "key"), db = field(m, "db");
    struct hark_channel c = {
        .family = d->parsed.family, .db = db.at ? atoi(db.at) : 0, .event = event, .key = key};
    size_t room = 64 + event.len + key.len;
    d->channel.from = d->channel.len = 0;
    if (hark_bytes_reserve(&p->memory, &d->channel, room) < 0) return hark_pubsub_no_memory(p);
    long len = hark_channel_name(&c, d->channel.at, room);
    if (len > 0) m->channel = (struct hark_text){d->channel.at, (size_t)len};
    m->data = c.family == HARK_F_KEYEVENT ? key : event;
    if (c.family == HARK_F_KEYCHANGE) {
        m->data = field(m, "effect");
        if (!m->data.at) m->data = field(m, "effect_b64");
    }
    if (!m->data.at) m->data = (struct hark_text){"", 0};
    return 0;
}

static int read_fields(struct hark_pubsub *p, const struct hark_reply *r, struct hark_message *m)
{
    struct durable *d = p->durable;
    if (r->count > d->fields_cap) {
        struct hark_text *grown =
            p->memory.resize(p->memory.context, d->fields, r->count * sizeof *grown);
        if (!grown) return hark_pubsub_no_memory(p);
        d->fields = grown;
        d->fields_cap = r->count;
    }
    for (size_t i = 0; i < r->count; i++) d->fields[i] = hark_text_of(&r->at[i]);
    m->fields = d->fields;
    m->fields_count = r->count;
    return 0;
}

static int hand_out_entry(struct hark_pubsub *p, const struct hark_reply *entry,
                          struct hark_message **out)
{
    struct durable *d = p->durable;
    struct entry_id id;
    if (!is_list(entry, 2) || !hark_id_parse(hark_text_of(&entry->at[0]), &id))
        return not_as_it_should_be(p, "XREADGROUP");
    struct hark_message m = {.type = d->is_pattern ? HARK_M_PMESSAGE : HARK_M_MESSAGE,
                             .channel = d->name,
                             .id = hark_text_of(&entry->at[0]),
                             /* A server that was killed may have forgotten that it gave it. */
                             .again = d->batch_again || !hark_id_less(d->last, id)};
    if (hark_ids_have(&d->held, id)) return 0;
    if (entry->at[1].type == HARK_T_NULL) return hand_out_gap(p, m.id, m.id, m.id, id, out);
    int rc = read_fields(p, &entry->at[1], &m);
    if (rc < 0) return rc;
    bool channel = d->parsed.family != HARK_F_NONE;
    if (channel && hark_text_is(field(&m, "event"), "gap") && field(&m, "to").at)
        rc = hand_out_gap(p, field(&m, "from"), field(&m, "to"), m.id, id, out);
    else {
        if (d->is_pattern) m.pattern = d->name;
        if (channel) rc = dress(p, &m);
        if (rc == 0) rc = hand_out(p, &m, id, out);
    }
    if (rc == 1 && !d->batch_again && hark_id_less(d->last, id)) d->last = id;
    return rc;
}

static int hand_out_gone(struct hark_pubsub *p, const struct hark_reply *r,
                         struct hark_message **out)
{
    struct entry_id id;
    struct hark_text text = hark_text_of(r);
    if (!hark_id_parse(text, &id)) return not_as_it_should_be(p, "XAUTOCLAIM");
    return hark_ids_have(&p->durable->held, id) ? 0 : hand_out_gap(p, text, text, text, id, out);
}

/* The next of the batch: 1, 0 when nothing is left of it, or a result. */
static int take_from_batch(struct hark_pubsub *p, struct hark_message **out)
{
    struct durable *d = p->durable;
    while (d->batch) {
        int rc;
        ack_in_time(p);
        if (d->entries_at < d->entries->count) {
            rc = hand_out_entry(p, &d->entries->at[d->entries_at], out);
            if (rc >= 0 && d->batch) d->entries_at++;
        } else if (d->gone && d->gone_at < d->gone->count) {
            rc = hand_out_gone(p, &d->gone->at[d->gone_at], out);
            if (rc >= 0 && d->batch) d->gone_at++;
        } else {
            drop_batch(d);
            return 0;
        }
        if (rc != 0) return rc;
    }
    return 0;
}

static int hand_out_resumed(struct hark_pubsub *p, struct hark_message **out)
{
    struct durable *d = p->durable;
    static const char sentence[] = "the connection was lost and stands again; nothing is missing";
    struct hark_message m = {
        .type = HARK_M_RESUMED, .channel = d->name, .data = {sentence, sizeof sentence - 1}};
    if (d->is_pattern) m.pattern = d->name;
    int verdict;
    d->resuming = false;
    return hark_pubsub_hand_out(p, &m, d->o.handler, d->o.context, out, &verdict);
}

int hark_durable_take(struct hark_pubsub *p, struct hark_message **out)
{
    for (;;) {
        if (p->durable->resuming && p->link && p->was_ready) return hand_out_resumed(p, out);
        int rc = take_from_batch(p, out);
        if (rc != 0 || !p->link) return rc;
        rc = take_reply(p);
        if (rc <= 0) return rc;
    }
}

void hark_durable_flush(struct hark_pubsub *p)
{
    struct durable *d = p->durable;
    deadline_ms deadline = hark_deadline_after(FLUSH_MS);
    while (p->link && d->acks_len > 0 && hark_is_ready(p->link) && !p->link->failed) {
        if (d->acks_len > d->acks_sent && ask_acks(p) < 0) return;
        if (hark_turn(p->link, hark_timeout_until(deadline)) < 0) return;
        struct hark_reply *reply;
        while (p->link && hark_take(p->link, &reply) == 1) {
            if (take_answer(p, reply) != 1) hark_reply_free(reply);
        }
        if (hark_timeout_until(deadline) == 0) return;
    }
}
