/* Plays recorded inputs through a fuzz target, without a fuzzer: arguments are files, or folders
 * of files. Prints a line per input before it runs, so that a crash names the one at fault. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int play_file(const char *path, off_t size)
{
    FILE *f = fopen(path, "rb");
    /* Exactly as large as the input, so that the sanitizer sees a read past its end. */
    uint8_t *bytes = malloc(size ? (size_t)size : 1);
    if (!f || !bytes || fread(bytes, 1, (size_t)size, f) != (size_t)size) {
        perror(path);
        return 1;
    }
    fclose(f);
    printf("played %s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    return 0;
}

static int play(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) return play_file(path, st.st_size);

    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    int failures = count < 0;
    for (int i = 0; i < count; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.') failures += play(inner);
        free(names[i]);
    }
    if (count >= 0) free(names);
    return failures;
}

int main(int argc, char **argv)
{
    int failures = 0;
    for (int i = 1; i < argc; i++) failures += play(argv[i]);
    return failures ? 1 : 0;
}
