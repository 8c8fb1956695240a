using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Metadata;

namespace AgentRollout.Gateway.Weights;

/// <summary>The weights in use, and how they are changed (docs/weights.md).</summary>
internal static class WeightEndpoints
{
    public static void MapWeights(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder weights = routes.MapGroup("/v1/weights");
        weights.MapGet("", async (WeightService service) => TypedResults.Ok(await service.DescribeAsync())).WithName("GetWeights");
        weights.MapPost("/from_disk", UpdateFromDiskAsync).WithName("UpdateWeightsFromDisk")
            .Accepts<UpdateFromDiskBody>("application/json").ProducesProblem(StatusCodes.Status400BadRequest);
        weights.MapPost("/updates", BeginAsync).WithName("BeginWeightUpdate")
            .Accepts<BeginUpdateBody>("application/json")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);
        weights.MapGet("/updates/{id}", Get).WithName("GetWeightUpdate").ProducesProblem(StatusCodes.Status404NotFound);
        weights.MapPut("/updates/{id}/bytes", WriteBytesAsync).WithName("WriteWeightBytes").WithMetadata(new AnyLength())
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);
        weights.MapPut("/updates/{id}/tensors/{**name}", WriteTensorAsync).WithName("WriteWeightTensor").WithMetadata(new AnyLength())
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);
        weights.MapPost("/updates/{id}/commit", CommitAsync).WithName("CommitWeightUpdate")
            .Accepts<CommitUpdateBody>("application/json")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);
        weights.MapPost("/updates/{id}/abort", Abort).WithName("AbortWeightUpdate").ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Ok<WeightUpdateReport>> UpdateFromDiskAsync(HttpContext context, WeightService service) =>
        TypedResults.Ok(await service.UpdateFromDiskAsync(
            await StrictJson.ReadAsync(context.Request, GatewayJson.Default.UpdateFromDiskBody), context.RequestAborted));

    private static async Task<Created<UpdateBegun>> BeginAsync(HttpContext context, WeightService service)
    {
        StagedUpdate staged = service.Begin(await StrictJson.ReadAsync(context.Request, GatewayJson.Default.BeginUpdateBody));
        SafetensorsLayout layout = staged.Layout;
        TensorPlace[] places = [.. layout.Slots.Select(slot => new TensorPlace(slot.Tensor.Name, slot.Offset, slot.Bytes))];
        return TypedResults.Created(
            $"/v1/weights/updates/{staged.Id}", new UpdateBegun(staged.Id, staged.Path, layout.Header.Length, layout.DataBytes, places));
    }

    private static Results<Ok<UpdateProgress>, ProblemHttpResult> Get(string id, WeightService service) =>
        service.Find(id) is { } staged ? TypedResults.Ok(staged.Progress) : Unknown(id);

    /// <summary>Any piece of the file: it may end in the middle of a tensor, or hold several.</summary>
    private static async Task<Results<Ok<UpdateProgress>, ProblemHttpResult>> WriteBytesAsync(
        string id, long offset, HttpContext context, WeightService service, string? crc32 = null)
    {
        if (service.Find(id) is not { } staged)
            return Unknown(id);
        long all = staged.Layout.DataBytes;
        if (offset < 0 || offset >= all)
            throw Invalid($"Parameter 'offset' is {offset}; it must be at least 0 and below the {all} bytes of the update.");
        if (context.Request.ContentLength is not { } length)
            throw Invalid("The request has no Content-Length, which says how far its bytes reach.");
        if (length > all - offset)
            throw Invalid($"The body has {length} bytes; from offset {offset} on there is room for {all - offset}.");
        return TypedResults.Ok(await staged.WriteAsync(
            offset, offset + length, context.Request.BodyReader, ToCrc(crc32), context.RequestAborted));
    }

    /// <summary>A tensor, or some of its rows: steps along dimension 0, as shards of FSDP are.</summary>
    private static async Task<Results<Ok<UpdateProgress>, ProblemHttpResult>> WriteTensorAsync(
        string id, string name, HttpContext context, WeightService service, long row = 0, long? rows = null, string? crc32 = null)
    {
        if (service.Find(id) is not { } staged)
            return Unknown(id);
        TensorSlot slot = staged.Layout.Find(name)
            ?? throw Invalid($"Tensor '{name}' is not among those that update '{id}' began with.");
        long all = slot.Tensor.Shape is [var first, ..] ? first : 1;
        long count = rows ?? all - row;
        if (row < 0 || count < 0 || row + count > all)
            throw Invalid($"Rows {row} to {row + count} of tensor '{name}' do not exist; it has {all}.");
        long start = slot.Offset + row * slot.RowBytes;
        return TypedResults.Ok(await staged.WriteAsync(
            start, start + count * slot.RowBytes, context.Request.BodyReader, ToCrc(crc32), context.RequestAborted));
    }

    private static async Task<Results<Ok<WeightUpdateReport>, ProblemHttpResult>> CommitAsync(string id, HttpContext context, WeightService service)
    {
        if (service.Find(id) is not { } staged)
            return Unknown(id);
        CommitUpdateBody body = await StrictJson.ReadAsync(context.Request, GatewayJson.Default.CommitUpdateBody);
        return TypedResults.Ok(await service.CommitAsync(staged, body, context.RequestAborted));
    }

    private static Results<NoContent, ProblemHttpResult> Abort(string id, WeightService service)
    {
        if (service.Find(id) is not { } staged)
            return Unknown(id);
        service.Abort(staged);
        return TypedResults.NoContent();
    }

    private static uint? ToCrc(string? hex) => hex is null ? null : WeightService.ParseCrc(hex);

    private static ProblemHttpResult Unknown(string id) =>
        ProblemMapping.Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownUpdate, $"Weight update '{id}' is unknown or has ended.");

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);

    /// <summary>Tensors are as large as they are; what belongs there bounds each body.</summary>
    private sealed class AnyLength : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
