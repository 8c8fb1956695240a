using AgentRollout.Gateway.Commands;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

public sealed class UsageTests
{
    [Theory]
    [InlineData("'agentrollout' needs a command; known commands: audit, bench, export, fork, import, index, inspect, replay, rescore, rollout, serve, tokenizer, tool-worker.")]
    [InlineData("Command 'bogus' is unknown; known commands: audit, bench, export, fork, import, index, inspect, replay, rescore, rollout, serve, tokenizer, tool-worker.", "bogus")]
    [InlineData("'tokenizer' needs a command; known commands: chat, decode, encode.", "tokenizer")]
    [InlineData("Option '--foo' is unknown; known options of 'audit': --model.", "audit", "file.jsonl", "--foo")]
    [InlineData("Option '--environment' is required.", "rollout")]
    [InlineData("Environment 'nope' is unknown; known environments: arithmetic, lookup.", "rollout", "--environment", "nope")]
    [InlineData("Option '--samples' is 'x'; it must be an integer from 1 to 4096.", "rollout", "--environment", "lookup", "--samples", "x")]
    [InlineData("Option '--top-p' is '0'; it must be a number above 0 and at most 1.", "rollout", "--environment", "lookup", "--top-p", "0")]
    [InlineData("Option '--logit-bias' is '7'; it must be a token id, '=' and a number from -100 to 100.", "rollout", "--environment", "lookup", "--logit-bias", "7")]
    [InlineData("Option '--logit-bias' is '7=101'; it must be a token id, '=' and a number from -100 to 100.", "rollout", "--environment", "lookup", "--logit-bias", "6=1", "--logit-bias", "7=101")]
    [InlineData("Option '--split' is 'dev'; known values: test, train.", "rollout", "--environment", "lookup", "--split", "dev")]
    [InlineData("Task file '/nope' does not exist.", "rollout", "--environment", "lookup", "--tasks", "/nope")]
    [InlineData("Options '--count' and '--offset' are about generated tasks and do not go with '--tasks'.",
        "rollout", "--environment", "lookup", "--tasks", "/nope", "--count", "2")]
    [InlineData("Model folder '/nope' does not exist.", "rollout", "--environment", "lookup", "--model", "/nope")]
    [InlineData("Option '--max-tokens' is 5000; model 'tiny-agent' has a context of 1024 tokens.",
        "rollout", "--environment", "lookup", "--max-tokens", "5000")]
    [InlineData("File '/nope' does not exist.", "audit", "/nope")]
    [InlineData("File '/nope' does not exist.", "inspect", "trajectory", "/nope")]
    [InlineData("File 'nope.jsonl' does not exist.", "replay", "nope.jsonl")]
    [InlineData("Option '--mode' is 'rescore'; known values: full, model, show, tools, verify.", "replay", "x", "--mode", "rescore")]
    [InlineData("Option '--url' is 'x'; it must be an http or https address, such as http://127.0.0.1:5080.", "replay", "x", "--url", "x")]
    [InlineData("Option '--tool-result' is '=4'; it must be the id of a call, '=' and its result, such as c1=42.", "fork", "x", "--tool-result", "=4")]
    [InlineData("Option '--out' goes with '--mode model' and '--mode full' only.", "replay", "x", "--mode", "verify", "--out", "y")]
    [InlineData("Option '--turn' is '0'; it must be an integer from 1 to 1000.", "fork", "x", "--turn", "0")]
    [InlineData("Name either a trajectory or file, or a rollout with '--rollout'.", "rescore")]
    [InlineData("Model folder '/nope' does not exist.", "inspect", "model", "/nope")]
    [InlineData("Model folder '/nope' does not exist.", "tokenizer", "encode", "--model", "/nope")]
    [InlineData("Configuration file '/nope' does not exist.", "serve", "--config", "/nope")]
    [InlineData("Roles 'api' do not go together; those that run are api,tools,engine, api,tools and engine.", "serve", "--roles", "api")]
    [InlineData("URL 'http://0.0.0.0:1' is not a loopback address, and other addresses need at least one API key in 'api_keys'.",
        "serve", "--urls", "http://0.0.0.0:1")]
    public async Task Wrong_usage_ends_with_one_sentence_and_exit_code_2(string sentence, params string[] arguments)
    {
        CommandResult result = await CommandLineRunner.RunAsync(arguments);

        Assert.Equal((ExitCodes.Usage, sentence + Environment.NewLine, ""), (result.ExitCode, result.Error, result.Output));
    }

    [Theory]
    [InlineData("""{"urls":[]}""", "'urls' is empty; the server must listen on at least one address.")]
    [InlineData("""{"quue_capacity":1}""", "Member 'quue_capacity' is unknown; known members: urls, model, tool_call_parser, reward_model, embedding_model, content_encoding, database, durability, weights_folder, search_corpus, search_index, search_url, search_title_weight, search_snippet_words, search_max_term_share, queue_capacity,")]
    [InlineData("""{"search_corpus":"/nowhere.jsonl"}""", "'search_corpus' is '/nowhere.jsonl', which does not exist.")]
    [InlineData("""{"search_index":"i.db"}""", "'search_index' is 'i.db', which does not exist, and there is no 'search_corpus' to index.")]
    [InlineData("""{"search_url":"ftp://x"}""", "'search_url' is 'ftp://x'; it must be an http or https address, such as http://127.0.0.1:8000/retrieve.")]
    [InlineData("""{"tool_bus":{"transport":"kafka"}}""", "Member 'tool_bus.transport' is \"kafka\"; it must be one of in_memory, rabbitmq.")]
    [InlineData("""{"tool_bus":{"drain_seconds":-1}}""", "Member 'tool_bus.drain_seconds' is -1; it must be at least 0 and at most 3600.")]
    [InlineData("""{"tool_bus":{"groups":[{"name":"a","tools":[],"calls_per_second":0}]}}""", "Member 'tool_bus.groups[0].calls_per_second' is 0; it must be at least 0.001 and at most 1000000.")]
    [InlineData("""{"tool_bus":{"transport":"rabbitmq","url_variable":"AGENTROLLOUT_NOT_SET"}}""", "Environment variable 'AGENTROLLOUT_NOT_SET' is not set; it must hold the broker's URL, amqp://USER:PASSWORD@HOST:PORT/VHOST.")]
    [InlineData("""{"tool_bus":{"transport":"rabbitmq","groups":[{"name":"a b","tools":[]}]}}""", "Group name 'a b' of 'tool_bus.groups' must have letters, digits and dashes only.")]
    [InlineData("""{"tool_bus":{"transport":"rabbitmq","groups":[{"name":"a","tools":["x"]},{"name":"b","tools":["x"]}]}}""", "Tool 'x' stands twice in 'tool_bus.groups'.")]
    [InlineData("""{"tool_bus":{"transport":"rabbitmq","groups":[{"name":"a","tools":["python"]}]}}""", "The sandboxed tools python, shell, read_file, write_file, list_files must all stand in the same group of 'tool_bus.groups', or none of them.")]
    [InlineData("""{"search_max_term_share":0}""", "Member 'search_max_term_share' is 0; it must be at least 0.001 and at most 1.")]
    [InlineData("""{"queue_capacity":0}""", "Member 'queue_capacity' is 0; it must be at least 1 and at most 1000000.")]
    [InlineData("""{"engine":{"threads":-1}}""", "Member 'engine.threads' is -1; it must be at least 0 and at most 1024.")]
    [InlineData("""{"content_encoding":"as_written"}""", "Member 'content_encoding' is \"as_written\"; it must be one of plain_text, as_transformers.")]
    [InlineData("""{"content_encoding":"as_transformers","engine":{"kv_cache_type":"float16","weight_type":"int8"},"urls":[]}""", "'urls' is empty;")]
    [InlineData("""{"tool_call_parser":"qwen3_coder","urls":[]}""", "'urls' is empty;")]
    [InlineData("""{"api_keys":[{"name":"a"}]}""", "Member 'api_keys[0].sha256' is missing.")]
    [InlineData("""{"api_keys":[{"name":"a","sha256":"secret"}]}""", "it must be 64 hexadecimal digits.")]
    [InlineData("""{"urls":["ftp://localhost:1"]}""", "URL 'ftp://localhost:1' cannot be listened on")]
    public async Task A_bad_configuration_is_refused_by_name(string json, string message)
    {
        string path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, json);

        CommandResult result = await CommandLineRunner.RunAsync("serve", "--config", path);

        Assert.Equal(ExitCodes.Usage, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }
}
