/* Subscriptions: a table of them by kind and name, what is asked of the server, and what it says.
 *
 *     asked ──▶ confirmed ──▶ (connection lost) ──▶ asked, resuming ──▶ confirmed: RESUMED
 *                   └──▶ leaving ──▶ confirmed: out of the table
 *
 * The server confirms in the order of the requests; where it answers an error instead, that is for
 * the oldest request that is not confirmed. */
#include "pubsub.h"

#include <stdio.h>

enum {
    BUCKETS_MIN = 16,
};

/* Commands and messages of each kind. */
static const struct kind {
    const char *subscribe, *unsubscribe, *message;
    enum hark_message_type subscribed, unsubscribed, said;
} kinds[KINDS] = {
    [KIND_CHANNEL] = {"subscribe", "unsubscribe", "message", HARK_M_SUBSCRIBE, HARK_M_UNSUBSCRIBE,
                      HARK_M_MESSAGE},
    [KIND_PATTERN] = {"psubscribe", "punsubscribe", "pmessage", HARK_M_PSUBSCRIBE,
                      HARK_M_PUNSUBSCRIBE, HARK_M_PMESSAGE},
    [KIND_SHARD] = {"ssubscribe", "sunsubscribe", "smessage", HARK_M_SSUBSCRIBE,
                    HARK_M_SUNSUBSCRIBE, HARK_M_SMESSAGE},
};

/* ---- the table ---- */

static size_t hash(enum subscription_kind kind, struct hark_text name)
{
    uint64_t h = 14695981039346656037u + kind;
    for (size_t i = 0; i < name.len; i++) h = (h ^ (unsigned char)name.at[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static struct hark_text name_of(const struct subscription *s)
{
    return (struct hark_text){s->name, s->len};
}

/* Where the pointer to it stands, or would stand. There must be buckets. */
static struct subscription **place(struct subscriptions *t, enum subscription_kind kind,
                                   struct hark_text name)
{
    struct subscription **at = &t->buckets[hash(kind, name) & t->mask];
    while (*at && ((*at)->kind != kind || (*at)->len != name.len ||
                   memcmp((*at)->name, name.at, name.len) != 0))
        at = &(*at)->next;
    return at;
}

static struct subscription *find(struct subscriptions *t, enum subscription_kind kind,
                                 struct hark_text name)
{
    return t->buckets ? *place(t, kind, name) : NULL;
}

static int grow(struct hark_pubsub *p)
{
    struct subscriptions *t = &p->subs, old = *t;
    if (t->buckets && t->count <= t->mask) return 0;
    size_t count = t->buckets ? 2 * (t->mask + 1) : BUCKETS_MIN;
    struct subscription **buckets = hark_zalloc(&p->memory, count * sizeof *buckets);
    if (!buckets) return HARK_NO_MEMORY;
    t->buckets = buckets;
    t->mask = count - 1;
    for (size_t i = 0; old.buckets && i <= old.mask; i++)
        for (struct subscription *s = old.buckets[i], *next; s; s = next) {
            next = s->next;
            struct subscription **at = &buckets[hash(s->kind, name_of(s)) & t->mask];
            s->next = *at;
            *at = s;
        }
    hark_release(&p->memory, old.buckets);
    return 0;
}

static void drop(struct hark_pubsub *p, struct subscription *s)
{
    struct subscription **at = place(&p->subs, s->kind, name_of(s));
    *at = s->next;
    p->subs.count--;
    hark_release(&p->memory, s);
}

static struct subscription *add(struct hark_pubsub *p, enum subscription_kind kind,
                                struct hark_text name)
{
    if (grow(p) < 0) return NULL;
    struct subscription *s = hark_alloc(&p->memory, sizeof *s + name.len + 1);
    if (!s) return NULL;
    *s = (struct subscription){.kind = kind, .len = name.len};
    memcpy(s->name, name.at, name.len);
    s->name[name.len] = '\0';
    struct subscription **at = place(&p->subs, kind, name);
    s->next = *at;
    *at = s;
    p->subs.count++;
    return s;
}

/* Calls `each` for all, which may drop the one that it is given; ends with what is not 0. */
static int for_each(struct hark_pubsub *p,
                    int (*each)(struct hark_pubsub *p, struct subscription *s))
{
    int rc = 0;
    for (size_t i = 0; p->subs.buckets && i <= p->subs.mask; i++)
        for (struct subscription *s = p->subs.buckets[i], *next; s && rc == 0; s = next) {
            next = s->next;
            rc = each(p, s);
        }
    return rc;
}

static int release_one(struct hark_pubsub *p, struct subscription *s)
{
    drop(p, s);
    return 0;
}

void hark_subscriptions_fini(struct hark_pubsub *p)
{
    for_each(p, release_one);
    hark_release(&p->memory, p->subs.buckets);
    p->subs = (struct subscriptions){0};
}

static int without_handler(struct hark_pubsub *p, struct subscription *s)
{
    (void)p;
    return !s->fn;
}

bool hark_subscriptions_handled(const struct hark_pubsub *p)
{
    return for_each((struct hark_pubsub *)p, without_handler) == 0;
}

/* ---- asking ---- */

static int ask(struct hark_pubsub *p, const char *command, struct hark_text name)
{
    const struct hark_text words[] = {{command, strlen(command)}, name};
    return hark_queue_words(p->link, words, 2);
}

static int ask_for(struct hark_pubsub *p, struct subscription *s)
{
    s->asked = ++p->subs.asked;
    return ask(p, kinds[s->kind].subscribe, name_of(s));
}

int hark_subscriptions_ask(struct hark_pubsub *p)
{
    return for_each(p, ask_for);
}

static int lose_one(struct hark_pubsub *p, struct subscription *s)
{
    if (s->leaving) {
        drop(p, s);
    } else if (s->confirmed) {
        s->confirmed = false;
        s->resuming = true;
    }
    return 0;
}

void hark_subscriptions_lose(struct hark_pubsub *p)
{
    for_each(p, lose_one);
}

static int check_use(struct hark_pubsub *p)
{
    if (p->durable)
        return hark_pubsub_refuse(p, HARK_USAGE, "A durable subscription has no other ones");
    if (p->running && p->owner != (unsigned long)pthread_self()) return HARK_USAGE;
    return 0;
}

/* A failure to ask ends the connection; the next one will be asked for everything. */
static int asked(struct hark_pubsub *p, int rc)
{
    if (rc == HARK_NO_MEMORY && !p->link->failed) return hark_pubsub_no_memory(p);
    /* Not amid a handler, whose message stands in what was read. */
    if (rc == 0 && hark_is_ready(p->link) && !p->in_handler) hark_send(p->link);
    return 0;
}

static struct hark_text text_of(const void *name, size_t len)
{
    return (struct hark_text){name, len == HARK_NUL ? strlen(name) : len};
}

static int subscribe(struct hark_pubsub *p, enum subscription_kind kind, struct hark_text name,
                     hark_message_fn *fn, void *context)
{
    int rc = check_use(p);
    if (rc < 0) return rc;
    struct subscription *s = find(&p->subs, kind, name);
    bool fresh = !s;
    if (fresh) s = add(p, kind, name);
    if (!s) return hark_pubsub_no_memory(p);
    s->fn = fn;
    s->context = context;
    bool again = s->leaving;
    s->leaving = false;
    if (!p->link || (!fresh && !again)) return 0;
    rc = asked(p, ask_for(p, s));
    if (rc < 0 && fresh) drop(p, s);
    return rc;
}

int hark_subscribe(struct hark_pubsub *p, const void *channel, size_t len, hark_message_fn *fn,
                   void *context)
{
    return subscribe(p, KIND_CHANNEL, text_of(channel, len), fn, context);
}

int hark_psubscribe(struct hark_pubsub *p, const void *pattern, size_t len, hark_message_fn *fn,
                    void *context)
{
    return subscribe(p, KIND_PATTERN, text_of(pattern, len), fn, context);
}

int hark_ssubscribe(struct hark_pubsub *p, const void *channel, size_t len, hark_message_fn *fn,
                    void *context)
{
    return subscribe(p, KIND_SHARD, text_of(channel, len), fn, context);
}

static int leave(struct hark_pubsub *p, struct subscription *s)
{
    if (!p->link) {
        drop(p, s);
        return 0;
    }
    int rc = s->leaving ? 0 : asked(p, ask(p, kinds[s->kind].unsubscribe, name_of(s)));
    if (rc == 0) s->leaving = true;
    return rc;
}

static int leave_channel(struct hark_pubsub *p, struct subscription *s)
{
    return s->kind == KIND_CHANNEL ? leave(p, s) : 0;
}

static int leave_pattern(struct hark_pubsub *p, struct subscription *s)
{
    return s->kind == KIND_PATTERN ? leave(p, s) : 0;
}

static int leave_shard(struct hark_pubsub *p, struct subscription *s)
{
    return s->kind == KIND_SHARD ? leave(p, s) : 0;
}

static int unsubscribe(struct hark_pubsub *p, enum subscription_kind kind, const void *name,
                       size_t len)
{
    int (*const all[])(struct hark_pubsub *, struct subscription *) = {
        [KIND_CHANNEL] = leave_channel, [KIND_PATTERN] = leave_pattern, [KIND_SHARD] = leave_shard};
    int rc = check_use(p);
    if (rc < 0) return rc;
    if (!name) return for_each(p, all[kind]);
    struct subscription *s = find(&p->subs, kind, text_of(name, len));
    return s ? leave(p, s) : 0;
}

int hark_unsubscribe(struct hark_pubsub *p, const void *channel, size_t len)
{
    return unsubscribe(p, KIND_CHANNEL, channel, len);
}

int hark_punsubscribe(struct hark_pubsub *p, const void *pattern, size_t len)
{
    return unsubscribe(p, KIND_PATTERN, pattern, len);
}

int hark_sunsubscribe(struct hark_pubsub *p, const void *channel, size_t len)
{
    return unsubscribe(p, KIND_SHARD, channel, len);
}

/* ---- what the server says ---- */

/* The subscription stands again: says what may have been missed. */
static int resumed(struct hark_pubsub *p, struct subscription *s, struct hark_message **out)
{
    char from[24], to[24], sentence[128];
    int verdict, from_len = snprintf(from, sizeof from, "%lld", (long long)p->lost_ms);
    int to_len = snprintf(to, sizeof to, "%lld", (long long)hark_unix_ms());
    int len = snprintf(sentence, sizeof sentence,
                       "the connection was lost and stands again; messages from %s to %s (unix ms) "
                       "may be missing",
                       from, to);
    struct hark_message m = {.type = HARK_M_RESUMED,
                             .channel = name_of(s),
                             .data = {sentence, (size_t)len},
                             .from = {from, (size_t)from_len},
                             .to = {to, (size_t)to_len}};
    if (s->kind == KIND_PATTERN) m.pattern = m.channel;
    s->resuming = false;
    return hark_pubsub_hand_out(p, &m, s->fn, s->context, out, &verdict);
}

static int confirmed(struct hark_pubsub *p, enum subscription_kind kind, bool here,
                     const struct hark_reply *r, struct hark_message **out)
{
    struct subscription *s = find(&p->subs, kind, hark_text_of(&r->at[1]));
    struct hark_message m = {.type = here ? kinds[kind].subscribed : kinds[kind].unsubscribed,
                             .channel = hark_text_of(&r->at[1]),
                             .count = r->at[2].integer};
    int verdict;
    if (s && here) {
        s->confirmed = true;
        if (s->resuming) return resumed(p, s, out);
    } else if (s && s->leaving) {
        drop(p, s);
    }
    return hark_pubsub_hand_out(p, &m, NULL, NULL, out, &verdict);
}

/* The words of a message: its name, the pattern if it has one, channel and data. */
static int said(struct hark_pubsub *p, enum subscription_kind kind, const struct hark_text words[],
                size_t count, struct hark_message **out)
{
    bool pattern = kind == KIND_PATTERN;
    if (count != (pattern ? 4 : 3)) return 0;
    struct hark_message m = {
        .type = kinds[kind].said, .channel = words[count - 2], .data = words[count - 1]};
    if (pattern) m.pattern = words[1];
    const struct subscription *s = find(&p->subs, kind, words[1]);
    int verdict;
    return hark_pubsub_hand_out(p, &m, s ? s->fn : NULL, s ? s->context : NULL, out, &verdict);
}

int hark_pubsub_take_words(struct hark_pubsub *p, const struct hark_text words[], size_t count,
                           struct hark_message **out)
{
    for (enum subscription_kind k = 0; k < KINDS; k++)
        if (hark_text_is(words[0], kinds[k].message)) return said(p, k, words, count, out);
    return 0;
}

/* The server refused the oldest request that is not confirmed. */
static int refused(struct hark_pubsub *p, const struct hark_reply *r)
{
    struct subscription *oldest = NULL;
    for (size_t i = 0; p->subs.buckets && i <= p->subs.mask; i++)
        for (struct subscription *s = p->subs.buckets[i]; s; s = s->next)
            if (!s->confirmed && (!oldest || s->asked < oldest->asked)) oldest = s;
    hark_pubsub_refuse(p, HARK_DENIED, "%s: %s", oldest ? oldest->name : "the server", r->text);
    if (oldest) drop(p, oldest);
    return HARK_DENIED;
}

static int take(struct hark_pubsub *p, const struct hark_reply *r, struct hark_message **out)
{
    if (r->type == HARK_T_ERROR) return refused(p, r);
    bool list = (r->type == HARK_T_ARRAY || r->type == HARK_T_PUSH) && r->count >= 3;
    if (!list || r->at[0].type != HARK_T_STRING) return 0;
    struct hark_text words[HARK_WORDS_MAX], word = hark_text_of(&r->at[0]);
    for (size_t i = 0; i < r->count && i < HARK_WORDS_MAX; i++) words[i] = hark_text_of(&r->at[i]);
    for (enum subscription_kind k = 0; k < KINDS; k++) {
        if (hark_text_is(word, kinds[k].subscribe)) return confirmed(p, k, true, r, out);
        if (hark_text_is(word, kinds[k].unsubscribe)) return confirmed(p, k, false, r, out);
    }
    return r->count <= HARK_WORDS_MAX ? hark_pubsub_take_words(p, words, r->count, out) : 0;
}

int hark_pubsub_take_reply(struct hark_pubsub *p, struct hark_reply *reply,
                           struct hark_message **out)
{
    int rc = take(p, reply, out);
    hark_reply_free(reply);
    return rc;
}
