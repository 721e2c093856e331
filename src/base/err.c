#include "err.h"

const char *err_text(int code)
{
    switch (code) {
    case 0: return "no error";
#define X(name, text) \
    case ERR_##name: return text;
        HARK_ERRORS(X)
#undef X
    default: return "unknown error";
    }
}
