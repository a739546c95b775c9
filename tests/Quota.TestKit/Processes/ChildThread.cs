using System.Collections.Concurrent;

namespace Quota.TestKit;

/// <summary>
/// The one thread that all children are started from. Linux sends a child its parent-death signal when the *thread* that forked it
/// ends, and threads of the pool end when they are idle; this one lives as long as the process.
/// </summary>
internal static class ChildThread
{
    private static readonly BlockingCollection<Action> Work = new(boundedCapacity: 64);

    static ChildThread() => new Thread(Loop) { IsBackground = true, Name = "children" }.Start();

    /// <summary>Runs the function there and returns, or throws, what it did.</summary>
    public static T Run<T>(Func<T> start)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Add(() =>
        {
            try
            {
                done.SetResult(start());
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        return done.Task.GetAwaiter().GetResult();
    }

    private static void Loop()
    {
        foreach (var action in Work.GetConsumingEnumerable())
            action();
    }
}
