/* A message on one line, as Python would print the dictionary that its client makes of it. */
#ifndef EXAMPLES_PRINT_H
#define EXAMPLES_PRINT_H

#include <hark.h>
#include <stdio.h>

static void print_bytes(struct hark_text t)
{
    if (!t.at) {
        printf("None");
        return;
    }
    printf("b'");
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c == '\'' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ' || c > '~')
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    putchar('\'');
}

static void print_message(const struct hark_message *m)
{
    printf("{'type': '%s', 'data': ", hark_message_type_text(m->type));
    if (m->type < HARK_M_MESSAGE)
        printf("%lld", (long long)m->count);
    else
        print_bytes(m->data);
    printf(", 'channel': ");
    print_bytes(m->channel);
    printf(", 'pattern': ");
    print_bytes(m->pattern);
    printf("}\n");
    fflush(stdout);
}

#endif
