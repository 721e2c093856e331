/* The parser of replies against any bytes. The first byte says in what pieces the rest arrives;
 * the tokens must be the same as when all of it is there at once, and stay inside the input. */
#include <stdint.h>
#include <stdlib.h>

#include "../../src/base/assert.h"
#include "../../src/base/hash.h"
#include "../../src/resp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t digest(uint64_t so_far, const struct resp_token *token)
{
    so_far = hash_u64(so_far ^ (uint64_t)token->kind ^ (uint64_t)token->depth << 8);
    so_far = hash_u64(so_far ^ (uint64_t)token->integer ^ token->count << 32 ^ token->last);
    for (size_t i = 0; i < token->text.len; i++)
        so_far = hash_u64(so_far ^ (unsigned char)token->text.at[i]);
    return so_far;
}

/* What came of `bytes`, offered `step` more at a time. */
static uint64_t parse(struct slice bytes, size_t step)
{
    struct resp_reply_parser p;
    resp_reply_init(&p, 4096, 1024);
    uint64_t sum = 0;
    size_t from = 0, have = 0;
    for (;;) {
        struct resp_token token;
        enum resp_reply_status status = resp_reply_next(&p, bytes.at + from, have - from, &token);
        if (status < 0) return hash_u64(sum ^ (uint64_t)-status);
        if (status == RESP_REPLY_TOKEN) {
            CHECK(token.size > 0 && token.size <= have - from);
            CHECK(token.text.len == 0 || (token.text.at >= bytes.at + from &&
                                          token.text.at + token.text.len <= bytes.at + have));
            CHECK(token.depth >= 0 && token.depth <= RESP_REPLY_DEPTH_MAX);
            sum = digest(sum, &token);
            from += token.size;
            continue;
        }
        CHECK(p.bytes_needed > have - from);
        if (have == bytes.len) return sum;
        have = bytes.len - have < step ? bytes.len : have + step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct slice bytes = slice_of(data + 1, size - 1);
    CHECK(parse(bytes, 1 + data[0] % 16) == parse(bytes, SIZE_MAX));
    return 0;
}
