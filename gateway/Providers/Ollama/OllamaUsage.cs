using System.Text;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Ollama;

/// <summary>
/// The counts of an answer that is done, found among its other fields (docs.ollama.com/api/usage): <c>prompt_eval_count</c> is all input, with
/// <c>prompt_eval_cached_count</c> in it; <c>eval_count</c> all output, thinking included. A count of 0 is left out.
/// </summary>
internal sealed class OllamaUsage
{
    private const string Input = "prompt_eval_count", Cached = "prompt_eval_cached_count", Output = "eval_count", Done = "done", DoneReason = "done_reason", Model = "model", Created = "created_at";
    private static readonly string[] Measured = ["total_duration", "load_duration", Input, Cached, "prompt_eval_duration", Output, "eval_duration"];

    private readonly JsonFieldScanner _fields = new([.. Measured, Done, DoneReason, Model, Created]);

    public bool IsWhole => _fields.IsComplete;

    public string? ResponseModel => ModelName.Parse(_fields.Value(Model));

    /// <summary>When the answer, or this piece of it, was made: JSON as it came; null when it did not say.</summary>
    public byte[]? CreatedAt => _fields.Value(Created);

    /// <summary>Nothing of the answer follows.</summary>
    public bool IsDone => _fields.Value(Done) is { } done && done.AsSpan().Trim(" \t\r\n"u8).SequenceEqual("true"u8);

    public void Feed(ReadOnlySpan<byte> data) => _fields.Feed(data);

    /// <summary>
    /// Null when it does not say: of a chat, servers before 0.2.2 did not when the prompt was in their cache (ollama/ollama#2068). Loading and unloading
    /// a model uses nothing.
    /// </summary>
    public UsageCounts? Counts()
    {
        var reason = ModelName.Parse(_fields.Value(DoneReason));
        var (input, cached, output) = (Number(Input), Number(Cached) ?? 0, Number(Output) ?? 0);
        if (input is null && reason is not ("load" or "unload"))
            return null;
        return cached > (input ?? 0) ? null : new UsageCounts { Requests = 1, InputTokens = input ?? 0, CachedInputTokens = cached, OutputTokens = output };
    }

    /// <summary>What the answer measured, as an object of its own.</summary>
    public byte[] Raw() => JsonText.Of(json =>
    {
        foreach (var field in Measured.Append(DoneReason))
        {
            if (_fields.Value(field) is not { } value || !IsJson(value))
                continue;
            json.WritePropertyName(field);
            json.WriteRawValue(value, skipInputValidation: true);
        }
    });

    private long? Number(string field) =>
        _fields.Value(field) is { } value && long.TryParse(Encoding.UTF8.GetString(value).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < int.MaxValue ? number : null;

    private static bool IsJson(byte[] value)
    {
        try
        {
            JsonElement.Parse(value);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
