using System.Globalization;

namespace Quota.TestKit;

/// <summary>One recorded model call.</summary>
/// <param name="At">When it was made, UTC.</param>
/// <param name="ContextTokens">Input tokens, at least 1.</param>
/// <param name="GeneratedTokens">Output tokens.</param>
public readonly record struct TraceRow(DateTimeOffset At, int ContextTokens, int GeneratedTokens);

/// <summary>The Azure chat trace in <c>tests/data</c>: 19,366 real calls of 58 minutes, in the order they were made.</summary>
public static class Trace
{
    /// <summary>All rows, or the first <paramref name="count"/>.</summary>
    /// <exception cref="FormatException">A row cannot be read; names its line.</exception>
    public static IReadOnlyList<TraceRow> Read(int count = int.MaxValue)
    {
        var rows = new List<TraceRow>();
        var line = 1;
        foreach (var text in File.ReadLines(Repository.TestData("azure-llm-2023-conv.csv")).Skip(1))
        {
            line++;
            if (rows.Count == count)
                break;
            if (text.Length > 0)
                rows.Add(Parse(text, line));
        }

        return rows;
    }

    private static TraceRow Parse(string text, int line)
    {
        var cells = text.Split(',');
        if (cells.Length == 3
            && DateTimeOffset.TryParse(cells[0], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            && int.TryParse(cells[1], NumberStyles.None, CultureInfo.InvariantCulture, out var context)
            && int.TryParse(cells[2], NumberStyles.None, CultureInfo.InvariantCulture, out var generated))
        {
            return new TraceRow(at, context, generated);
        }

        throw new FormatException($"Line {line} of the trace cannot be read: {text}");
    }
}
