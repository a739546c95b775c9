using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>From method and path to the object that answers. To add a route: one line in <see cref="Dispatch"/>.</summary>
internal sealed class StripeRoutes
{
    private readonly StripeState _state;
    private readonly StripeIdempotency _idempotency;
    private readonly Customers _customers;
    private readonly PaymentMethods _methods;
    private readonly PaymentIntents _intents;

    public StripeRoutes(StripeState state, StripeCharges charges, Action<string, JsonObject> emit, TimeProvider time)
    {
        _state = state;
        _idempotency = new StripeIdempotency(state);
        _methods = new PaymentMethods(state, time);
        _customers = new Customers(state, _methods, time);
        _intents = new PaymentIntents(state, _methods, charges, emit, time);
    }

    /// <summary>Executes one call, or replays the answer of its idempotency key. Refusals come back as answers.</summary>
    public StripeAnswer Execute(string method, string path, string parameters, string? idempotencyKey)
    {
        var form = new StripeForm(parameters);
        var call = $"{method} {path}?{form.Canonical}";
        var key = method == "POST" ? idempotencyKey : null;
        lock (_state.Gate)
        {
            StripeAnswer answer;
            try
            {
                if (key is not null && _idempotency.Replay(key, call) is { } replay)
                    return replay;
                answer = new StripeAnswer(200, Dispatch(method, path.Split('/', StringSplitOptions.RemoveEmptyEntries)[1..], form).ToJsonString());
            }
            catch (StripeProblem problem)
            {
                answer = new StripeAnswer(problem.Status, problem.Body.ToJsonString());
            }

            if (key is not null)
                _idempotency.Keep(key, call, answer);
            if (method != "GET")
                _state.Save();
            return answer;
        }
    }

    private JsonObject Dispatch(string method, string[] path, StripeForm form) => (method, path) switch
    {
        ("POST", ["customers"]) => _customers.Create(form),
        ("GET", ["customers", var id]) => _customers.Retrieve(id),
        ("POST", ["customers", var id]) => _customers.Update(id, form),
        ("GET", ["customers", var id, "payment_methods"]) => _methods.List(id, form),
        ("POST", ["payment_methods"]) => _methods.Create(form),
        ("GET", ["payment_methods"]) => _methods.List(null, form),
        ("GET", ["payment_methods", var id]) => _methods.Resolve(id),
        ("POST", ["payment_methods", var id, "attach"]) => _methods.Attach(id, form),
        ("POST", ["payment_methods", var id, "detach"]) => _methods.Detach(id),
        ("POST", ["payment_intents"]) => _intents.Create(form),
        ("GET", ["payment_intents"]) => _intents.List(form),
        ("GET", ["payment_intents", var id]) => _intents.Retrieve(id),
        ("POST", ["payment_intents", var id]) => _intents.Update(id, form),
        ("POST", ["payment_intents", var id, "confirm"]) => _intents.Confirm(id, form),
        ("POST", ["payment_intents", var id, "cancel"]) => _intents.Cancel(id, form),
        _ => throw StripeProblem.Invalid("url_invalid", $"Unrecognized request URL ({method}: /v1/{string.Join('/', path)}).", status: 404),
    };
}
