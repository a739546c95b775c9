using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary><c>/api/v1/customers</c>.</summary>
internal static class CustomerEndpoints
{
    public static void MapCustomerEndpoints(this WebApplication app)
    {
        var customers = app.MapGroup("/api/v1/customers");
        customers.MapPost("", Save);
        customers.MapGet("", List);
        customers.MapGet("/{externalId}", Get);
        customers.MapDelete("/{externalId}", Delete);
    }

    private static async Task<IResult> Save(JsonBody body, CustomerStore store)
    {
        var input = body.Root("customer");
        var wanted = CustomerInput.Read(input);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        return await store.SaveAsync(wanted) is { } customer
            ? Answers.One("customer", CustomerAnswer.Of(customer))
            : ApiErrors.Unprocessable("currency", "currencies_does_not_match");
    }

    private static async Task<IResult> List(Paging paging, CustomerStore store)
    {
        var (items, total) = await store.ListAsync(paging.Offset, paging.Limit);
        return Answers.Page("customers", [.. items.Select(CustomerAnswer.Of)], paging, total);
    }

    private static async Task<IResult> Get(string externalId, CustomerStore store) => Answer(await store.FindAsync(externalId));

    private static async Task<IResult> Delete(string externalId, CustomerStore store) => Answer(await store.DeleteAsync(externalId));

    private static IResult Answer(Customer? customer) =>
        customer is null ? ApiErrors.NotFound("customer") : Answers.One("customer", CustomerAnswer.Of(customer));
}
