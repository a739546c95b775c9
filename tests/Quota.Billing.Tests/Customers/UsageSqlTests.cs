using System.IO.Enumeration;
using Dapper;
using Quota.Billing.Customers;

namespace Quota.Billing.Tests.Customers;

public sealed class UsageSqlTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    /// <summary>The gateway decides by globs which calls are counted, the core which are summed: both must mean the same by them.</summary>
    [Fact]
    public async Task Patterns_match_what_the_gateways_globs_match()
    {
        const string Letters = "aaAb*?%_.";
        var random = new Random(4711);
        var pairs = Enumerable.Range(0, 5000).Select(_ => (Glob: Text(6), Name: Text(5)))
            .Append((Glob: @"a\*b", Name: "a*b")).Append((Glob: @"a\*b", Name: "axb")).Append((Glob: @"a\\b?", Name: @"a\bc")).Append((Glob: @"a\?", Name: "ab")).ToList();
        await using var connection = await shared.App.OpenAsync();
        var matched = (await connection.QueryAsync<bool>(
            "select p.name like p.pattern from unnest(@names, @patterns) with ordinality as p (name, pattern, n) order by p.n",
            new { names = pairs.Select(pair => pair.Name).ToArray(), patterns = pairs.Select(pair => UsageSql.Like(pair.Glob)).ToArray() })).AsList();
        foreach (var ((glob, name), like) in pairs.Zip(matched))
            like.ShouldBe(FileSystemName.MatchesSimpleExpression(glob, name, ignoreCase: false), $"'{glob}' '{name}' '{UsageSql.Like(glob)}'");
        matched.Count(one => one).ShouldBeGreaterThan(200);

        // A backslash at the end escapes nothing, and .NET's answer to it is an accident; it must only not break the query.
        (await connection.ExecuteScalarAsync<bool>("select 'x' like @pattern", new { pattern = UsageSql.Like(@"x\") })).ShouldBeFalse();

        string Text(int most) => new([.. Enumerable.Range(0, random.Next(most) + 1).Select(_ => Letters[random.Next(Letters.Length)])]);
    }
}
