namespace Quota.Local.Running;

/// <summary>What a child writes, in a file of at most 20 MB; the one before it is kept beside it. Thread-safe.</summary>
internal sealed class LogFile : IDisposable
{
    private const long MaxBytes = 20 << 20;

    private readonly Lock _gate = new();
    private readonly string _path;
    private StreamWriter _writer;

    public LogFile(string folder, string name)
    {
        _path = Path.Combine(folder, name + ".log");
        _writer = Open();
    }

    public void Write(string line)
    {
        lock (_gate)
        {
            if (_writer.BaseStream is not { CanWrite: true } stream)
                return;
            if (stream.Position > MaxBytes)
            {
                _writer.Dispose();
                _writer = Open();
            }

            _writer.WriteLine(line);
        }
    }

    public void Dispose()
    {
        lock (_gate)
            _writer.Dispose();
    }

    private StreamWriter Open()
    {
        if (File.Exists(_path))
            File.Move(_path, _path + ".1", overwrite: true);
        return new StreamWriter(_path) { AutoFlush = true };
    }
}
