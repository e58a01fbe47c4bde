/* Every unusual way to write a file that the model understands. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int main(int count, char **arguments) {
    char link_name[64];
    struct iovec pieces[2] = {{"one\n", 4}, {"two\n", 4}};
    if (count < 2 || chdir(arguments[1]) != 0) return 1;
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* A file without a name, that gets one when it is complete. */
    int unnamed = open(".", O_TMPFILE | O_RDWR, 0644);
    if (writev(unnamed, pieces, 2) != 8) return 1;
    fsync(unnamed);
    snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", unnamed);
    linkat(AT_FDCWD, link_name, folder, "linked.tmp", AT_SYMLINK_FOLLOW);
    renameat2(folder, "linked.tmp", folder, "linked \"quoted\" <\t>.json", RENAME_NOREPLACE);

    /* A mapping. */
    int mapped = openat(folder, "mapped.tmp", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (ftruncate(mapped, 8192) != 0 || fallocate(mapped, FALLOC_FL_KEEP_SIZE, 0, 16384) != 0) return 1;
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0);
    memset(memory, 'x', 8192);
    msync(memory, 8192, MS_SYNC);
    munmap(memory, 8192);
    close(mapped);
    renameat(folder, "mapped.tmp", folder, "status.json");

    /* A copy of another file, exchanged with the target, and a write that is durable by itself. */
    int copied = open("copy.tmp", O_WRONLY | O_CREAT | O_EXCL | O_DSYNC, 0644);
    copy_file_range(unnamed, &(off_t){0}, copied, NULL, 8, 0);
    pwritev2(copied, pieces, 2, 8, RWF_DSYNC);
    struct timespec times[2] = {{0, UTIME_OMIT}, {1, 0}};
    futimens(copied, times);
    struct stat status;
    fstat(copied, &status);
    syscall(SYS_renameat2, AT_FDCWD, "copy.tmp", AT_FDCWD, "status.json", RENAME_EXCHANGE);
    unlinkat(folder, "copy.tmp", 0);
    mkdir("folder", 0755);
    unlinkat(AT_FDCWD, "./folder/../folder/", AT_REMOVEDIR);
    fsync(folder);
    return 0;
}
