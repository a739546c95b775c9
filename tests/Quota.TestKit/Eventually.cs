using System.Diagnostics;

namespace Quota.TestKit;

/// <summary>Waits for a condition with a bound; what tests use instead of sleeping.</summary>
public static class Eventually
{
    /// <summary>How long is waited when no bound is given.</summary>
    public static readonly TimeSpan DefaultBound = TimeSpan.FromSeconds(20);

    /// <summary>Returns when the condition holds; throws <see cref="TimeoutException"/> naming <paramref name="what"/> after the bound.</summary>
    public static Task TrueAsync(string what, Func<bool> condition, TimeSpan? bound = null, Func<string>? detail = null) =>
        TrueAsync(what, () => Task.FromResult(condition()), bound, detail);

    /// <inheritdoc cref="TrueAsync(string, Func{bool}, TimeSpan?, Func{string}?)"/>
    public static async Task TrueAsync(string what, Func<Task<bool>> condition, TimeSpan? bound = null, Func<string>? detail = null)
    {
        var limit = bound ?? DefaultBound;
        var started = Stopwatch.GetTimestamp();
        var pause = 5;
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > limit)
                throw new TimeoutException($"Not within {limit.TotalSeconds:0.#} s: {what}.{Environment.NewLine}{detail?.Invoke()}".TrimEnd());
            await Task.Delay(pause);
            pause = Math.Min(pause * 2, 100);
        }
    }
}
