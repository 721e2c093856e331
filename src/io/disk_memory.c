#include "disk_memory.h"

#include "../base/assert.h"
#include "../base/buffer.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/random.h"
#include "thread.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 64, NAMES = 256, OPEN_FILES = 64, NODES = 512 };

/* One write, or a change of size, that was not synced. */
struct pending {
    struct pending *next;
    uint64_t order; /* over all files */
    uint64_t at;
    size_t len;
    bool resize; /* the file gets `at` bytes; len is 0 */
    char bytes[];
};

struct node {
    bool used;
    bool locked;
    int opened;
    struct buffer now, safe;
    struct pending *first, **last;
};

/* The folder: names and the nodes they stand for, -1 where a row is free. */
struct names {
    struct {
        char name[NAME_MAX_BYTES];
        int node;
    } row[NAMES];
};

/* A change of names that was not synced: `to` NULL is an unlink, `from` NULL a new file. */
struct change {
    struct change *next;
    int node;
    char from[NAME_MAX_BYTES], to[NAME_MAX_BYTES];
};

struct handle {
    int node; /* -1: free */
    bool writes, locks;
};

struct memory {
    struct disk disk;
    struct mutex lock;
    struct node nodes[NODES];
    struct names now, safe;
    struct change *first, **last;
    struct handle handles[OPEN_FILES];
    uint64_t calls, order, fail_at, room;
    enum disk_fault fault;
    bool met, dead;
};

static struct memory *memory_of(struct disk *d)
{
    return (struct memory *)d;
}

/* Names -------------------------------------------------------------------------------------- */

static int names_find(const struct names *n, const char *name)
{
    for (int i = 0; i < NAMES; i++)
        if (n->row[i].node >= 0 && strcmp(n->row[i].name, name) == 0) return i;
    return -1;
}

static void names_remove(struct names *n, const char *name)
{
    int i = names_find(n, name);
    if (i >= 0) n->row[i].node = -1;
}

static void names_set(struct names *n, const char *name, int node)
{
    names_remove(n, name);
    for (int i = 0; i < NAMES; i++) {
        if (n->row[i].node >= 0) continue;
        snprintf(n->row[i].name, NAME_MAX_BYTES, "%s", name);
        n->row[i].node = node;
        return;
    }
    CHECK(!"more files than the memory disk has room for");
}

static void names_apply(struct names *n, const struct change *c)
{
    if (c->from[0]) names_remove(n, c->from);
    if (c->to[0]) names_set(n, c->to, c->node);
}

static void change(struct memory *m, const char *from, const char *to, int node)
{
    struct change *c = mem_new(struct change);
    c->node = node;
    if (from) snprintf(c->from, sizeof c->from, "%s", from);
    if (to) snprintf(c->to, sizeof c->to, "%s", to);
    names_apply(&m->now, c);
    *m->last = c;
    m->last = &c->next;
}

static void changes_drop(struct memory *m)
{
    while (m->first) {
        struct change *c = m->first;
        m->first = c->next;
        mem_delete(c);
    }
    m->last = &m->first;
}

/* Bytes -------------------------------------------------------------------------------------- */

static void set_size(struct buffer *b, uint64_t size)
{
    if (size > b->len) memset(buffer_reserve(b, size - b->len), 0, size - b->len);
    b->len = size;
}

static void put(struct buffer *b, const void *bytes, size_t len, uint64_t at)
{
    if (len == 0) return;
    if (b->len < at + len) set_size(b, at + len);
    memcpy(b->at + at, bytes, len);
}

static void pend(struct memory *m, struct node *n, const void *bytes, size_t len, uint64_t at,
                 bool resize)
{
    struct pending *p = mem_alloc(sizeof *p + len);
    *p = (struct pending){.order = ++m->order, .at = at, .len = len, .resize = resize};
    if (len) memcpy(p->bytes, bytes, len);
    *n->last = p;
    n->last = &p->next;
}

static void pending_drop(struct node *n)
{
    while (n->first) {
        struct pending *p = n->first;
        n->first = p->next;
        mem_free(p, sizeof *p + p->len);
    }
    n->last = &n->first;
}

static void pending_apply(struct buffer *to, const struct pending *p)
{
    if (p->resize)
        set_size(to, p->at);
    else
        put(to, p->bytes, p->len, p->at);
}

static uint64_t sectors_of(const struct pending *p)
{
    if (p->len == 0) return 0;
    return (p->at + p->len - 1) / DISK_SECTOR - p->at / DISK_SECTOR + 1;
}

/* The part of the write that lies in its i-th sector. */
static void apply_sector(struct buffer *to, const struct pending *p, uint64_t i)
{
    uint64_t begin = (p->at / DISK_SECTOR + i) * DISK_SECTOR, end = begin + DISK_SECTOR;
    if (begin < p->at) begin = p->at;
    if (end > p->at + p->len) end = p->at + p->len;
    put(to, p->bytes + (begin - p->at), end - begin, begin);
}

static void node_free_if_unused(struct memory *m, int index)
{
    struct node *n = &m->nodes[index];
    if (!n->used || n->opened > 0) return;
    for (int i = 0; i < NAMES; i++)
        if (m->now.row[i].node == index || m->safe.row[i].node == index) return;
    for (const struct change *c = m->first; c; c = c->next)
        if (c->node == index) return;
    pending_drop(n);
    buffer_fini(&n->now);
    buffer_fini(&n->safe);
    n->used = false;
}

static int node_new(struct memory *m)
{
    for (int i = 0; i < NODES; i++) {
        node_free_if_unused(m, i);
        struct node *n = &m->nodes[i];
        if (n->used) continue;
        *n = (struct node){.used = true};
        n->last = &n->first;
        return i;
    }
    CHECK(!"more files than the memory disk has room for");
    return -1;
}

static uint64_t bytes_in_use(const struct memory *m)
{
    uint64_t sum = 0;
    for (int i = 0; i < NAMES; i++)
        if (m->now.row[i].node >= 0) sum += m->nodes[m->now.row[i].node].now.len;
    return sum;
}

/* Calls and faults --------------------------------------------------------------------------- */

static int say(struct disk_why *why, int code, const char *text)
{
    snprintf(why->text, sizeof why->text, "%s", text);
    return code;
}

/* Opens a call: counts it, and meets the fault if it is its turn. The lock is held after it. */
static int begin(struct memory *m, struct disk_why *why)
{
    mutex_lock(&m->lock);
    if (m->dead) return say(why, ERR_IO, "the power is gone");
    m->calls++;
    if (m->fail_at == 0 || m->calls != m->fail_at) return 0;
    m->met = true;
    if (m->fault == FAULT_IO) return say(why, ERR_IO, "Input/output error");
    if (m->fault == FAULT_FULL) return say(why, ERR_LIMIT, "No space left on device");
    return 0;
}

static bool faulty_now(const struct memory *m, enum disk_fault fault)
{
    return m->fail_at != 0 && m->calls == m->fail_at && m->fault == fault;
}

static long end(struct memory *m, long result)
{
    if (faulty_now(m, FAULT_CRASH)) m->dead = true;
    mutex_unlock(&m->lock);
    return result;
}

static struct handle *handle_at(struct memory *m, int file)
{
    CHECK(file >= 0 && file < OPEN_FILES && m->handles[file].node >= 0);
    return &m->handles[file];
}

static struct node *node_at(struct memory *m, int file)
{
    return &m->nodes[handle_at(m, file)->node];
}

static int handle_new(struct memory *m, int node, bool writes, bool locks)
{
    for (int i = 0; i < OPEN_FILES; i++) {
        if (m->handles[i].node >= 0) continue;
        m->handles[i] = (struct handle){node, writes, locks};
        m->nodes[node].opened++;
        return i;
    }
    CHECK(!"more open files than the memory disk has room for");
    return -1;
}

/* The table ---------------------------------------------------------------------------------- */

static int memory_open(struct disk *d, const char *name, unsigned flags, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return (int)end(m, rc);
    int row = names_find(&m->now, name);
    if (flags & DISK_NEW) {
        if (row >= 0) return (int)end(m, say(why, ERR_EXISTS, "File exists"));
        int node = node_new(m);
        change(m, NULL, name, node);
        return (int)end(m, handle_new(m, node, true, false));
    }
    if (row < 0) return (int)end(m, say(why, ERR_ABSENT, "No such file or directory"));
    return (int)end(m, handle_new(m, m->now.row[row].node, flags & DISK_WRITE, false));
}

static void memory_close(struct disk *d, int file)
{
    struct memory *m = memory_of(d);
    mutex_lock(&m->lock);
    struct handle *h = handle_at(m, file);
    m->nodes[h->node].opened--;
    if (h->locks) m->nodes[h->node].locked = false;
    h->node = -1;
    mutex_unlock(&m->lock);
}

static int memory_preallocate(struct disk *d, int file, uint64_t size, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return (int)end(m, rc);
    struct node *n = node_at(m, file);
    if (size > n->now.len) {
        if (bytes_in_use(m) + size - n->now.len > m->room)
            return (int)end(m, say(why, ERR_LIMIT, "No space left on device"));
        set_size(&n->now, size);
        pend(m, n, NULL, 0, size, true);
    }
    return (int)end(m, 0);
}

static long memory_read(struct disk *d, int file, void *to, size_t len, uint64_t at,
                        struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return end(m, rc);
    const struct node *n = node_at(m, file);
    if (at >= n->now.len) return end(m, 0);
    if (len > n->now.len - at) len = n->now.len - at;
    if (faulty_now(m, FAULT_SHORT)) len = (len + 1) / 2;
    if (len) memcpy(to, n->now.at + at, len);
    return end(m, (long)len);
}

static long memory_write(struct disk *d, int file, const void *from, size_t len, uint64_t at,
                         struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return end(m, rc);
    CHECK(handle_at(m, file)->writes);
    struct node *n = node_at(m, file);
    if (faulty_now(m, FAULT_SHORT)) len = (len + 1) / 2;
    if (at + len > n->now.len && bytes_in_use(m) + (at + len - n->now.len) > m->room)
        return end(m, say(why, ERR_LIMIT, "No space left on device"));
    put(&n->now, from, len, at);
    pend(m, n, from, len, at, false);
    return end(m, (long)len);
}

static int memory_truncate(struct disk *d, int file, uint64_t size, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return (int)end(m, rc);
    CHECK(handle_at(m, file)->writes);
    struct node *n = node_at(m, file);
    set_size(&n->now, size);
    pend(m, n, NULL, 0, size, true);
    return (int)end(m, 0);
}

static int memory_size(struct disk *d, int file, uint64_t *size, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc == 0) *size = node_at(m, file)->now.len;
    return (int)end(m, rc);
}

static int memory_sync(struct disk *d, int file, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (m->dead) return (int)end(m, rc);
    struct node *n = node_at(m, file);
    if (rc == 0)
        for (const struct pending *p = n->first; p; p = p->next) pending_apply(&n->safe, p);
    pending_drop(n);
    return (int)end(m, rc);
}

static int memory_sync_folder(struct disk *d, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return (int)end(m, rc);
    for (const struct change *c = m->first; c; c = c->next) names_apply(&m->safe, c);
    changes_drop(m);
    return (int)end(m, 0);
}

static int memory_rename(struct disk *d, const char *from, const char *to, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return (int)end(m, rc);
    int row = names_find(&m->now, from);
    if (row < 0) return (int)end(m, say(why, ERR_ABSENT, "No such file or directory"));
    change(m, from, to, m->now.row[row].node);
    return (int)end(m, 0);
}

static int memory_unlink(struct disk *d, const char *name, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return (int)end(m, rc);
    int row = names_find(&m->now, name);
    if (row < 0) return (int)end(m, say(why, ERR_ABSENT, "No such file or directory"));
    change(m, name, NULL, m->now.row[row].node);
    return (int)end(m, 0);
}

static int memory_list(struct disk *d, int (*visit)(void *ctx, const char *name), void *ctx,
                       struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    for (int i = 0; i < NAMES && rc == 0; i++)
        if (m->now.row[i].node >= 0) rc = visit(ctx, m->now.row[i].name);
    return (int)end(m, rc);
}

static int memory_room(struct disk *d, uint64_t *bytes, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    uint64_t used = bytes_in_use(m);
    if (rc == 0) *bytes = used < m->room ? m->room - used : 0;
    return (int)end(m, rc);
}

static int memory_lock(struct disk *d, const char *name, struct disk_why *why)
{
    struct memory *m = memory_of(d);
    int rc = begin(m, why);
    if (rc != 0) return (int)end(m, rc);
    int row = names_find(&m->now, name);
    int node = row >= 0 ? m->now.row[row].node : node_new(m);
    if (row < 0) change(m, NULL, name, node);
    if (m->nodes[node].locked)
        return (int)end(m, say(why, ERR_BUSY, "Resource temporarily unavailable"));
    m->nodes[node].locked = true;
    return (int)end(m, handle_new(m, node, true, true));
}

static const struct disk memory_table = {
    .open = memory_open,
    .close = memory_close,
    .preallocate = memory_preallocate,
    .read = memory_read,
    .write = memory_write,
    .truncate = memory_truncate,
    .size = memory_size,
    .sync = memory_sync,
    .sync_folder = memory_sync_folder,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .list = memory_list,
    .room = memory_room,
    .lock = memory_lock,
};

/* What the tests do -------------------------------------------------------------------------- */

struct disk *disk_memory_new(void)
{
    struct memory *m = mem_new(struct memory);
    m->disk = memory_table;
    mutex_init(&m->lock);
    m->last = &m->first;
    m->room = UINT64_MAX / 2;
    for (int i = 0; i < NAMES; i++) m->now.row[i].node = m->safe.row[i].node = -1;
    for (int i = 0; i < OPEN_FILES; i++) m->handles[i].node = -1;
    return &m->disk;
}

void disk_memory_free(struct disk *d)
{
    struct memory *m = memory_of(d);
    for (int i = 0; i < NODES; i++) {
        if (!m->nodes[i].used) continue;
        pending_drop(&m->nodes[i]);
        buffer_fini(&m->nodes[i].now);
        buffer_fini(&m->nodes[i].safe);
    }
    changes_drop(m);
    mutex_fini(&m->lock);
    mem_delete(m);
}

uint64_t disk_memory_calls(struct disk *d)
{
    return memory_of(d)->calls;
}

void disk_memory_fail(struct disk *d, uint64_t n, enum disk_fault fault)
{
    struct memory *m = memory_of(d);
    m->fail_at = n ? m->calls + n : 0;
    m->fault = fault;
    m->met = false;
}

bool disk_memory_failed(struct disk *d)
{
    return memory_of(d)->met;
}

void disk_memory_set_room(struct disk *d, uint64_t bytes)
{
    memory_of(d)->room = bytes;
}

static const struct pending *last_write(const struct memory *m)
{
    const struct pending *last = NULL;
    for (int i = 0; i < NODES; i++) {
        if (!m->nodes[i].used) continue;
        for (const struct pending *p = m->nodes[i].first; p; p = p->next)
            if (!p->resize && (!last || p->order > last->order)) last = p;
    }
    return last;
}

uint64_t disk_memory_last_sectors(struct disk *d)
{
    const struct pending *p = last_write(memory_of(d));
    return p ? sectors_of(p) : 0;
}

struct fate {
    enum disk_loss loss;
    uint64_t sectors;
    const struct pending *last;
    struct random random;
};

static void settle_write(struct buffer *to, const struct pending *p, struct fate *f)
{
    if (f->loss == LOSS_ALL) return;
    bool whole = f->loss == LOSS_NONE || (f->loss != LOSS_RANDOM && p != f->last);
    if (p->resize && f->loss == LOSS_RANDOM) whole = random_below(&f->random, 2);
    if (whole) pending_apply(to, p);
    if (whole || p->resize) return;
    for (uint64_t i = 0; i < sectors_of(p); i++) {
        bool keep = f->loss == LOSS_TORN   ? i < f->sectors
                    : f->loss == LOSS_HOLE ? i >= f->sectors
                                           : random_below(&f->random, 2) == 1;
        if (keep) apply_sector(to, p, i);
    }
}

static void settle_names(struct memory *m, struct fate *f)
{
    uint64_t count = 0, keep;
    for (const struct change *c = m->first; c; c = c->next) count++;
    keep = f->loss == LOSS_ALL      ? 0
           : f->loss == LOSS_RANDOM ? random_below(&f->random, count + 1)
                                    : count;
    for (const struct change *c = m->first; c && keep > 0; c = c->next, keep--)
        names_apply(&m->safe, c);
    changes_drop(m);
    m->now = m->safe;
}

void disk_memory_crash(struct disk *d, enum disk_loss loss, uint64_t sectors, uint64_t seed)
{
    struct memory *m = memory_of(d);
    struct fate fate = {.loss = loss, .sectors = sectors, .last = last_write(m)};
    random_init(&fate.random, seed);
    if (loss != LOSS_NONE) settle_names(m, &fate);
    for (int i = 0; i < OPEN_FILES; i++) m->handles[i].node = -1;
    for (int i = 0; i < NODES; i++) {
        struct node *n = &m->nodes[i];
        if (!n->used) continue;
        n->opened = 0;
        n->locked = false;
        if (loss == LOSS_NONE) continue; /* a later sync may still save what is pending */
        for (const struct pending *p = n->first; p; p = p->next) settle_write(&n->safe, p, &fate);
        pending_drop(n);
        n->now.len = 0;
        buffer_add_slice(&n->now, buffer_slice(&n->safe));
    }
    m->dead = false;
    m->fail_at = 0;
    for (int i = 0; i < NODES; i++) node_free_if_unused(m, i);
}

struct slice disk_memory_bytes(struct disk *d, const char *name)
{
    struct memory *m = memory_of(d);
    int row = names_find(&m->now, name);
    return row < 0 ? slice_of("", 0) : buffer_slice(&m->nodes[m->now.row[row].node].now);
}

void disk_memory_flip(struct disk *d, const char *name, uint64_t at, unsigned char bits)
{
    struct memory *m = memory_of(d);
    int row = names_find(&m->now, name);
    CHECK(row >= 0);
    struct node *n = &m->nodes[m->now.row[row].node];
    CHECK(at < n->now.len);
    n->now.at[at] ^= (char)bits;
    if (at < n->safe.len) n->safe.at[at] ^= (char)bits;
}

struct disk *disk_memory_copy(struct disk *d)
{
    const struct memory *m = memory_of(d);
    struct disk *copy = disk_memory_new();
    struct memory *to = memory_of(copy);
    to->now = m->now;
    to->safe = m->safe;
    to->room = m->room;
    to->order = m->order;
    for (int i = 0; i < NODES; i++) {
        const struct node *n = &m->nodes[i];
        if (!n->used) continue;
        to->nodes[i] = (struct node){.used = true};
        to->nodes[i].last = &to->nodes[i].first;
        buffer_add_slice(&to->nodes[i].now, buffer_slice(&n->now));
        buffer_add_slice(&to->nodes[i].safe, buffer_slice(&n->safe));
        for (const struct pending *p = n->first; p; p = p->next)
            pend(to, &to->nodes[i], p->bytes, p->len, p->at, p->resize);
    }
    for (const struct change *c = m->first; c; c = c->next)
        change(to, c->from[0] ? c->from : NULL, c->to[0] ? c->to : NULL, c->node);
    return copy;
}
