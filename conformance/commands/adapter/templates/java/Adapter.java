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
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What {@code pulse conformance} judges: one JSON request per line on stdin, one answer per line on stdout. */
public final class Adapter {
    private static String answer(String request) {
        switch (member(request, "op")) {
            case "start":
                return "\"ok\":true,\"protocol\":1,\"name\":\"mine\",\"version\":\"1\",\"language\":\"java\"";
            case "replace":
                try {
                    save(Path.of(member(request, "path")), member(request, "text")); // YOUR WRITER: call it here
                    return "\"ok\":true";
                } catch (IOException | InvalidPathException error) {
                    return "\"ok\":false,\"error\":\"io\",\"message\":" + quoted(error.toString());
                }
            case "stop":
                return "\"ok\":true";
            default:
                return "\"ok\":false,\"error\":\"unsupported\"";
        }
    }

    /** A stand-in, so that everything runs from the start. It keeps no mode: each file becomes 0600. */
    private static void save(Path path, String text) throws IOException {
        Path folder = path.toAbsolutePath().getParent();
        Path temp = folder.resolve("." + UUID.randomUUID() + ".tmp");
        boolean posix = Files.getFileStore(folder).supportsFileAttributeView("posix");
        FileChannel channel = posix ? FileChannel.open(temp, NEW, PRIVATE) : FileChannel.open(temp, NEW);
        try {
            try (channel) {
                ByteBuffer buffer = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            Files.move(temp, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException error) {
            remove(temp, error);
            throw error;
        }
        if (posix) {
            try (FileChannel opened = FileChannel.open(folder, StandardOpenOption.READ)) {
                opened.force(true);
            }
        }
    }

    private static final Set<StandardOpenOption> NEW =
            EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    private static final FileAttribute<?> PRIVATE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private static void remove(Path temp, IOException error) {
        try {
            Files.delete(temp);
        } catch (IOException second) {
            error.addSuppressed(second); // must not hide the first error
        }
    }

    private static final Pattern ESCAPE = Pattern.compile("\\\\(u([0-9a-fA-F]{4})|.)");

    // Requests are flat objects in pure ASCII: a member is found by its name, which no value contains unescaped.
    private static String member(String request, String name) {
        int start = request.indexOf("\"" + name + "\"");
        if (start < 0) {
            return "";
        }
        start = request.indexOf(':', start) + 1;
        while (request.charAt(start) == ' ') {
            start++;
        }
        int end = start + 1;
        if (request.charAt(start) != '"') {
            while (Character.isDigit(request.charAt(end))) {
                end++;
            }
            return request.substring(start, end);
        }
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
        for (char each : text.toCharArray()) {
            boolean plain = each >= ' ' && each < 127 && each != '"' && each != '\\';
            result.append(plain ? String.valueOf(each) : String.format("\\u%04x", (int) each));
        }
        return result.append('"').toString();
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String request; (request = input.readLine()) != null; ) {
            System.out.print("{\"id\":" + member(request, "id") + "," + answer(request) + "}\n");
            System.out.flush();
            if (member(request, "op").equals("stop")) {
                return;
            }
        }
    }
}
