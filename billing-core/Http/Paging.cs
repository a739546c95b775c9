using System.Globalization;

namespace Quota.Billing.Http;

/// <summary>
/// Which page of a list was asked for: <c>?page=2&amp;per_page=50</c>. Bound by minimal APIs as a parameter. Always usable: what is
/// absent or no number takes the default, what is too large the largest.
/// </summary>
internal sealed record Paging(int Page, int PerPage)
{
    private const int DefaultPerPage = 20;
    private const int MaxPerPage = 100;

    /// <summary>Keeps <see cref="Offset"/> inside 32 bits.</summary>
    private const int MaxPage = 1_000_000;

    public int Offset => (Page - 1) * PerPage;

    public int Limit => PerPage;

    public static ValueTask<Paging?> BindAsync(HttpContext context) =>
        ValueTask.FromResult<Paging?>(new(Read(context, "page", 1, MaxPage), Read(context, "per_page", DefaultPerPage, MaxPerPage)));

    public PageMeta Meta(long total)
    {
        var pages = (total + PerPage - 1) / PerPage;
        return new PageMeta(Page, Page < pages ? Page + 1 : null, Page > 1 ? Page - 1 : null, pages, total);
    }

    private static int Read(HttpContext context, string name, int absent, int most) =>
        long.TryParse(context.Request.Query[name].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0
            ? (int)Math.Min(value, most) : absent;
}

/// <summary>Where a page stands in its list.</summary>
internal sealed record PageMeta(int CurrentPage, int? NextPage, int? PrevPage, long TotalPages, long TotalCount);
