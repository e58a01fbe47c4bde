/* What `pulse conformance` judges: one JSON request per line on stdin, one answer per line on stdout. POSIX. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int save(const char *path, const char *text, size_t length);

struct text {
    char *bytes;
    size_t length;
};

static struct text member(const char *request, const char *name);
static void answer_error(const char *message);

static void answer(const char *request)
{
    struct text op = member(request, "op"), path, text;

    if (strcmp(op.bytes, "start") == 0)
        printf("\"ok\":true,\"protocol\":1,\"name\":\"mine\",\"version\":\"1\",\"language\":\"c\"");
    else if (strcmp(op.bytes, "stop") == 0)
        printf("\"ok\":true");
    else if (strcmp(op.bytes, "replace") == 0) {
        path = member(request, "path");
        text = member(request, "text");
        if (save(path.bytes, text.bytes, text.length) == 0) /* YOUR WRITER: call it here; then remove save below */
            printf("\"ok\":true");
        else
            answer_error(strerror(errno));
        free(path.bytes);
        free(text.bytes);
    } else
        printf("\"ok\":false,\"error\":\"unsupported\"");
    free(op.bytes);
}

static int sync_file(int descriptor)
{
    int result;

    do
        result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    return result;
}

static int fill(int descriptor, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t done = write(descriptor, text, length);
        if (done < 0 && errno != EINTR)
            return -1;
        if (done > 0) {
            text += done;
            length -= (size_t)done;
        }
    }
    return sync_file(descriptor);
}

static int sync_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result, number;

    if (descriptor < 0)
        return -1;
    result = sync_file(descriptor);
    if (result != 0 && (errno == EINVAL || errno == ENOTSUP))
        result = 0; /* this file system cannot sync folders */
    number = errno;
    close(descriptor);
    errno = number;
    return result;
}

/* A stand-in, so that everything runs from the start. It keeps no mode: each file becomes 0600.
   Returns 0, or -1 and errno. */
static int save(const char *path, const char *text, size_t length)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
    char *temp = NULL;
    int descriptor, result, number;

    if (folder == NULL || asprintf(&temp, "%s.XXXXXX", folder) < 0) {
        free(folder);
        return -1;
    }
    descriptor = mkostemp(temp, O_CLOEXEC); /* 0600, and new */
    result = descriptor < 0 ? -1 : fill(descriptor, text, length);
    number = errno;
    if (descriptor >= 0 && close(descriptor) != 0 && result == 0) {
        result = -1;
        number = errno;
    }
    if (result == 0 && rename(temp, path) != 0) {
        result = -1;
        number = errno;
    }
    if (result != 0 && descriptor >= 0)
        unlink(temp); /* must not hide the first error */
    if (result == 0) {
        result = sync_folder(folder);
        number = errno;
    }
    free(temp);
    free(folder);
    errno = number;
    return result;
}

static unsigned code_unit(const char *digits)
{
    char four[5] = {0};

    strncpy(four, digits, 4);
    return (unsigned)strtoul(four, NULL, 16);
}

static size_t utf8(unsigned code, char *into)
{
    if (code < 0x80) {
        into[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        into[0] = (char)(0xC0 | code >> 6);
        into[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        into[0] = (char)(0xE0 | code >> 12);
        into[1] = (char)(0x80 | (code >> 6 & 0x3F));
        into[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    into[0] = (char)(0xF0 | code >> 18);
    into[1] = (char)(0x80 | (code >> 12 & 0x3F));
    into[2] = (char)(0x80 | (code >> 6 & 0x3F));
    into[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* A string of a request, decoded, with its length, because it may hold U+0000. Requests are flat objects in pure ASCII,
   in whose values a quote is always escaped, so that a member is found by its quoted name. */
static struct text member(const char *request, const char *name)
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    struct text value = {calloc(1, strlen(request) + 1), 0};
    char quoted[32];
    const char *at;

    if (value.bytes == NULL)
        exit(1);
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    at = strstr(request, quoted);
    if (at == NULL || (at = strchr(at + strlen(quoted), '"')) == NULL)
        return value;
    for (at++; *at != '"' && *at != '\0'; at++) {
        const char *letter;
        unsigned code;

        if (*at != '\\') {
            value.bytes[value.length++] = *at;
        } else if (*++at != 'u') {
            letter = strchr(letters, *at);
            value.bytes[value.length++] = letter && *letter ? controls[letter - letters] : *at;
        } else {
            code = code_unit(at + 1);
            at += 4;
            if (code >= 0xD800 && code < 0xDC00 && at[1] == '\\') { /* the other half of the pair follows */
                code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(at + 3) - 0xDC00);
                at += 6;
            }
            value.length += utf8(code, value.bytes + value.length);
        }
    }
    return value;
}

static void answer_error(const char *message)
{
    printf("\"ok\":false,\"error\":\"io\",\"message\":\"");
    for (; *message; message++)
        if (*message == '"' || *message == '\\' || (unsigned char)*message < ' ')
            printf("\\u%04x", (unsigned)*message);
        else
            putchar(*message);
    putchar('"');
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    int more = 1;

    while (more && getline(&line, &size, stdin) > 0) {
        const char *id = strstr(line, "\"id\"");
        struct text op = member(line, "op");

        printf("{\"id\":%ld,", id ? atol(strchr(id, ':') + 1) : -1);
        answer(line);
        printf("}\n");
        fflush(stdout);
        more = strcmp(op.bytes, "stop") != 0;
        free(op.bytes);
    }
    free(line);
    return 0;
}
