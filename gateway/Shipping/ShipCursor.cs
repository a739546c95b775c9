using System.Text.Json;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Shipping;

/// <summary>How far the spool has been shipped: everything before it is confirmed. Lost or old, it only makes the core see duplicates.</summary>
internal sealed class ShipCursor(CallSpool spool)
{
    private string Path => System.IO.Path.Combine(spool.Folder, "cursor");

    /// <summary>The stored position, or the spool's start when there is none, or it is damaged or of another spool.</summary>
    public SpoolPosition Read()
    {
        try
        {
            var position = File.Exists(Path) ? JsonSerializer.Deserialize<SpoolPosition>(File.ReadAllText(Path)) : default;
            return position.CompareTo(spool.Start) < 0 || position.CompareTo(spool.End) > 0 ? spool.Start : position;
        }
        catch (JsonException)
        {
            return spool.Start;
        }
    }

    public void Write(SpoolPosition position)
    {
        File.WriteAllText(Path + ".new", JsonSerializer.Serialize(position));
        File.Move(Path + ".new", Path, overwrite: true);
    }
}
