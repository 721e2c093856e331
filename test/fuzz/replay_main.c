/* Runs a fuzz target over the files and folders given, without libFuzzer: `make test` replays the
 * corpora with it, and a crash found elsewhere is debugged with it. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void die(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
}

static void replay_file(FILE *file, const char *path)
{
    size_t cap = 4096, len = 0;
    uint8_t *data = malloc(cap);
    if (!data) die(path);
    while ((len += fread(data + len, 1, cap - len, file)) == cap) {
        data = realloc(data, cap *= 2);
        if (!data) die(path);
    }
    if (ferror(file)) die(path);
    /* A copy of exactly this size, so that the sanitizers see a read beyond the end. */
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact) die(path);
    memcpy(exact, data, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    free(data);
}

/* Returns how many inputs it has run. */
static int replay(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        FILE *file = fopen(path, "rb");
        if (!file) die(path);
        replay_file(file, path);
        fclose(file);
        return 1;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        char inner[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        count += replay(inner);
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) count += replay(argv[i]);
    printf("%d inputs\n", count);
    return count ? 0 : 1;
}
