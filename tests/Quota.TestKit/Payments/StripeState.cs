using System.Text.Json;
using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>A successful charge, to prove that an invoice was collected once.</summary>
/// <param name="PaymentIntent">Its id.</param>
/// <param name="Amount">Minor units.</param>
/// <param name="Currency">Lower case.</param>
public sealed record StripeCapture(
    string PaymentIntent, long Amount, string Currency, string? Customer, IReadOnlyDictionary<string, string> Metadata);

/// <summary>
/// All objects of the account, in memory; with a path also in one JSON file, written anew after each call that changed something
/// (a stand-in sees dozens, not millions). Not thread-safe: whoever uses it holds <see cref="Gate"/>.
/// </summary>
internal sealed class StripeState
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly string? _path;
    private readonly JsonObject _root;

    public StripeState(string? path)
    {
        _path = path;
        _root = path is not null && File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path))!.AsObject() : [];
        if (_root["captures"] is JsonArray kept)
            Captures.AddRange(kept.Deserialize<StripeCapture[]>()!);
    }

    public Lock Gate { get; } = new();

    public List<StripeCapture> Captures { get; } = [];

    /// <summary>Objects of one kind by id, oldest first: customer, payment_method, payment_intent, idempotency.</summary>
    public JsonObject All(string kind)
    {
        if (_root[kind] is not JsonObject objects)
            _root[kind] = objects = [];
        return objects;
    }

    public JsonObject Find(string kind, string id) => All(kind)[id] as JsonObject ?? throw StripeProblem.Missing(kind, id);

    public JsonObject Add(string kind, JsonObject made)
    {
        All(kind)[made["id"]!.GetValue<string>()] = made;
        return made;
    }

    public void Save()
    {
        if (_path is null)
            return;
        _root["captures"] = JsonSerializer.SerializeToNode(Captures);
        File.WriteAllText(_path + ".new", _root.ToJsonString(Indented));
        File.Move(_path + ".new", _path, overwrite: true);
    }
}
