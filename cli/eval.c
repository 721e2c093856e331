#include "cli.h"

#include <errno.h>
#include <string.h>

int eval_run(struct session *s)
{
    const struct options *o = s->options;
    FILE *file = fopen(o->script, "r");
    struct text script = {0};
    text_add(&script, "", 0);
    bool read = file && text_add_stream(&script, file);
    if (!read) fprintf(stderr, "Can't read %s: %s\n", o->script, strerror(errno));
    if (file) fclose(file);
    if (!read) {
        text_fini(&script);
        return 1;
    }

    int keys = 0;
    while (keys < o->argc && strcmp(o->argv[keys], ",") != 0) keys++;
    char count[16];
    int len = snprintf(count, sizeof count, "%d", keys);
    struct words w = {0};
    words_add(&w, "EVAL", 4);
    words_add(&w, script.at, script.len);
    words_add(&w, count, (size_t)len);
    for (int i = 0; i < o->argc; i++)
        if (i != keys) words_add(&w, o->argv[i], strlen(o->argv[i]));
    int rc = session_run(s, w.count, (const char *const *)w.at, w.lens, o->repeat);
    words_fini(&w);
    text_fini(&script);
    return rc != 0 || (o->exit_on_error && s->last_was_error);
}
