#include "assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "hark: broken invariant: %s (%s:%d)\n", what, file, line);
    fflush(stderr);
    abort();
}
