/* Serves GLib's g_file_set_contents_full to the conformance kit: one JSON request per line on stdin, one answer per line
   on stdout (SPEC.md, "Mode serve"). JSON is read and written by GLib's companion json-glib. */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(JsonObject *request, JsonObject *reply)
{
    const char *op = json_object_get_string_member(request, "op");
    GError *error = NULL;

    json_object_set_int_member(reply, "id", json_object_get_int_member(request, "id"));
    json_object_set_boolean_member(reply, "ok", TRUE);
    if (strcmp(op, "start") == 0) {
        json_object_set_int_member(reply, "protocol", 1);
        json_object_set_string_member(reply, "name", "glib");
        json_object_set_string_member(reply, "language", "c");
        char *version = g_strdup_printf("%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
        json_object_set_string_member(reply, "version", version);
        g_free(version);
    } else if (strcmp(op, "replace") == 0) {
        const char *path = json_object_get_string_member(request, "path");
        const char *text = json_object_get_string_member(request, "text");
        if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666,
                                      &error)) {
            json_object_set_boolean_member(reply, "ok", FALSE);
            json_object_set_string_member(reply, "error", "io");
            json_object_set_string_member(reply, "message", error->message);
            g_error_free(error);
        }
    } else if (strcmp(op, "stop") != 0) {
        json_object_set_boolean_member(reply, "ok", FALSE);
        json_object_set_string_member(reply, "error", "unsupported");
    }
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    gboolean more = TRUE;

    while (more && getline(&line, &size, stdin) > 0) {
        JsonNode *request = json_from_string(line, NULL);
        JsonNode *reply = json_node_init_object(json_node_alloc(), json_object_new());
        answer(json_node_get_object(request), json_node_get_object(reply));
        char *text = json_to_string(reply, FALSE);
        puts(text);
        fflush(stdout);
        more = strcmp(json_object_get_string_member(json_node_get_object(request), "op"), "stop") != 0;
        g_free(text);
        json_node_unref(request);
        json_node_unref(reply);
    }
    free(line);
    return 0;
}
