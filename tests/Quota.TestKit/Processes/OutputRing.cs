namespace Quota.TestKit;

/// <summary>The last lines that a child wrote. Thread-safe, bounded in lines and in the length of each.</summary>
internal sealed class OutputRing
{
    private const int MaxLines = 500;
    private const int MaxLineLength = 4_000;

    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();

    public void Add(string line)
    {
        if (line.Length > MaxLineLength)
            line = line[..MaxLineLength] + "…";
        lock (_gate)
        {
            if (_lines.Count == MaxLines)
                _lines.Dequeue();
            _lines.Enqueue(line);
        }
    }

    public override string ToString()
    {
        lock (_gate)
            return string.Join(Environment.NewLine, _lines);
    }
}
