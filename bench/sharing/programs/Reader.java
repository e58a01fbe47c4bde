// A reader in Java; see README.md. WAY is FileInputStream or Files.readAllBytes.

import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;

public final class Reader {
    public static void main(String[] words) throws Exception {
        if (words.length != 4) {
            System.err.println("usage: Reader WAY TARGET PAUSE_MS SECONDS");
            System.exit(2);
        }
        boolean stream = words[0].equals("FileInputStream");
        long pause = Long.parseLong(words[2]);
        long ok = 0, missing = 0, torn = 0, changes = 0, denied = 0, sharing = 0;
        byte[] before = new byte[0];

        System.out.println("ready");
        System.in.read();
        long end = System.nanoTime() + (long) (Double.parseDouble(words[3]) * 1e9);
        while (System.nanoTime() < end) {
            try {
                byte[] now;
                if (stream) {
                    try (InputStream file = new FileInputStream(words[1])) {
                        now = file.readAllBytes();
                    }
                } else {
                    now = Files.readAllBytes(Path.of(words[1]));
                }
                if (now.length < 2 || now[0] != '{' || now[now.length - 1] != '}') {
                    torn++;
                } else {
                    ok++;
                }
                if (!Arrays.equals(now, before)) {
                    changes++;
                    before = now;
                }
            } catch (NoSuchFileException error) {
                missing++;
            } catch (AccessDeniedException error) {
                denied++;
            } catch (FileNotFoundException error) {
                // FileInputStream has one exception for all reasons; only its text, which is Windows' own, tells them
                // apart.
                if (error.getMessage().contains("cannot find") || error.getMessage().contains("not found")) {
                    missing++;
                } else if (error.getMessage().contains("denied")) {
                    denied++;
                } else {
                    sharing++;
                }
            } catch (IOException error) {
                sharing++;
            }
            if (pause > 0) {
                Thread.sleep(pause);
            }
        }
        System.out.printf(
            "{\"ok\": %d, \"missing\": %d, \"torn\": %d, \"changes\": %d, \"refused\": {\"5\": %d, \"32\": %d}}%n",
            ok, missing, torn, changes, denied, sharing);
    }
}
