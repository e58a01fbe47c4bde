/* A reader in C, with fopen: reader TARGET PAUSE_MS; see ../reader.py. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

static const char *outcome(const char *target)
{
    static char data[65536];
    FILE *file = fopen(target, "rb");
    if (file == NULL)
        return errno == ENOENT ? "missing" : "EACCES"; /* for both 5 and 32 */
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    return size > 1 && data[0] == '{' && data[size - 1] == '}' ? "ok" : "torn";
}

int main(int count, char **words)
{
    while (count == 3) {
        puts(outcome(words[1]));
        fflush(stdout);
        Sleep((DWORD)atoi(words[2]));
    }
    return 2;
}
