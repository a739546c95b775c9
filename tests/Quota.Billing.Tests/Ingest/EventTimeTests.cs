using CsCheck;
using Quota.Billing.Ingest;

namespace Quota.Billing.Tests.Ingest;

public sealed class EventTimeTests
{
    private static readonly Gen<DateTimeOffset> Times = Gen.Long[0, 253_402_300_799_999].Select(DateTimeOffset.FromUnixTimeMilliseconds);

    [Fact]
    public void An_id_gives_its_time_back() =>
        Times.Sample(time => EventTime.TryOfId(Guid.CreateVersion7(time), out var read) && read == time);

    [Fact]
    public void The_first_id_of_a_time_is_not_above_any_id_of_it() =>
        Times.Sample(time => EventTime.FirstId(time).CompareTo(Guid.CreateVersion7(time)) <= 0
            && (time.ToUnixTimeMilliseconds() == 0 || EventTime.FirstId(time).CompareTo(Guid.CreateVersion7(time.AddMilliseconds(-1))) > 0));

    [Theory]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("0f8fad5b-d9cb-469f-a165-70867728950e")]
    [InlineData("ffffffff-ffff-7fff-8fff-ffffffffffff")]
    [InlineData("01900000-0000-7000-0000-000000000000")]
    public void Other_ids_have_no_time(string id) => EventTime.TryOfId(new Guid(id), out _).ShouldBeFalse();
}
