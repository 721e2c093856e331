/* Drawing members by lot. */
#include "../base/mem.h"
#include "../base/random.h"
#include "set_table.h"

/* ---- different ones ---- */

/* One walk that takes each member with the chance that is left for it: all choices are equally
 * likely, and nothing needs to be remembered. */
struct selection {
    struct random *random;
    set_visit *visit;
    void *ctx;
    size_t left;   /* members not yet met */
    size_t wanted; /* of them */
};

static bool select_some(void *ctx, struct slice member)
{
    struct selection *s = ctx;
    if (random_below(s->random, s->left--) >= s->wanted) return true;
    s->wanted--;
    return s->visit(s->ctx, member) && s->wanted > 0;
}

static uint64_t hash_of_address(void *ctx, const void *element)
{
    (void)ctx;
    return hash_u64((uint64_t)(uintptr_t)element);
}

/* Draws until there are enough different ones: for few from a large table. */
static void draw_few(const struct set_table *t, size_t count, struct random *random,
                     set_visit *visit, void *ctx)
{
    struct table drawn;
    bool more = true;
    table_init(&drawn, hash_of_address, NULL);
    while (more && table_count(&drawn) < count) {
        void *element = table_random(&t->table, random);
        uint64_t hash = hash_of_address(NULL, element);
        if (table_find_entry(&drawn, hash, element)) continue;
        table_insert(&drawn, hash, element);
        more = visit(ctx, element_text(element));
    }
    table_fini(&drawn);
}

void set_draw(const struct value *v, size_t count, struct random *random, set_visit *visit,
              void *ctx)
{
    enum { FEW = 8 }; /* one in so many: a draw costs more than a step of a walk */
    size_t size = set_count(v);
    if (count >= size) {
        set_walk(v, visit, ctx);
    } else if (count == 1) {
        set_draw_again(v, 1, random, visit, ctx);
    } else if (v->encoding == ENCODING_TABLE && count <= size / FEW) {
        draw_few(v->at, count, random, visit, ctx);
    } else if (count > 0) {
        struct selection s = {random, visit, ctx, size, count};
        set_walk(v, select_some, &s);
    }
}

/* ---- the same ones, too ---- */

static void draw_from_ints(const struct ints *s, uint64_t count, struct random *random,
                           set_visit *visit, void *ctx)
{
    char digits[TEXT_INT_MAX];
    for (; count > 0; count--) {
        int64_t number = ints_at(s, random_below(random, ints_count(s)));
        if (!visit(ctx, slice_of(digits, text_from_int(digits, number)))) return;
    }
}

/* Many draws from a packed list: it is walked once. */
static void draw_from_places(const struct packed *p, uint64_t count, struct random *random,
                             set_visit *visit, void *ctx)
{
    char digits[TEXT_INT_MAX];
    size_t size = packed_count(p), i = 0;
    packed_at *places = mem_alloc(size * sizeof *places);
    for (packed_at at = packed_first(p); at != PACKED_NONE; at = packed_next(p, at))
        places[i++] = at;
    bool more = true;
    for (; more && count > 0; count--)
        more = visit(ctx, packed_text(p, places[random_below(random, size)], digits));
    mem_free(places, size * sizeof *places);
}

static void draw_from_packed(const struct packed *p, uint64_t count, struct random *random,
                             set_visit *visit, void *ctx)
{
    char digits[TEXT_INT_MAX];
    if (count > 2) {
        draw_from_places(p, count, random, visit, ctx);
        return;
    }
    for (; count > 0; count--) {
        packed_at at = packed_nth(p, (int64_t)random_below(random, packed_count(p)));
        if (!visit(ctx, packed_text(p, at, digits))) return;
    }
}

void set_draw_again(const struct value *v, uint64_t count, struct random *random, set_visit *visit,
                    void *ctx)
{
    if (v->encoding == ENCODING_INTS) {
        draw_from_ints(v->at, count, random, visit, ctx);
    } else if (v->encoding == ENCODING_PACKED) {
        draw_from_packed(v->at, count, random, visit, ctx);
    } else {
        const struct set_table *t = v->at;
        while (count-- > 0)
            if (!visit(ctx, element_text(table_random(&t->table, random)))) return;
    }
}
