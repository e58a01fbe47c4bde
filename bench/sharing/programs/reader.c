/* A reader in C; see README.md. fopen is the way that is measured. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define LARGEST 65536

static char now[LARGEST], before[LARGEST];

int main(int count, char **words)
{
    if (count != 5) {
        fprintf(stderr, "usage: reader WAY TARGET PAUSE_MS SECONDS\n");
        return 2;
    }
    const char *target = words[2];
    DWORD pause = (DWORD)atoi(words[3]);
    unsigned long ok = 0, missing = 0, torn = 0, changes = 0, refused = 0;
    size_t size_before = 0;
    char line[16];

    printf("ready\n");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        return 1;
    ULONGLONG end = GetTickCount64() + (ULONGLONG)(atof(words[4]) * 1000);
    while (GetTickCount64() < end) {
        FILE *file = fopen(target, "rb");
        if (file == NULL) {
            if (errno == ENOENT)
                missing++;
            else
                refused++; /* fopen says EACCES for both 5 and 32 */
        } else {
            size_t size = fread(now, 1, LARGEST, file);
            fclose(file);
            if (size < 2 || now[0] != '{' || now[size - 1] != '}')
                torn++;
            else
                ok++;
            if (size != size_before || memcmp(now, before, size) != 0)
                changes++;
            memcpy(before, now, size);
            size_before = size;
        }
        if (pause)
            Sleep(pause);
    }
    printf("{\"ok\": %lu, \"missing\": %lu, \"torn\": %lu, \"changes\": %lu, \"refused\": {\"EACCES\": %lu}}\n", ok,
           missing, torn, changes, refused);
    return 0;
}
