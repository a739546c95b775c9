using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Providers;

public sealed class OpenAiAdapterTests
{
    [Fact]
    public void Every_route_is_of_a_kind_that_limits_can_select()
    {
        var adapter = new OpenAiAdapter();
        foreach (var route in adapter.Routes)
            LimitSelector.EndpointKinds.ShouldContain(route.Kind);
        adapter.Routes.Single(route => route.Template == "/v1/chat/completions").Kind.ShouldBe("chat");
    }
}
