// A reader in C#; see README.md. WAY is File.ReadAllText or FileStream (which shares everything).
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Threading;

public static class Reader
{
    static string Read(bool everything, string target)
    {
        if (!everything)
            return File.ReadAllText(target);
        var share = FileShare.ReadWrite | FileShare.Delete;
        using (var file = new FileStream(target, FileMode.Open, FileAccess.Read, share))
        using (var text = new StreamReader(file, Encoding.UTF8))
            return text.ReadToEnd();
    }

    public static int Main(string[] words)
    {
        if (words.Length != 4)
        {
            Console.Error.WriteLine("usage: Reader WAY TARGET PAUSE_MS SECONDS");
            return 2;
        }
        bool everything = words[0] == "FileStream";
        int pause = int.Parse(words[2]);
        long ok = 0, missing = 0, torn = 0, changes = 0;
        var refused = new SortedDictionary<int, long>();
        string before = "";

        Console.WriteLine("ready");
        Console.Out.Flush();
        Console.ReadLine();
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        int end = Environment.TickCount + (int)(double.Parse(words[3], culture) * 1000);
        while (Environment.TickCount - end < 0)
        {
            try
            {
                string now = Read(everything, words[1]);
                if (now.Length < 2 || now[0] != '{' || now[now.Length - 1] != '}')
                    torn++;
                else
                    ok++;
                if (now != before)
                    changes++;
                before = now;
            }
            catch (FileNotFoundException)
            {
                missing++;
            }
            catch (Exception error) // IOException, or UnauthorizedAccessException for code 5
            {
                int code = error.HResult & 0xFFFF;
                long count;
                refused.TryGetValue(code, out count);
                refused[code] = count + 1;
            }
            if (pause > 0)
                Thread.Sleep(pause);
        }
        var codes = new List<string>();
        foreach (var pair in refused)
            codes.Add("\"" + pair.Key + "\": " + pair.Value);
        Console.WriteLine("{\"ok\": " + ok + ", \"missing\": " + missing + ", \"torn\": " + torn + ", \"changes\": "
            + changes + ", \"refused\": {" + string.Join(", ", codes) + "}}");
        return 0;
    }
}
