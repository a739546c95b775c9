using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Quota.Local;

/// <summary>The billing core's public API, as an admin. An unexpected answer becomes a <see cref="LocalError"/> with its body.</summary>
internal sealed class CoreClient : IDisposable
{
    private readonly HttpClient _http;

    public CoreClient(string url, string adminKey)
    {
        _http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(100) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", adminKey);
    }

    public async Task<JsonObject> GetAsync(string path) =>
        await FindAsync(path) ?? throw new LocalError($"GET {path} answered 404.");

    /// <summary>Null when it answers 404.</summary>
    public async Task<JsonObject?> FindAsync(string path)
    {
        using var answer = await _http.GetAsync(path);
        return answer.StatusCode == System.Net.HttpStatusCode.NotFound ? null : await ReadAsync(answer, "GET " + path);
    }

    public async Task<JsonObject> PostAsync(string path, JsonNode body)
    {
        using var answer = await _http.PostAsJsonAsync(path, body);
        return await ReadAsync(answer, "POST " + path);
    }

    public async Task<JsonObject> PutAsync(string path, JsonNode body)
    {
        using var answer = await _http.PutAsJsonAsync(path, body);
        return await ReadAsync(answer, "PUT " + path);
    }

    /// <summary>Creates what <paramref name="find"/> does not find, and leaves it alone otherwise.</summary>
    public async Task EnsureAsync(string find, string create, JsonNode body)
    {
        if (await FindAsync(find) is null)
            await PostAsync(create, body);
    }

    public void Dispose() => _http.Dispose();

    private static async Task<JsonObject> ReadAsync(HttpResponseMessage answer, string call)
    {
        var text = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode)
            throw new LocalError($"{call} answered {(int)answer.StatusCode}: {text}");
        return text.Length == 0 ? [] : JsonNode.Parse(text)!.AsObject();
    }
}
