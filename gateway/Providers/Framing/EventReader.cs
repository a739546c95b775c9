using System.Buffers;

namespace Quota.Gateway.Providers.Framing;

/// <summary>
/// Splits an answer into events, however the bytes are cut. Whole events inside one piece are looked at in place; only one that is cut is
/// kept, up to <see cref="MaxEventBytes"/>. A longer one, and what the framing cannot read, passes unread. Where events end and what they say
/// is the framing's.
/// </summary>
/// <remarks>To add a framing: a subclass with <see cref="EndIn"/> and <see cref="TryRead"/>, and its streams in <c>EventStreams</c> of the tests.</remarks>
internal abstract class EventReader(EventReader.OnEvent onEvent)
{
    /// <summary>No provider's usage comes in an event this large.</summary>
    public const int MaxEventBytes = 1 << 20;

    /// <summary>The event does not end in these bytes.</summary>
    protected const int NotYet = -1;

    /// <summary>It does not, and is not worth keeping until it does: it will not be read.</summary>
    protected const int Unreadable = -2;

    private const int KeptBytes = 4096, JoinedBytes = 1024;

    private byte[] _partial = [];   // rented from the first event that is cut to the stream's end, as long as it is small
    private int _length;
    private int _out;   // so many bytes of the event in progress are with the client already
    private bool _passes;   // the event in progress passes unread
    private long _unreadBefore;

    /// <summary>Gets an event; answers whether the client may see it.</summary>
    public delegate bool OnEvent(EventPiece piece);

    /// <summary>Bytes of events that passed unread.</summary>
    public long UnreadBytes { get; private set; }

    /// <summary>Whether the client had a part of the last event before its end was seen.</summary>
    public bool WasPartlyOut { get; private set; }

    /// <summary>What has come of the event in progress.</summary>
    public ReadOnlySpan<byte> Rest => _partial.AsSpan(0, _length);

    /// <summary>Whether the next byte begins an event, and nothing is remembered of those before it: whoever finds that event's end otherwise may pass it by.</summary>
    public bool IsBetween => _length == 0 && !_passes && IsAtBeginning;

    /// <summary>The event in progress and what follows it, as much as most events have; empty when whoever finds its end otherwise may not pass it by.</summary>
    public ReadOnlySpan<byte> JoinedWith(ReadOnlySpan<byte> data)
    {
        if (!MayBePassedBy || _length is 0 or > JoinedBytes)
            return default;
        var (length, more) = (_length, Math.Min(data.Length, JoinedBytes));
        Append(data[..more]);
        _length = length;
        return _partial.AsSpan(0, length + more);
    }

    /// <summary>So many of the bytes joined were whole events, and were taken; answers how many of them are of the new data.</summary>
    public int TookJoined(int length, IBufferWriter<byte>? kept)
    {
        var taken = length - _length;
        kept?.Write(_partial.AsSpan(_out, length - _out));
        _out = 0;
        GiveBack();
        BeginAgain();
        return taken;
    }

    /// <summary>
    /// Sees the next bytes, no further than to the end of the event in progress, and passes on what cannot be read. Without <paramref name="kept"/> the
    /// client gets them whatever they are.
    /// </summary>
    public void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept, out int taken) => Step(data, kept, passesUnread: true, out taken);

    /// <summary>Sees the next bytes up to the end of the event in progress; it may end before the first of them.</summary>
    public EventStep Next(ReadOnlySpan<byte> data, IBufferWriter<byte> kept, out int taken)
    {
        _unreadBefore = UnreadBytes;
        return Step(data, kept, passesUnread: false, out taken);
    }

    /// <summary>
    /// The stream ended. What is left over is read as an event, although its end is missing: some servers leave it out, and many clients do
    /// not mind.
    /// </summary>
    public EventStep End(IBufferWriter<byte>? kept)
    {
        _unreadBefore = UnreadBytes;
        if (Rest.IsEmpty)
        {
            GiveBackBuffer();
            return EventStep.More;
        }
        Pass(Rest, kept);
        _length = 0;
        GiveBackBuffer();
        return EventStep.Whole;
    }

    /// <summary>The event last stepped over will not be handed out. False when the client has a part of it already.</summary>
    public bool TakeBack()
    {
        if (WasPartlyOut)
            return false;
        UnreadBytes = _unreadBefore;
        return true;
    }

    /// <summary>
    /// How many bytes of <paramref name="data"/> belong to the event in progress, its end included, or <see cref="NotYet"/> or
    /// <see cref="Unreadable"/>. It sees every byte once: what it needs to know of earlier ones it remembers.
    /// </summary>
    protected abstract int EndIn(ReadOnlySpan<byte> data);

    /// <summary>What an event says. False when it cannot be read; it then passes, and counts as unread.</summary>
    protected abstract bool TryRead(ReadOnlySpan<byte> whole, out EventPiece piece);

    /// <summary>Whether an event may be passed by: its end can be found without what the framing remembers.</summary>
    protected virtual bool MayBePassedBy => false;

    /// <summary>Whether the framing itself remembers nothing.</summary>
    protected virtual bool IsAtBeginning => false;

    /// <summary>The event in progress was taken as a whole: the framing forgets what it saw of it.</summary>
    protected virtual void BeginAgain()
    {
    }

    private EventStep Step(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept, bool passesUnread, out int taken)
    {
        var end = EndIn(data);
        taken = end >= 0 ? end : data.Length;
        if (!_passes && (end == Unreadable || _length + taken > MaxEventBytes))
        {
            WasPartlyOut = passesUnread || _out > 0;
            if (!WasPartlyOut)
                return EventStep.TooLong;
            LetPass(kept);
        }
        if (end < 0)
            Keep(data, kept);
        else
            Take(data[..end], kept);
        return end < 0 ? EventStep.More : EventStep.Whole;
    }

    private void LetPass(IBufferWriter<byte>? kept)
    {
        kept?.Write(Rest[_out..]);
        UnreadBytes += _length;
        GiveBack();
        _passes = true;
    }

    private void Keep(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        if (_passes)
        {
            kept?.Write(data);
            UnreadBytes += data.Length;
            return;
        }
        Append(data);
        if (kept is null)
            _out = _length;
    }

    private void Take(ReadOnlySpan<byte> last, IBufferWriter<byte>? kept)
    {
        if (_passes)
        {
            kept?.Write(last);
            UnreadBytes += last.Length;
            (_passes, _out, WasPartlyOut) = (false, 0, true);
            return;
        }
        if (_length == 0)
        {
            Pass(last, kept);
            return;
        }
        Append(last);
        Pass(Rest, kept);
        GiveBack();
    }

    private void Pass(ReadOnlySpan<byte> whole, IBufferWriter<byte>? kept)
    {
        WasPartlyOut = _out > 0;
        var isRead = TryRead(whole, out var piece);
        UnreadBytes += isRead ? 0 : whole.Length;
        if (!isRead || piece.IsNothing || onEvent(piece) || WasPartlyOut)
            kept?.Write(whole[_out..]);
        _out = 0;
    }

    private void Append(ReadOnlySpan<byte> data)
    {
        if (_partial.Length < _length + data.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(1024, Math.Max(_length + data.Length, 2 * _partial.Length)));
            Rest.CopyTo(larger);
            GiveBackBuffer();
            _partial = larger;
        }
        data.CopyTo(_partial.AsSpan(_length));
        _length += data.Length;
    }

    private void GiveBack()
    {
        _length = 0;
        if (_partial.Length > KeptBytes)
            GiveBackBuffer();
    }

    private void GiveBackBuffer()
    {
        if (_partial.Length > 0)
            ArrayPool<byte>.Shared.Return(_partial);
        _partial = [];
    }
}
