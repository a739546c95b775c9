namespace Quota.TestKit;

/// <summary>
/// What goes wrong on purpose. A call is named as <c>POST /v1/payment_intents/pi_1/confirm</c>. Thread-safe.
/// </summary>
public sealed class StripeFaults
{
    private readonly Lock _gate = new();
    private Func<string, bool>? _lose;
    private (Func<string, bool> Matches, int Status)? _fail;

    /// <summary>Every answer waits this long after the work is done.</summary>
    public TimeSpan AnswerDelay { get; set; }

    /// <summary>Confirmed intents stay in <c>processing</c> until <see cref="FakeStripe.CompleteProcessing"/>.</summary>
    public bool HoldInProcessing { get; set; }

    /// <summary>The next call that matches does its work, and its caller gets a broken connection instead of the answer.</summary>
    public void LoseNextAnswer(Func<string, bool> call)
    {
        lock (_gate)
            _lose = call;
    }

    /// <summary>The next call that matches does nothing and is answered with this status (500, 429, …).</summary>
    public void FailNext(Func<string, bool> call, int status = 500)
    {
        lock (_gate)
            _fail = (call, status);
    }

    internal bool TakeLoss(string call)
    {
        lock (_gate)
        {
            if (_lose is null || !_lose(call))
                return false;
            _lose = null;
            return true;
        }
    }

    internal int? TakeFailure(string call)
    {
        lock (_gate)
        {
            if (_fail is not { } fail || !fail.Matches(call))
                return null;
            _fail = null;
            return fail.Status;
        }
    }
}
