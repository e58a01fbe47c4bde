// A reader in C#: Reader WAY TARGET PAUSE_MS; see ../reader.py. WAY is File.ReadAllText or FileStream.
using System;
using System.IO;
using System.Threading;

public static class Reader
{
    static string Outcome(string way, string target)
    {
        var all = FileShare.ReadWrite | FileShare.Delete;
        try
        {
            using (var file = way == "FileStream" ? new FileStream(target, FileMode.Open, FileAccess.Read, all) : null)
            {
                string data = file == null ? File.ReadAllText(target) : new StreamReader(file).ReadToEnd();
                return data.StartsWith("{") && data.EndsWith("}") ? "ok" : "torn";
            }
        }
        catch (Exception error) // IOException, or UnauthorizedAccessException for code 5
        {
            return error is FileNotFoundException ? "missing" : (error.HResult & 0xFFFF).ToString();
        }
    }

    public static void Main(string[] words)
    {
        while (true)
        {
            Console.WriteLine(Outcome(words[0], words[1]));
            Thread.Sleep(int.Parse(words[2]));
        }
    }
}
