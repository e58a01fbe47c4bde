/* The physical limit: the system calls of the reference, and of a reader, and nothing else.
 *
 *   loops write TARGET SIZE DURABLE    replaces TARGET, an absolute path; DURABLE is 1 or 0
 *   loops read TARGET SIZE             opens, reads and closes TARGET, by its name in the current folder
 *   loops read-path TARGET SIZE        the same by its absolute path
 *
 * Each line "COUNT" on standard input is answered with the seconds that COUNT operations took. A write makes the calls
 * that strace shows for the reference when its target exists; tests/bench/test_contenders.py compares them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static void insist(int holds, const char *call) {
    if (!holds) {
        perror(call);
        exit(1);
    }
}

static char *target, *name, folder[4096], temp[4200];
static char *document;
static size_t size;

static void write_once(int durable) {
    struct stat before, now;
    char names[256];
    insist(fstatat(AT_FDCWD, target, &before, AT_SYMLINK_NOFOLLOW) == 0, "stat");
    ssize_t attributes = listxattr(target, names, sizeof names);
    insist(attributes == 0 || (attributes < 0 && errno == ENOTSUP), "listxattr");
    unsigned char random[16];
    char digits[33];
    insist(getrandom(random, sizeof random, 0) == sizeof random, "getrandom");
    for (int i = 0; i < 16; i++) {
        digits[2 * i] = "0123456789abcdef"[random[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
    }
    digits[32] = 0;
    /* As long as the names of the reference: file systems compare and hash names. */
    snprintf(temp, sizeof temp, "%s.pulse-0123abcd-0123456789abcdef-effffffc-12345-%s.tmp", folder, digits);
    int file = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, before.st_mode & 0777);
    insist(file >= 0, "open");
    insist(write(file, document, size) == (ssize_t)size, "write");
    insist(fstat(file, &now) == 0 && now.st_mode == before.st_mode, "fstat");
    attributes = flistxattr(file, names, sizeof names);
    insist(attributes == 0 || (attributes < 0 && errno == ENOTSUP), "flistxattr");
    insist(fsync(file) == 0, "fsync");
    insist(close(file) == 0, "close");
    insist(rename(temp, target) == 0, "rename");
    if (durable) {
        int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        insist(opened >= 0, "open of the folder");
        insist(fsync(opened) == 0, "fsync of the folder");
        insist(close(opened) == 0, "close of the folder");
    }
}

static const char *read_as;

static void read_once(void) {
    int file = open(read_as, O_RDONLY | O_CLOEXEC);
    insist(file >= 0, "open");
    insist(read(file, document, size + 1) == (ssize_t)size, "read");
    insist(close(file) == 0, "close");
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc < 4 || argv[2][0] != '/') {
        fputs("usage: loops write TARGET SIZE DURABLE | loops read TARGET SIZE | loops read-path TARGET SIZE\n", stderr);
        return 2;
    }
    int writes = strcmp(argv[1], "write") == 0, durable = argc > 4 && strcmp(argv[4], "1") == 0;
    target = argv[2];
    name = strrchr(target, '/') + 1;
    snprintf(folder, sizeof folder, "%.*s", (int)(name - target), target);
    read_as = strcmp(argv[1], "read") == 0 ? name : target;
    size = strtoul(argv[3], NULL, 10);
    document = malloc(size + 1);
    insist(document != NULL, "malloc");
    memset(document, 'x', size);
    insist(writes || chdir(folder) == 0, "chdir"); /* like the reader of the harness */
    long count;
    while (scanf("%ld", &count) == 1) {
        double start = now();
        for (long i = 0; i < count; i++) {
            if (writes)
                write_once(durable);
            else
                read_once();
        }
        printf("%.9f\n", now() - start);
        fflush(stdout);
    }
    return 0;
}
