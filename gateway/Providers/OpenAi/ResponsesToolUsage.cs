using System.Buffers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of a response that comes as one JSON object and may have called tools that OpenAI bills: those stand among its output, so it is kept
/// until it is whole. Of a larger one than <see cref="MaxKeptBytes"/> as many calls count as were allowed.
/// </summary>
internal sealed class ResponsesToolUsage(IReadOnlyDictionary<string, long> allowed) : UsageReader
{
    public const int MaxKeptBytes = 8 << 20;

    private readonly JsonUsage _json = new(ResponsesUsage.Parse);
    private readonly ArrayBufferWriter<byte> _whole = new();

    public override long OutputBytes => _json.OutputBytes;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        if (IsComplete)
        {
            kept?.Write(data);
            return;
        }
        _json.Feed(data, kept);
        if (_json.OutputBytes <= MaxKeptBytes)
            _whole.Write(data);
        if (!_json.IsComplete)
            return;
        var calls = _json.OutputBytes <= MaxKeptBytes ? ResponsesToolCalls.Count(_whole.WrittenSpan) : allowed;
        Usage = _json.Usage is { } usage ? usage with { ToolCalls = calls } : null;
        (UsageRaw, ResponseModel, ServiceTier, IsComplete) = (_json.UsageRaw, _json.ResponseModel, _json.ServiceTier, true);
    }
}
