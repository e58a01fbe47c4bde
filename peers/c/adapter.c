/* Serves GLib's g_file_set_contents_full to the conformance kit: one JSON request per line on stdin, one answer per line
   on stdout (SPEC.md, "Mode serve"). It adds nothing to the library: no retry, no check. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *after_escape(const char *from, GString *into)
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    const char *letter = strchr(letters, *from);

    if (*from != 'u') {
        g_string_append_c(into, letter ? controls[letter - letters] : *from);
        return from + 1;
    }
    gunichar code = (gunichar)strtoul(((char[]){from[1], from[2], from[3], from[4], 0}), NULL, 16);
    from += 5;
    if (code >= 0xD800 && code < 0xDC00) { /* the other half of the pair follows, as \uXXXX */
        gunichar low = (gunichar)strtoul(((char[]){from[2], from[3], from[4], from[5], 0}), NULL, 16);
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        from += 6;
    }
    char bytes[6];
    g_string_append_len(into, bytes, g_unichar_to_utf8(code, bytes));
    return from;
}

/* A string of a request, decoded, with its length, because it may hold U+0000. Requests are flat objects in pure ASCII, in
   whose values a quote is always escaped, so that a member is found by its quoted name. */
static GString *member(const char *request, const char *name)
{
    GString *value = g_string_new(NULL);
    char *quoted = g_strdup_printf("\"%s\"", name);
    const char *at = strstr(request, quoted);

    if (at != NULL && (at = strchr(at + strlen(quoted), '"')) != NULL)
        for (at++; *at != '"';) {
            if (*at == '\\')
                at = after_escape(at + 1, value);
            else
                g_string_append_c(value, *at++);
        }
    g_free(quoted);
    return value;
}

static void answer(long id, const char *rest)
{
    printf("{\"id\":%ld,%s}\n", id, rest);
    fflush(stdout);
}

static void answer_io(long id, const char *message)
{
    GString *text = g_string_new("\"ok\":false,\"error\":\"io\",\"message\":\"");

    for (; *message; message++)
        if (*message == '"' || *message == '\\' || (unsigned char)*message < ' ')
            g_string_append_printf(text, "\\u%04x", *message);
        else
            g_string_append_c(text, *message);
    g_string_append_c(text, '"');
    answer(id, text->str);
    g_string_free(text, TRUE);
}

static void replace(long id, const char *request)
{
    const GFileSetContentsFlags flags = G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE;
    GString *path = member(request, "path"), *text = member(request, "text");
    GError *error = NULL;

    if (g_file_set_contents_full(path->str, text->str, (gssize)text->len, flags, 0666, &error))
        answer(id, "\"ok\":true");
    else
        answer_io(id, error->message);
    g_clear_error(&error);
    g_string_free(path, TRUE);
    g_string_free(text, TRUE);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    gboolean more = TRUE;

    while (more && getline(&line, &size, stdin) > 0) {
        long id = atol(strchr(strstr(line, "\"id\""), ':') + 1);
        GString *op = member(line, "op");
        if (strcmp(op->str, "replace") == 0)
            replace(id, line);
        else if (strcmp(op->str, "start") == 0) {
            char *about = g_strdup_printf(
                "\"ok\":true,\"protocol\":1,\"name\":\"glib\",\"language\":\"c\",\"version\":\"%u.%u.%u\"",
                glib_major_version, glib_minor_version, glib_micro_version);
            answer(id, about);
            g_free(about);
        } else
            answer(id, strcmp(op->str, "stop") == 0 ? "\"ok\":true" : "\"ok\":false,\"error\":\"unsupported\"");
        more = strcmp(op->str, "stop") != 0;
        g_string_free(op, TRUE);
    }
    free(line);
    return 0;
}
