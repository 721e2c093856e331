/* One block of memory: for each byte value that occurs in `a`, a row of bits that says where in
 * `b` it stands; behind them the row of the table that is being computed, or all of them. */
#include "lcs.h"

#include "../base/err.h"
#include "../base/mem.h"

/* Numbers the byte values that occur in `a`, from 0; returns how many there are. */
static size_t number_bytes(struct slice a, int16_t number[256])
{
    size_t n = 0;
    memset(number, -1, 256 * sizeof *number);
    for (size_t i = 0; i < a.len; i++) {
        int16_t *of = &number[(unsigned char)a.at[i]];
        if (*of < 0) *of = (int16_t)n++;
    }
    return n;
}

/* The next row of the table, out of the one above it. May be the same memory. */
static void next_row(uint64_t *row, const uint64_t *above, const uint64_t *match, size_t words)
{
    uint64_t carry = 0;
    for (size_t w = 0; w < words; w++) {
        uint64_t up = above[w], met = up & match[w], sum;
        uint64_t over = __builtin_add_overflow(up, met, &sum);
        over |= __builtin_add_overflow(sum, carry, &sum);
        row[w] = sum | (up ^ met);
        carry = over;
    }
}

static size_t count_zeros(const uint64_t *row, size_t bits)
{
    size_t zeros = 0;
    for (size_t i = 0; i < bits; i++) zeros += !(row[i / 64] >> (i % 64) & 1);
    return zeros;
}

static bool times(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

int lcs_init(struct lcs *l, struct slice a, struct slice b, bool path)
{
    *l = (struct lcs){.a = a, .b = b};
    if (!a.len || !b.len) return 0;

    int16_t number[256];
    size_t bytes = number_bytes(a, number), size;
    l->row_words = (b.len + 63) / 64;
    if (!times(bytes + (path ? a.len : 1), l->row_words, &l->bits_words)) return ERR_NOMEM;
    if (!times(l->bits_words, sizeof *l->bits, &size)) return ERR_NOMEM;
    l->bits = mem_try_alloc(size);
    if (!l->bits) return ERR_NOMEM;

    memset(l->bits, 0, bytes * l->row_words * sizeof *l->bits);
    for (size_t j = 0; j < b.len; j++) {
        int16_t n = number[(unsigned char)b.at[j]];
        if (n >= 0) l->bits[(size_t)n * l->row_words + j / 64] |= (uint64_t)1 << (j % 64);
    }

    uint64_t *row = l->rows = l->bits + bytes * l->row_words;
    const uint64_t *above = row;
    memset(row, 0xff, l->row_words * sizeof *row); /* above the first: nothing is shared yet */
    for (size_t i = 0; i < a.len; i++) {
        const uint64_t *match = l->bits + (size_t)number[(unsigned char)a.at[i]] * l->row_words;
        next_row(row, above, match, l->row_words);
        above = row;
        if (path) row += l->row_words;
    }
    l->len = count_zeros(above, b.len);
    return 0;
}

void lcs_fini(struct lcs *l)
{
    mem_free(l->bits, l->bits_words * sizeof *l->bits);
    l->bits = NULL;
}

/* Is what the first i and j bytes share longer than what the first i and j - 1 do? */
static bool grows(const struct lcs *l, size_t i, size_t j)
{
    return !(l->rows[(i - 1) * l->row_words + (j - 1) / 64] >> ((j - 1) % 64) & 1);
}

bool lcs_next_run(const struct lcs *l, struct lcs_walk *w, struct lcs_run *run)
{
    const char *a = l->a.at, *b = l->b.at;
    size_t i = w->a, j = w->b;
    while (i && j && a[i - 1] != b[j - 1]) { /* the bytes differ: drop the one that costs nothing */
        if (grows(l, i, j))
            i--;
        else
            j--;
    }
    size_t end = i;
    while (i && j && a[i - 1] == b[j - 1]) i--, j--;
    *w = (struct lcs_walk){i, j};
    *run = (struct lcs_run){i, j, end - i};
    return end > i;
}
