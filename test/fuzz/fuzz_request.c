/* However its input is cut, the request parser must find the same requests or the same error.
 *
 * The first byte of an input chooses the limits, the rest is what a client sends. */
#include "../../src/base/assert.h"
#include "../../src/base/buffer.h"
#include "../../src/resp/request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS_MAX = 64 };

static struct resp_limits choose_limits(uint8_t choice)
{
    return (struct resp_limits){
        .inline_bytes_max = choice & 1 ? 30 : 64 * 1024,
        .words_max = choice & 2 ? 5 : 1024 * 1024,
        .bulk_bytes_max = choice & 4 ? 20 : 512 * 1024 * 1024,
        .unauthenticated = choice & 8,
    };
}

struct stream {
    struct resp_parser parser;
    struct slice input;
    size_t consumed; /* by the requests that are complete */
    struct buffer script;
    enum resp_status status;
};

static void note(struct stream *s, const struct resp_words *words, const struct resp_request *q)
{
    CHECK(q->size > 0);
    CHECK(q->first + (size_t)q->argc == words->len);
    buffer_printf(&s->script, "%d:", q->argc);
    for (size_t i = q->first; i < words->len; i++) {
        buffer_printf(&s->script, "%zu ", words->at[i].len);
        buffer_add_slice(&s->script, words->at[i]);
    }
}

/* Shows the parser the input up to `end`, in a place of its own, and writes down what it finds. */
static void feed(struct stream *s, size_t end)
{
    size_t len = end - s->consumed, at = 0;
    char *copy = malloc(len + 1);
    struct resp_words words = {0};
    struct resp_request request;
    if (len) memcpy(copy, s->input.at + s->consumed, len);
    /* The byte behind the input is not ours to read. */
    char *bytes = realloc(copy, len ? len : 1);
    CHECK(bytes);
    while ((s->status = resp_request_next(&s->parser, bytes + at, len - at, &words, &request)) ==
           RESP_REQUEST) {
        note(s, &words, &request);
        at += request.size;
        CHECK(at <= len);
    }
    if (s->status == RESP_ERROR)
        buffer_add_slice(&s->script, slice_text(s->parser.error));
    else
        CHECK(!s->parser.bytes_needed || s->parser.bytes_needed > len - at);
    s->consumed += at;
    resp_words_fini(&words);
    free(bytes);
}

static void stream_init(struct stream *s, struct resp_limits limits, struct slice input)
{
    *s = (struct stream){.input = input};
    buffer_reserve(&s->script, 1);
    resp_parser_init(&s->parser, limits);
}

static void stream_fini(struct stream *s)
{
    resp_parser_fini(&s->parser);
    buffer_fini(&s->script);
}

static void compare(const struct stream *whole, const struct stream *cut)
{
    CHECK(whole->status == cut->status);
    CHECK(whole->consumed == cut->consumed);
    CHECK(slice_equal(buffer_slice(&whole->script), buffer_slice(&cut->script)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    struct resp_limits limits = choose_limits(data[0]);
    struct slice input = slice_of(data + 1, size - 1);
    struct stream whole, cut;

    stream_init(&whole, limits, input);
    feed(&whole, input.len);

    size_t step = 1 + input.len / CUTS_MAX;
    for (size_t at = 0; at <= input.len; at += step) {
        stream_init(&cut, limits, input);
        feed(&cut, at);
        if (cut.status == RESP_MORE) feed(&cut, input.len);
        compare(&whole, &cut);
        stream_fini(&cut);
    }

    stream_init(&cut, limits, input);
    for (size_t at = 0; at <= input.len && cut.status == RESP_MORE; at++) feed(&cut, at);
    compare(&whole, &cut);
    stream_fini(&cut);
    stream_fini(&whole);
    return 0;
}
