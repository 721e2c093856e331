/* Summaries: what is in the groups of a segment, so that a reader can pass over them.
 *
 * Of each group are known: where it begins, 256 bits, and a Bloom filter of hashes: ten bits for
 * each different one, six of them set, so that one in a hundred that are not there seems to be.
 * The file of a finished segment has them as a table, with the filters behind it; reading for bits
 * alone touches the table only. A file that is missing, damaged, or of another scheme is no error:
 * then the group may have anything, and the thread makes the file again. */
#include "../base/crc32c.h"
#include "../base/hash.h"
#include "internal.h"

enum {
    BLOOM_BITS_EACH = 10,
    BLOOM_PROBES = 6,
    SET_CAP_MIN = 1024,
    SET_COUNT_MAX = BLOOM_BYTES_MAX / BLOOM_BITS_EACH * 8,
    WINDOW_BYTES = 256 * 1024,
    GROUPS_MAX = 1 << 22, /* 1 GB of marks alone has fewer */
};

/* Features ----------------------------------------------------------------------------------- */

void journal_has_bit(struct journal_features *f, unsigned bit)
{
    DCHECK(bit < 256);
    f->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

void journal_has_anything(struct journal_features *f)
{
    f->any = true;
}

/* Where the hash is in the set, or would be. */
static uint64_t *set_place(const struct journal_features *f, uint64_t hash)
{
    size_t i = (size_t)hash_u64(hash) & (f->set_cap - 1);
    while (f->set[i] && f->set[i] != hash) i = (i + 1) & (f->set_cap - 1);
    return &f->set[i];
}

static void set_grow(struct journal_features *f)
{
    struct journal_features old = *f;
    f->set_cap = old.set_cap ? 2 * old.set_cap : SET_CAP_MIN;
    f->set = mem_zalloc(f->set_cap * sizeof *f->set);
    for (size_t i = 0; i < old.set_cap; i++)
        if (old.set[i]) *set_place(f, old.set[i]) = old.set[i];
    mem_free(old.set, old.set_cap * sizeof *old.set);
}

void journal_has_hash(struct journal_features *f, uint64_t hash)
{
    if (hash == 0) hash = 1;
    if (f->any) return;
    if (2 * f->set_count >= f->set_cap) set_grow(f);
    uint64_t *place = set_place(f, hash);
    if (*place) return;
    *place = hash;
    if (++f->set_count > SET_COUNT_MAX) f->any = true;
}

void features_reset(struct journal_features *f)
{
    enum { KEPT_MAX = 64 * SET_CAP_MIN };
    if (f->set_cap > KEPT_MAX) features_fini(f);
    if (f->set_count) memset(f->set, 0, f->set_cap * sizeof *f->set);
    memset(f->bits, 0, sizeof f->bits);
    f->set_count = 0;
    f->any = false;
}

void features_fini(struct journal_features *f)
{
    mem_free(f->set, f->set_cap * sizeof *f->set);
    *f = (struct journal_features){0};
}

/* The i-th bit of a hash in a filter of so many bits. */
static inline uint64_t probe(uint64_t hash, unsigned i, uint64_t bits)
{
    uint32_t mixed = (uint32_t)hash + i * ((uint32_t)(hash >> 32) | 1);
    return mixed * bits >> 32;
}

void features_settle(const struct journal_features *f, struct group *g)
{
    memcpy(g->bits, f->bits, sizeof g->bits);
    g->any = f->any;
    if (f->any || !f->set_count) return;
    g->bloom_bytes = (uint32_t)((f->set_count * BLOOM_BITS_EACH + 63) / 64 * 8);
    g->bloom = mem_zalloc(g->bloom_bytes);
    for (size_t i = 0; i < f->set_cap; i++)
        for (unsigned k = 0; f->set[i] && k < BLOOM_PROBES; k++) {
            uint64_t bit = probe(f->set[i], k, 8 * (uint64_t)g->bloom_bytes);
            g->bloom[bit / 8] |= (unsigned char)(1u << bit % 8);
        }
}

/* Matching ----------------------------------------------------------------------------------- */

static bool has_hash(const unsigned char *bloom, uint32_t bytes, uint64_t hash)
{
    if (hash == 0) hash = 1;
    for (unsigned k = 0; k < BLOOM_PROBES; k++) {
        uint64_t bit = probe(hash, k, 8 * (uint64_t)bytes);
        if (!(bloom[bit / 8] & 1u << bit % 8)) return false;
    }
    return true;
}

static bool meets(const struct group *g, const unsigned char *bloom, const struct journal_any *any)
{
    for (int i = 0; i < 4; i++)
        if (g->bits[i] & any->bits[i]) return true;
    if (any->hashes_count == 0 || g->bloom_bytes == 0) return false;
    if (!bloom) return true;
    for (size_t i = 0; i < any->hashes_count; i++)
        if (has_hash(bloom, g->bloom_bytes, any->hashes[i])) return true;
    return false;
}

bool group_may_match(const struct group *g, const unsigned char *bloom,
                     const struct journal_filter *f)
{
    for (size_t i = 0; !g->any && i < f->count; i++)
        if (!meets(g, bloom, &f->all[i])) return false;
    return true;
}

size_t groups_seek(const struct group *groups, size_t count, uint64_t at)
{
    size_t low = 1, high = count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (groups[mid].entry.at <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low - 1;
}

/* Files -------------------------------------------------------------------------------------- */

/* Are the groups in order, and within their segment? */
static bool in_order(const struct summary *s, const struct segment_header *segment, uint64_t end)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct group *g = &s->groups[i];
        if (g->entry.at >= end || g->bloom_bytes > BLOOM_BYTES_MAX) return false;
        if (i > 0 && g->entry.at <= s->groups[i - 1].entry.at) return false;
        if (i > 0 && g->entry.seq < s->groups[i - 1].entry.seq) return false;
    }
    return s->count > 0 && s->groups[0].entry.at == SEGMENT_HEADER_BYTES &&
           s->groups[0].entry.seq == segment->first_seq;
}

static int load_table(struct summary *s, const char *bytes, const struct summary_header *h)
{
    struct disk_why why;
    size_t len = (size_t)h->count * SUMMARY_GROUP_BYTES;
    char *table = buffer_reserve(&s->window, len);
    long n = disk_read_all(s->disk, s->file, table, len, SUMMARY_HEADER_BYTES, &why);
    if (n < 0) return (int)n;
    if ((size_t)n < len || !summary_table_is_sound(h, bytes, table)) return ERR_CORRUPT;
    s->count = h->count;
    s->groups = mem_alloc(s->count * sizeof *s->groups);
    for (size_t i = 0; i < s->count; i++)
        summary_group_decode(&s->groups[i], table + i * SUMMARY_GROUP_BYTES);
    return 0;
}

static int load_file(struct summary *s, const struct segment_header *segment, uint64_t end,
                     uint32_t end_chain, uint32_t scheme)
{
    char bytes[SUMMARY_HEADER_BYTES];
    struct summary_header h;
    struct disk_why why;
    long n = disk_read_all(s->disk, s->file, bytes, sizeof bytes, 0, &why);
    if (n < 0) return (int)n;
    if ((size_t)n < sizeof bytes || !summary_header_decode(&h, bytes)) return ERR_CORRUPT;
    bool of_it = h.number == segment->number && h.seed == segment->seed && h.end == end &&
                 h.end_chain == end_chain && (h.scheme == scheme || scheme == SCHEME_ANY);
    if (!of_it || h.count > GROUPS_MAX) return ERR_CORRUPT;
    int rc = load_table(s, bytes, &h);
    if (rc == 0 && !in_order(s, segment, end)) rc = ERR_CORRUPT;
    return rc;
}

int summary_open(struct summary *s, struct disk *disk, const struct segment_header *segment,
                 uint64_t end, uint32_t end_chain, uint32_t scheme)
{
    char name[SEGMENT_NAME_BYTES];
    struct disk_why why;
    summary_name(segment->number, name);
    s->disk = disk;
    s->number = segment->number;
    s->file = disk->open(disk, name, 0, &why);
    if (s->file < 0) return s->file;
    s->window.len = 0;
    int rc = load_file(s, segment, end, end_chain, scheme);
    if (rc != 0) summary_close(s);
    return rc;
}

void summary_close(struct summary *s)
{
    if (s->file >= 0) s->disk->close(s->disk, s->file);
    mem_free(s->groups, s->count * sizeof *s->groups);
    s->file = -1;
    s->groups = NULL;
    s->count = 0;
    s->window.len = 0;
}

void summary_fini(struct summary *s)
{
    summary_close(s);
    buffer_fini(&s->window);
}

/* The hashes of a group, or NULL when they are not sound. */
static const unsigned char *bloom_of(struct summary *s, const struct group *g)
{
    struct disk_why why;
    uint64_t at = g->bloom_at, len = g->bloom_bytes;
    bool inside = at >= s->window_at && at + len <= s->window_at + s->window.len;
    if (!inside) {
        size_t want = len > WINDOW_BYTES ? (size_t)len : WINDOW_BYTES;
        /* Who goes backwards wants what is before it next. */
        bool back = s->window.len > 0 && at < s->window_at;
        s->window_at = !back ? at : at + len > want ? at + len - want : 0;
        s->window.len = 0;
        char *to = buffer_reserve(&s->window, want);
        long n = disk_read_all(s->disk, s->file, to, want, s->window_at, &why);
        if (n < 0 || s->window_at + (uint64_t)n < at + len) return NULL;
        s->window.len = (size_t)n;
    }
    const char *bytes = s->window.at + (at - s->window_at);
    return crc32c(0, bytes, len) == g->bloom_sum ? (const unsigned char *)bytes : NULL;
}

bool summary_may_match(struct summary *s, size_t group, const struct journal_filter *f)
{
    const struct group *g = &s->groups[group];
    if (!group_may_match(g, NULL, f)) return false;
    return g->any || g->bloom_bytes == 0 || group_may_match(g, bloom_of(s, g), f);
}

static int write_file(struct disk *disk, const char *name, struct slice bytes)
{
    struct disk_why why;
    int file = disk->open(disk, name, DISK_WRITE | DISK_NEW, &why);
    if (file == ERR_EXISTS && disk->unlink(disk, name, &why) == 0)
        file = disk->open(disk, name, DISK_WRITE | DISK_NEW, &why);
    if (file < 0) return file;
    int rc = disk_write_all(disk, file, bytes.at, bytes.len, 0, &why);
    disk->close(disk, file);
    if (rc != 0) disk->unlink(disk, name, &why);
    return rc;
}

int summary_write(struct disk *disk, const struct segment_header *segment, uint64_t end,
                  uint32_t end_chain, uint32_t scheme, const struct group *groups, size_t count)
{
    char name[SEGMENT_NAME_BYTES];
    struct summary_header h = {.scheme = scheme,
                               .count = (uint32_t)count,
                               .number = segment->number,
                               .seed = segment->seed,
                               .end = end,
                               .end_chain = end_chain};
    size_t head = SUMMARY_HEADER_BYTES + count * SUMMARY_GROUP_BYTES;
    struct buffer all = {0};
    buffer_reserve(&all, head);
    all.len = head;
    for (size_t i = 0; i < count; i++) {
        struct group g = groups[i];
        g.bloom_at = all.len;
        g.bloom_sum = crc32c(0, g.bloom, g.bloom_bytes);
        buffer_add(&all, g.bloom, g.bloom_bytes);
        summary_group_encode(&g, all.at + SUMMARY_HEADER_BYTES + i * SUMMARY_GROUP_BYTES);
    }
    summary_header_encode(&h, all.at + SUMMARY_HEADER_BYTES, all.at);
    summary_name(segment->number, name);
    int rc = write_file(disk, name, buffer_slice(&all));
    buffer_fini(&all);
    return rc;
}
