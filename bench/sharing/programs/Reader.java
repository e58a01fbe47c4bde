// A reader in Java: Reader WAY TARGET PAUSE_MS; see ../reader.py. WAY is FileInputStream or readAllBytes.

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

public final class Reader {
    static String outcome(String way, String target) {
        try (InputStream file = way.equals("FileInputStream") ? new FileInputStream(target) : null) {
            byte[] data = file == null ? Files.readAllBytes(Path.of(target)) : file.readAllBytes();
            return data.length > 1 && data[0] == '{' && data[data.length - 1] == '}' ? "ok" : "torn";
        } catch (IOException error) {
            // No exception carries the code, and FileInputStream has one for all reasons: Windows' text is left.
            String text = error.toString();
            if (text.contains("NoSuchFile") || text.contains("cannot find") || text.contains("not found")) {
                return "missing";
            }
            return text.contains("AccessDenied") || text.contains("denied") ? "5" : "32";
        }
    }

    public static void main(String[] words) throws InterruptedException {
        while (true) {
            System.out.println(outcome(words[0], words[1]));
            Thread.sleep(Long.parseLong(words[2]));
        }
    }
}
