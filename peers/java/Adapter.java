import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Serves the usual idiom of Java to the conformance kit: a temp by Files.createTempFile, then Files.move with
 * ATOMIC_MOVE, and Files.deleteIfExists in the end. One JSON request per line on stdin, one answer per line on stdout
 * (SPEC.md, "Mode serve").
 */
public final class Adapter {
    private static final Pattern ESCAPE = Pattern.compile("\\\\(u([0-9a-fA-F]{4})|.)");

    static void replace(Path target, byte[] data) throws IOException {
        Path temp = Files.createTempFile(target.toAbsolutePath().getParent(), target.getFileName().toString(), ".tmp");
        try {
            try (FileChannel channel = FileChannel.open(temp, StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(data);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            Files.move(temp, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(temp);
        }
    }

    // The requests are flat objects in pure ASCII: a member is found by its name, which no value contains unescaped.
    private static String member(String request, String name) {
        int start = request.indexOf("\"" + name + "\"");
        if (start < 0) {
            return null;
        }
        start = request.indexOf(':', start) + 1;
        while (request.charAt(start) == ' ') {
            start++;
        }
        if (request.charAt(start) != '"') {
            int end = start;
            while (Character.isDigit(request.charAt(end))) {
                end++;
            }
            return request.substring(start, end);
        }
        int end = start + 1;
        while (request.charAt(end) != '"') {
            end += request.charAt(end) == '\\' ? 2 : 1;
        }
        return ESCAPE.matcher(request.substring(start + 1, end))
                .replaceAll(found -> Matcher.quoteReplacement(unescape(found.group(1), found.group(2))));
    }

    private static String unescape(String escape, String digits) {
        if (digits != null) {
            return String.valueOf((char) Integer.parseInt(digits, 16));
        }
        int index = "bfnrt".indexOf(escape);
        return index < 0 ? escape : String.valueOf("\b\f\n\r\t".charAt(index));
    }

    private static String quoted(String text) {
        StringBuilder result = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            result.append(c >= ' ' && c < 127 && c != '"' && c != '\\' ? String.valueOf(c) : String.format("\\u%04x", (int) c));
        }
        return result.append('"').toString();
    }

    private static String answer(String request) {
        switch (member(request, "op")) {
            case "start":
                return "\"ok\":true,\"protocol\":1,\"name\":\"java\",\"language\":\"java\",\"version\":"
                        + quoted(System.getProperty("java.version"));
            case "stop":
                return "\"ok\":true";
            case "replace":
                try {
                    replace(Path.of(member(request, "path")), member(request, "text").getBytes(StandardCharsets.UTF_8));
                    return "\"ok\":true";
                } catch (IOException error) {
                    return "\"ok\":false,\"error\":\"io\",\"message\":" + quoted(error.toString());
                } catch (InvalidPathException error) {
                    return "\"ok\":false,\"error\":\"invalid\",\"message\":" + quoted(error.toString());
                }
            default:
                return "\"ok\":false,\"error\":\"unsupported\"";
        }
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String request; (request = input.readLine()) != null; ) {
            System.out.println("{\"id\":" + member(request, "id") + "," + answer(request) + "}");
            System.out.flush();
            if (member(request, "op").equals("stop")) {
                return;
            }
        }
    }
}
