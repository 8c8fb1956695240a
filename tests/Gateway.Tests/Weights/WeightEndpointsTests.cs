using System.Buffers.Binary;
using System.IO.Hashing;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Tests.Rollouts;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Weights;

/// <summary>Changes the weights of the shipped model, on the real server and engine.</summary>
public sealed class WeightEndpointsTests
{
    private static readonly string Model = ModelFolder.Find(null);

    [Fact]
    public async Task Weights_that_arrive_in_pieces_out_of_order_and_at_once_are_used_as_if_they_had_been_there_from_the_start()
    {
        SentWeights sent = SentWeights.Perturbed();
        string folder = sent.Save();
        string expected;
        await using (LoadedModel model = await LoadAsync(new StartWeights(folder, 1)))
        await using (TestGateway fresh = await StartAsync(model))
            expected = await SampledAsync(fresh);

        await using LoadedModel updated = await LoadAsync();
        await using TestGateway gateway = await StartAsync(updated);
        Assert.NotEqual(expected, await SampledAsync(gateway));
        string update = (await BeginAsync(gateway, sent)).GetProperty("id").GetString()!;
        (string Path, byte[] Body)[] pieces = [.. sent.Tensors.SelectMany(tensor => Pieces(update, tensor))];
        new Random(1).Shuffle(pieces);
        await Parallel.ForEachAsync(pieces, async (piece, _) => (await PutAsync(gateway, piece.Path, piece.Body)).Dispose());
        JsonElement report = await CommitAsync(gateway, update, new { checksum = WeightChecksum.Compute(folder).Total });

        Assert.Equal(1, report.GetProperty("version").GetInt64());
        Assert.Equal(expected, await SampledAsync(gateway));
        JsonElement weights = await gateway.GetAsync("/v1/weights");
        Assert.Equal(1, weights.GetProperty("version").GetInt64());
        Assert.Equal(WeightChecksum.Compute(folder).Total, weights.GetProperty("checksum").GetString());
        Assert.Equal(JsonValueKind.Null, weights.GetProperty("open_update").ValueKind);
    }

    [Fact]
    public async Task A_piece_of_the_file_may_hold_several_tensors_and_end_in_the_middle_of_one()
    {
        SentWeights sent = SentWeights.Perturbed();
        await using LoadedModel model = await LoadAsync();
        await using TestGateway gateway = await StartAsync(model);
        string update = (await BeginAsync(gateway, sent)).GetProperty("id").GetString()!;
        byte[] all = [.. sent.Tensors.SelectMany(tensor => tensor.Bytes)];
        for (int offset = 0; offset < all.Length; offset += 1_000_001)
        {
            byte[] body = all[offset..Math.Min(all.Length, offset + 1_000_001)];
            using HttpResponseMessage response = await PutAsync(gateway, $"/v1/weights/updates/{update}/bytes?offset={offset}&crc32={Crc32.HashToUInt32(body):x8}", body);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        JsonElement report = await CommitAsync(gateway, update, new { crc32 = sent.Tensors.ToDictionary(tensor => tensor.Name, tensor => $"{Crc32.HashToUInt32(tensor.Bytes):x8}") });
        Assert.Equal(model.Engine.WeightBytes, report.GetProperty("bytes").GetInt64());
    }

    [Fact]
    public async Task Bytes_can_be_written_into_the_file_without_HTTP()
    {
        SentWeights sent = SentWeights.Perturbed();
        await using LoadedModel model = await LoadAsync();
        await using TestGateway gateway = await StartAsync(model);
        JsonElement begun = await BeginAsync(gateway, sent, direct: true);
        using (FileStream file = new(begun.GetProperty("path").GetString()!, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = begun.GetProperty("data_offset").GetInt64();
            foreach (SentTensor tensor in sent.Tensors)
                file.Write(tensor.Bytes);
        }

        await CommitAsync(gateway, begun.GetProperty("id").GetString()!, new { });
        Assert.Equal(WeightChecksum.Compute(sent.Save()).Total, (await gateway.GetAsync("/v1/weights")).GetProperty("checksum").GetString());
    }

    [Theory]
    [InlineData("rename", "no tensor 'model.layers.0.mlp.down_proj.weight'")]
    [InlineData("shape", "Tensor 'model.layers.0.mlp.down_proj.weight' has shape")]
    [InlineData("dtype", "Tensor 'model.layers.0.mlp.down_proj.weight' has dtype I32; supported dtypes: F32, F16, BF16.")]
    [InlineData("add", "has the tensor 'extra.weight', for which")]
    [InlineData("remove", "no tensor 'model.layers.0.mlp.down_proj.weight'")]
    public async Task What_the_model_has_no_place_for_is_refused_by_name_before_a_byte_is_sent(string change, string expected)
    {
        await using LoadedModel model = await LoadAsync();
        await using TestGateway gateway = await StartAsync(model);
        List<TensorShape> tensors = [.. SentWeights.Perturbed().Tensors.Select(tensor => tensor.Shape)];
        int index = tensors.FindIndex(tensor => tensor.Name == "model.layers.0.mlp.down_proj.weight");
        TensorShape down = tensors[index];
        tensors[index] = change switch
        {
            "rename" => down with { Name = "model.layers.0.mlp.down.weight" },
            "shape" => down with { Shape = [.. down.Shape.Reverse()] },
            "dtype" => down with { Dtype = "I32" },
            _ => down,
        };
        if (change == "add")
            tensors.Add(new TensorShape("extra.weight", "F32", [1]));
        if (change == "remove")
            tensors.RemoveAt(index);

        using HttpResponseMessage response = await PostAsync(gateway, "/v1/weights/updates", Begin(tensors));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        JsonElement problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("weights_refused", problem.GetProperty("code").GetString());
        Assert.Contains(expected, problem.GetProperty("detail").GetString());
        Assert.Equal(0, (await gateway.GetAsync("/v1/weights")).GetProperty("version").GetInt64());
        using HttpResponseMessage again = await PostAsync(gateway, "/v1/weights/updates", Begin(SentWeights.Perturbed().Tensors.Select(tensor => tensor.Shape)));
        Assert.Equal(HttpStatusCode.Created, again.StatusCode);
    }

    [Fact]
    public async Task An_update_that_lacks_bytes_or_has_wrong_ones_is_refused_and_can_be_mended()
    {
        SentWeights sent = SentWeights.Perturbed();
        await using LoadedModel model = await LoadAsync();
        await using TestGateway gateway = await StartAsync(model);
        string before = await SampledAsync(gateway);
        string update = (await BeginAsync(gateway, sent)).GetProperty("id").GetString()!;
        foreach (SentTensor tensor in sent.Tensors.Skip(1))
            (await PutAsync(gateway, $"/v1/weights/updates/{update}/tensors/{tensor.Name}", tensor.Bytes)).Dispose();
        SentTensor first = sent.Tensors[0];
        string path = $"/v1/weights/updates/{update}/tensors/{first.Name}";

        using (HttpResponseMessage incomplete = await PostAsync(gateway, $"/v1/weights/updates/{update}/commit", new { }))
            await RolloutEndpointsTests.AssertProblemAsync(incomplete, HttpStatusCode.Conflict, "update_incomplete", $"Update '{update}' is not complete: 1 tensors lack bytes, such as '{first.Name}'.");
        byte[] wrong = [.. first.Bytes];
        wrong[3] ^= 1;
        string crc = $"{Crc32.HashToUInt32(first.Bytes):x8}";
        using (HttpResponseMessage refused = await PutAsync(gateway, $"{path}?crc32={crc}", wrong))
            await RolloutEndpointsTests.AssertProblemAsync(refused, HttpStatusCode.BadRequest, "checksum_mismatch", $"The body's CRC-32 is {Crc32.HashToUInt32(wrong):x8}; {crc} was announced.");
        using (HttpResponseMessage tooShort = await PutAsync(gateway, path, first.Bytes[..^4]))
            await RolloutEndpointsTests.AssertProblemAsync(tooShort, HttpStatusCode.BadRequest, "invalid_value", $"The body has {first.Bytes.Length - 4} bytes; {first.Bytes.Length} belong there.");
        using (HttpResponseMessage tooLong = await PutAsync(gateway, path, [.. first.Bytes, 0]))
            await RolloutEndpointsTests.AssertProblemAsync(tooLong, HttpStatusCode.BadRequest, "invalid_value", $"The body is longer than the {first.Bytes.Length} bytes that belong there.");
        JsonElement progress = await gateway.GetAsync($"/v1/weights/updates/{update}");
        Assert.Equal([first.Name], progress.GetProperty("missing").EnumerateArray().Select(name => name.GetString()));

        (await PutAsync(gateway, path, wrong)).Dispose();
        using (HttpResponseMessage mismatch = await PostAsync(gateway, $"/v1/weights/updates/{update}/commit", new { crc32 = new Dictionary<string, string> { [first.Name] = crc } }))
            await RolloutEndpointsTests.AssertProblemAsync(mismatch, HttpStatusCode.BadRequest, "checksum_mismatch", $"Tensor '{first.Name}' has the CRC-32 {Crc32.HashToUInt32(wrong):x8}; {crc} was announced.");
        Assert.Equal(before, await SampledAsync(gateway));
        (await PutAsync(gateway, path, first.Bytes)).Dispose();
        JsonElement report = await CommitAsync(gateway, update, new { crc32 = new Dictionary<string, string> { [first.Name] = crc } });
        Assert.Equal(1, report.GetProperty("version").GetInt64());
    }

    [Fact]
    public async Task One_update_is_open_at_a_time_and_an_aborted_one_leaves_nothing()
    {
        SentWeights sent = SentWeights.Perturbed();
        await using LoadedModel model = await LoadAsync();
        await using TestGateway gateway = await StartAsync(model);
        JsonElement begun = await BeginAsync(gateway, sent);
        string update = begun.GetProperty("id").GetString()!;
        using (HttpResponseMessage second = await PostAsync(gateway, "/v1/weights/updates", Begin(sent.Tensors.Select(tensor => tensor.Shape))))
            await RolloutEndpointsTests.AssertProblemAsync(second, HttpStatusCode.Conflict, "update_in_progress", $"Update '{update}' is open; commit or abort it first.");
        using (HttpResponseMessage aborted = await PostAsync(gateway, $"/v1/weights/updates/{update}/abort", new { }))
            Assert.Equal(HttpStatusCode.NoContent, aborted.StatusCode);
        Assert.False(File.Exists(begun.GetProperty("path").GetString()));
        using HttpResponseMessage late = await PutAsync(gateway, $"/v1/weights/updates/{update}/bytes?offset=0", [1]);
        await RolloutEndpointsTests.AssertProblemAsync(late, HttpStatusCode.NotFound, "unknown_update", $"Weight update '{update}' is unknown or has ended.");
        await BeginAsync(gateway, sent);
    }

    [Fact]
    public async Task A_server_that_starts_again_goes_on_with_the_weights_it_had_under_their_version()
    {
        string path = TestGateway.NewDatabase();
        SentWeights sent = SentWeights.Perturbed();
        string before;
        await using (LoadedModel model = await LoadAsync())
        await using (TestGateway gateway = await StartAsync(model, path))
        {
            using HttpResponseMessage response = await PostAsync(gateway, "/v1/weights/from_disk", new { path = sent.Save(), version = 41 });
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            string update = (await BeginAsync(gateway, sent, version: 42)).GetProperty("id").GetString()!;
            foreach (SentTensor tensor in sent.Tensors)
                (await PutAsync(gateway, $"/v1/weights/updates/{update}/tensors/{tensor.Name}", tensor.Bytes)).Dispose();
            await CommitAsync(gateway, update, new { });
            before = await SampledAsync(gateway);
        }

        WeightFolder folder = WeightFolder.Open(path + ".weights");
        CurrentWeights current = folder.Current!;
        Assert.Equal(42, current.Version);
        await using (LoadedModel model = await LoadAsync(new StartWeights(current.Path, current.Version)))
        await using (TestGateway gateway = await StartAsync(model, path))
        {
            Assert.Equal(42, (await gateway.GetAsync("/v1/weights")).GetProperty("version").GetInt64());
            Assert.Equal(before, await SampledAsync(gateway));
        }

        byte[] damaged = await File.ReadAllBytesAsync(current.Path);
        damaged[^1] ^= 1;
        await File.WriteAllBytesAsync(current.Path, damaged);
        Assert.Contains("does not hold the weights of version 42 any more", Assert.Throws<IOException>(() => WeightFolder.Open(path + ".weights")).Message);
        File.Delete(current.Path);
        Assert.Contains("or delete", Assert.Throws<IOException>(() => WeightFolder.Open(path + ".weights")).Message);
    }

    [Fact]
    public async Task A_released_engine_refuses_to_generate_says_what_it_freed_and_goes_on_where_it_was()
    {
        await using LoadedModel model = await LoadAsync();
        await using TestGateway gateway = await StartAsync(model);
        string before = await SampledAsync(gateway);
        using HttpResponseMessage released = await PostAsync(gateway, "/v1/engine/release_memory", new { });
        JsonElement freed = await released.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(model.Engine.WeightBytes, freed.GetProperty("weight_bytes").GetInt64());
        string id = await gateway.AcceptAsync("""{"environment":"arithmetic","task_set":{"count":1},"seed":1}""");
        await gateway.WaitForAsync(id, "completed");
        JsonElement failed = (await gateway.GetAsync($"/v1/rollouts/{id}/trajectories"))[0];
        Assert.Contains("weights and KV cache are released", failed.GetProperty("failure").GetProperty("message").GetString());

        using (HttpResponseMessage unknown = await PostAsync(gateway, "/v1/engine/resume_memory", new { tags = (string[])["weight"] }))
            await RolloutEndpointsTests.AssertProblemAsync(unknown, HttpStatusCode.BadRequest, "invalid_value", "Tag 'weight' is unknown; known tags: weights, kv_cache.");
        using (HttpResponseMessage back = await PostAsync(gateway, "/v1/engine/resume_memory", new { }))
            Assert.Equal(HttpStatusCode.NoContent, back.StatusCode);
        Assert.Equal(before, await SampledAsync(gateway));
    }

    [Fact]
    public async Task A_paused_engine_waits_and_an_update_that_lets_it_finish_is_refused()
    {
        await using LoadedModel model = await LoadAsync();
        await using TestGateway gateway = await StartAsync(model);
        string before = await SampledAsync(gateway);
        (await PostAsync(gateway, "/v1/engine/pause", new { })).Dispose();
        Task<string> waiting = SampledAsync(gateway);
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Task.Delay(300)));
        (await PostAsync(gateway, "/v1/engine/resume", new { })).Dispose();
        Assert.Equal(before, await waiting);
        using HttpResponseMessage flushed = await PostAsync(gateway, "/v1/engine/flush_cache", new { });
        Assert.InRange((await flushed.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("freed_pages").GetInt32(), 1, 10_000);
    }

    private static Task<LoadedModel> LoadAsync(StartWeights? weights = null) =>
        LoadedModel.LoadAsync(Model, new EngineOptions { Threads = 1, KvCacheMiB = 64 }, NullLoggerFactory.Instance, weights: weights);

    private static Task<TestGateway> StartAsync(LoadedModel model, string? path = null) =>
        TestGateway.StartAsync(model.Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex()), path: path);

    /// <summary>All token ids and log-probabilities of a small rollout.</summary>
    private static async Task<string> SampledAsync(TestGateway gateway)
    {
        string id = await gateway.AcceptAsync("""{"environment":"arithmetic","task_set":{"count":2},"samples_per_task":2,"seed":1}""");
        await gateway.WaitForAsync(id, "completed");
        JsonElement trajectories = await gateway.GetAsync($"/v1/rollouts/{id}/trajectories");
        return string.Join(' ', trajectories.EnumerateArray()
            .OrderBy(trajectory => trajectory.GetProperty("id").GetString())
            .Select(trajectory => trajectory.GetProperty("sequences")[0])
            .Select(sequence => sequence.GetProperty("token_ids").GetRawText() + sequence.GetProperty("logprobs").GetRawText()));
    }

    private static object Begin(IEnumerable<TensorShape> tensors, bool direct = false, long? version = null) => new
    {
        tensors = tensors.Select(tensor => new { name = tensor.Name, dtype = tensor.Dtype, shape = tensor.Shape }),
        direct,
        version,
    };

    private static async Task<JsonElement> BeginAsync(TestGateway gateway, SentWeights sent, bool direct = false, long? version = null)
    {
        using HttpResponseMessage response = await PostAsync(gateway, "/v1/weights/updates", Begin(sent.Tensors.Select(tensor => tensor.Shape), direct, version));
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<JsonElement> CommitAsync(TestGateway gateway, string update, object body)
    {
        using HttpResponseMessage response = await PostAsync(gateway, $"/v1/weights/updates/{update}/commit", body);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string path, object body) => gateway.Client.PostAsJsonAsync(path, body);

    private static Task<HttpResponseMessage> PutAsync(TestGateway gateway, string path, byte[] body) => gateway.Client.PutAsync(path, new ByteArrayContent(body));

    /// <summary>A tensor as shards of FSDP, three where it has as many rows.</summary>
    private static IEnumerable<(string Path, byte[] Body)> Pieces(string update, SentTensor tensor)
    {
        string path = $"/v1/weights/updates/{update}/tensors/{tensor.Name}";
        long rows = tensor.Shape.Shape[0];
        if (rows < 3)
            return [(path, tensor.Bytes)];
        int rowBytes = (int)(tensor.Bytes.Length / rows);
        long[] cuts = [0, rows / 3, rows - 1, rows];
        return Enumerable.Range(0, 3).Select(i => (
            $"{path}?row={cuts[i]}&rows={cuts[i + 1] - cuts[i]}", tensor.Bytes[((int)cuts[i] * rowBytes)..((int)cuts[i + 1] * rowBytes)]));
    }

    private sealed record SentTensor(TensorShape Shape, byte[] Bytes)
    {
        public string Name => Shape.Name;
    }

    /// <summary>The shipped model's tensors with other numbers, as a trainer that computes in floats would send them.</summary>
    private sealed record SentWeights(IReadOnlyList<SentTensor> Tensors)
    {
        public static SentWeights Perturbed()
        {
            byte[] file = File.ReadAllBytes(Path.Combine(Model, "model.safetensors"));
            int header = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
            Random random = new(2);
            List<SentTensor> tensors = [];
            foreach (JsonProperty tensor in JsonElement.Parse(file.AsSpan(8, header)).EnumerateObject().Where(tensor => tensor.Name != "__metadata__"))
            {
                int[] offsets = [.. tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32())];
                byte[] bytes = new byte[2 * (offsets[1] - offsets[0])];
                for (int i = 0; i < bytes.Length; i += 4)
                {
                    float value = BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(file, 8 + header + offsets[0] + i / 2) << 16);
                    BitConverter.TryWriteBytes(bytes.AsSpan(i), value * (1 + 0.05f * (random.NextSingle() - 0.5f)));
                }

                tensors.Add(new SentTensor(
                    new TensorShape(tensor.Name, "F32", [.. tensor.Value.GetProperty("shape").EnumerateArray().Select(length => length.GetInt64())]), bytes));
            }

            return new SentWeights(tensors);
        }

        public string Save()
        {
            string path = Path.Combine(Directory.CreateTempSubdirectory("weights-").FullName, "weights.safetensors");
            SafetensorsLayout layout = new(Tensors.Select(tensor => tensor.Shape));
            File.WriteAllBytes(path, [.. layout.Header.Span, .. Tensors.SelectMany(tensor => tensor.Bytes)]);
            return path;
        }
    }
}
