namespace AgentRollout.Gateway.Tests.Fuzz;

/// <summary>A request that an endpoint honours, which the fuzz then spoils.</summary>
/// <param name="Method">Of HTTP.</param>
/// <param name="Route">The endpoint's pattern.</param>
/// <param name="Body">JSON; empty for none.</param>
/// <param name="Query">What may stand behind the path.</param>
/// <param name="HoldsEngine">Whether it may hold the engine, so that others would wait: such requests go one by one, and the engine is let go after each.</param>
internal sealed record FuzzTarget(string Method, string Route, string Body = "", string Query = "", bool HoldsEngine = false)
{
    private const string Sampling = """{"max_new_tokens": 4, "temperature": 0.7, "top_p": 0.9, "top_k": 8, "min_p": 0.01, "stop": ["x"], "stop_token_ids": [3], "logit_bias": {"7": 1}}""";

    private const string Chat = """
        {"model": "default", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "1+1"}]},
         {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "calculator", "arguments": "{\"expression\": \"1\"}"}}]},
         {"role": "tool", "tool_call_id": "c", "content": "2"}], "max_tokens": 4, "temperature": 0.5, "top_p": 0.9, "n": 2, "seed": 3, "stop": ["x"], "logprobs": true, "top_logprobs": 2,
         "tools": [{"type": "function", "function": {"name": "calculator", "description": "d", "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}}}}],
         "tool_choice": "auto", "stream_options": {"include_usage": true}, "logit_bias": {"7": 1}, "return_token_ids": true, "chat_template_kwargs": {"a": 1}, "response_format": {"type": "text"}, STREAM}
        """;

    private const string Messages = """
        {"model": "default", "system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": "1+1"},
         {"role": "assistant", "content": [{"type": "thinking", "thinking": "t"}, {"type": "tool_use", "id": "c", "name": "calculator", "input": {"expression": "1"}}]},
         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "2"}]}, {"type": "text", "text": "and?"}]}],
         "max_tokens": 4, "temperature": 0.5, "top_k": 4, "top_p": 0.9, "stop_sequences": ["x"], "tools": [{"name": "calculator", "description": "d", "input_schema": {"type": "object"}}],
         "tool_choice": {"type": "auto"}, "thinking": {"type": "disabled"}, STREAM}
        """;

    /// <summary>Every endpoint, with what it takes. Ids stand in for <c>{...}</c> when a request is made.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("GET", "/"), new("GET", "/health/live"), new("GET", "/health/ready"), new("GET", "/metrics"), new("GET", "/v1/engine"), new("GET", "/v1/environments"),
        new("GET", "/v1/pending"), new("GET", "/v1/sandboxes"), new("GET", "/v1/tools"), new("GET", "/v1/weights"), new("GET", "/v1/replays"), new("GET", "/v1/models"), new("GET", "/v1/models/{**id}"),
        new("POST", "/v1/rollouts", """
            {"environment": "arithmetic", "task_set": {"split": "train", "seed": 1, "offset": 0, "count": 1}, "samples_per_task": 1, "seed": 1, "tools": ["calculator"],
             "sampling": {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "repetition_penalty": 1, "logit_bias": {"1": 0.5}, "min_new_tokens": 0},
             "limits": {"max_turns": 1, "max_tokens_per_turn": 4, "tool_timeout_seconds": 1, "deadline_seconds": 5, "max_parse_retries": 0, "tool_results": {"max_characters": 100}},
             "history": "append_only", "mask": "all", "delivery": {"max_unacknowledged": 5}}
            """),
        new("POST", "/v1/rollouts", """{"environment": "arithmetic", "tasks": [{"id": "a", "data": {"question": "1+1", "answer": "2"}}], "limits": {"max_turns": 1, "max_tokens_per_turn": 4}}"""),
        new("GET", "/v1/rollouts", Query: "limit=5&after=0"), new("GET", "/v1/rollouts/{id}"), new("DELETE", "/v1/rollouts/{id}"),
        new("GET", "/v1/rollouts/{id}/trajectories", Query: "wait=0&after=0&pad_token_id=0&padding=right"),
        new("POST", "/v1/rollouts/{id}/leases", """
            {"unit": "group", "count": 2, "seconds": 1, "wait_seconds": 0, "advantages": "grpo", "padding": "left", "pad_token_id": 0,
             "filters": {"statuses": ["completed"], "max_staleness": 3, "min_group_size": 1, "drop_equal_rewards": true}}
            """),
        new("POST", "/v1/leases/{id}/ack", "{}"), new("POST", "/v1/leases/{id}/release", "{}"), new("POST", "/v1/leases/{id}/extend", """{"seconds": 3}"""),
        new("GET", "/v1/trajectories", Query: "limit=5&before=9&environment=arithmetic&min_reward=0&max_reward=1&stop_reason=completed&text=a&tool_errors=true&weight_version=0"),
        new("GET", "/v1/groups/{id}"), new("GET", "/v1/trajectories/{id}", Query: "format=atif"), new("GET", "/v1/trajectories/{id}/tokens", Query: "offset=0&limit=3"),
        new("GET", "/v1/trajectories/{id}/journal"), new("GET", "/v1/trajectories/{id}/audit"), new("GET", "/v1/trajectories/{id}/diff", Query: "other=x"),
        new("POST", "/v1/trajectories/{id}/replay", """{"mode": "verify", "from_turn": 1, "samples": 1, "seed": 3, "tool_timeout_seconds": 1}"""),
        new("POST", "/v1/trajectories/{id}/fork", """{"turn": 1, "message": "and?", "samples": 1, "seed": 4}"""),
        new("POST", "/v1/trajectories/{id}/fork", """{"turn": 1, "tool_result": {"call_id": "c", "result": "3"}}"""),
        new("GET", "/v1/replays/{id}"), new("DELETE", "/v1/replays/{id}"),
        new("POST", "/v1/tools", """
            {"type": "http", "name": "weather", "description": "d", "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9}}, "required": ["city"]},
             "url": "http://127.0.0.1:9/x", "method": "post", "result_pointer": "/text", "timeout_seconds": 1}
            """),
        new("DELETE", "/v1/tools/{name}"),
        new("POST", "/v1/weights/from_disk", """{"path": "/nowhere", "version": 5, "running": "continue", "kv_cache": "keep", "checksum": "sha256:00"}"""),
        new("POST", "/v1/weights/updates", """{"tensors": [{"name": "a", "dtype": "bfloat16", "shape": [2, 3]}], "version": 7, "running": "continue", "kv_cache": "keep", "direct": false}"""),
        new("GET", "/v1/weights/updates/{id}"), new("POST", "/v1/weights/updates/{id}/abort", "{}"), new("POST", "/v1/weights/updates/{id}/commit", """{"crc32": {"a": "00000000"}, "checksum": "sha256:0"}"""),
        new("PUT", "/v1/weights/updates/{id}/bytes", "abc"), new("PUT", "/v1/weights/updates/{id}/tensors/{**name}", "abc"),
        new("POST", "/retrieve", """{"queries": ["france", "paris"], "topk": 2, "return_scores": true}"""),
        new("POST", "/run_code", """{"code": "print(1)", "language": "python", "compile_timeout": 1, "run_timeout": 1, "memory_limit_MB": 64, "stdin": "", "files": {"a": "YQ=="}, "fetch_files": ["a"]}"""),
        new("POST", "/v1/chat/completions", Chat.Replace("STREAM", "\"stream\": false", StringComparison.Ordinal)),
        new("POST", "/v1/chat/completions", Chat.Replace("STREAM", "\"stream\": true", StringComparison.Ordinal)),
        new("POST", "/v1/completions", """{"prompt": ["a", "b"], "max_tokens": 4, "n": 1, "logprobs": 2, "seed": 1, "stop": "x", "stream": false, "temperature": 0.2, "best_of": 1, "skip_special_tokens": false}"""),
        new("POST", "/v1/completions", """{"prompt": [5, 6], "max_tokens": 4, "stream": true, "return_token_ids": true, "stop_token_ids": [2], "min_tokens": 1}"""),
        new("POST", "/v1/messages", Messages.Replace("STREAM", "\"stream\": false", StringComparison.Ordinal)),
        new("POST", "/v1/messages", Messages.Replace("STREAM", "\"stream\": true", StringComparison.Ordinal)),
        new("POST", "/v1/messages/count_tokens", Messages.Replace("STREAM", "\"a\": 1", StringComparison.Ordinal)),
        new("POST", "/generate", $$"""
            {"input_ids": [[5, 6], [7]], "sampling_params": {{Sampling}}, "stream": false, "return_logprob": true, "logprob_start_len": 0, "top_logprobs_num": 2, "token_ids_logprob": [3],
             "rid": ["a", "b"], "return_text_in_logprobs": true}
            """),
        new("POST", "/generate", $$"""{"text": "hello", "sampling_params": {{Sampling}}, "stream": true, "rid": "c"}"""),
        new("POST", "/inference/v1/generate", """
            {"request_id": "r", "token_ids": [5, 6], "sampling_params": {"max_tokens": 4, "temperature": 1, "top_k": -1, "logprobs": 1, "stop": ["x"], "seed": 1, "n": 1}, "stream": false, "output_mode": "tokens",
             "return_token_ids": true, "priority": 0, "model": "default"}
            """),
        new("POST", "/inference/v1/generate", """{"token_ids": [5, 6], "sampling_params": {"max_tokens": 4}, "stream": true}"""),
        new("POST", "/v1/embeddings", """{"input": ["a", "b"], "encoding_format": "float", "model": "default", "dimensions": 4}"""),
        new("POST", "/tokenize", """{"prompt": "a b", "add_special_tokens": true, "return_token_strs": true}"""), new("POST", "/tokenize", """{"messages": [{"role": "user", "content": "a"}], "add_generation_prompt": true}"""),
        new("POST", "/detokenize", """{"tokens": [5, 6]}"""), new("POST", "/collective_rpc", """{"method": "reload_weights", "kwargs": {"weights_path": "/nowhere"}}"""),
        new("POST", "/update_weights", """{"update_info": {"names": ["a"], "dtype_names": ["bfloat16"], "shapes": [[1]]}}"""), new("POST", "/reset_prefix_cache"),
        new("POST", "/pause", Query: "mode=keep&clear_cache=true", HoldsEngine: true), new("POST", "/resume", HoldsEngine: true),
        new("POST", "/sleep", Query: "level=1&tags=weights&mode=keep", HoldsEngine: true), new("POST", "/wake_up", Query: "tags=weights", HoldsEngine: true),
        .. ((string[])["/is_paused", "/is_sleeping", "/weight_info", "/get_world_size", "/load", "/version", "/ping"]).Select(route => new FuzzTarget("GET", route)), new("POST", "/ping"),
        .. ((string[])["/init_weight_transfer_engine", "/start_weight_update", "/finish_weight_update"]).Select(route => new FuzzTarget("POST", route, """{"a": 1}""")),
        new("POST", "/v1/sessions", """
            {"environment": "capture", "tasks": [{"id": "a", "data": {"x": 1}}], "samples_per_task": 1, "sampling": {"temperature": 1}, "mask": "all", "seed": 1,
             "limits": {"max_turns": 2, "max_tokens": 200, "max_tokens_per_turn": 4, "idle_seconds": 600, "deadline_seconds": 600}}
            """),
        new("GET", "/v1/sessions", Query: "rollout=x"), new("GET", "/v1/sessions/{id}"), new("POST", "/v1/sessions/{id}/reward", """{"reward": 1, "components": {"a": 0.5}}"""),
        new("POST", "/v1/sessions/{id}/seal", """{"reward": 0.5}"""), new("DELETE", "/v1/sessions/{id}"),
        new("POST", "/v1/sessions/{session}/openai/v1/chat/completions", Chat.Replace("STREAM", "\"stream\": true", StringComparison.Ordinal).Replace("\"n\": 2", "\"n\": 1", StringComparison.Ordinal)),
        new("GET", "/v1/sessions/{session}/openai/v1/models"), new("GET", "/v1/sessions/{session}/openai/v1/models/{**id}"),
        new("POST", "/v1/sessions/{session}/anthropic/v1/messages", Messages.Replace("STREAM", "\"stream\": true", StringComparison.Ordinal)),
        new("POST", "/v1/sessions/{session}/anthropic/v1/messages/count_tokens", Messages.Replace("STREAM", "\"a\": 1", StringComparison.Ordinal)),
        new("GET", "/v1/engines"), new("POST", "/v1/engines", """{"url": "http://127.0.0.1:9", "kind": "sglang", "name": "a"}"""), new("POST", "/v1/engines/{name}/drain"), new("DELETE", "/v1/engines/{name}"),
        new("PUT", "/generate", """{"text": ["a", "b"], "sampling_params": [{"max_new_tokens": 2, "n": 2}, {"max_new_tokens": 1, "n": 2}]}"""),
        new("POST", "/abort_request", """{"rid": "a", "abort_all": false}"""), new("POST", "/flush_cache"), new("GET", "/flush_cache"),
        new("POST", "/update_weights_from_disk", """{"model_path": "/nowhere", "load_format": "auto", "weight_version": "3", "flush_cache": true, "abort_all_requests": false}"""),
        new("POST", "/update_weight_version", """{"new_version": "4", "abort_all_requests": false}"""),
        new("POST", "/pause_generation", """{"mode": "in_place"}""", HoldsEngine: true), new("POST", "/continue_generation", "{}", HoldsEngine: true),
        new("POST", "/release_memory_occupation", """{"tags": ["weights", "kv_cache"]}""", HoldsEngine: true), new("GET", "/release_memory_occupation", HoldsEngine: true),
        new("POST", "/resume_memory_occupation", """{"tags": ["weights"]}""", HoldsEngine: true), new("GET", "/resume_memory_occupation", HoldsEngine: true),
        .. ((string[])[
            "/health", "/health_generate", "/get_model_info", "/model_info", "/get_server_info", "/server_info", "/get_load", "/v1/loads", "/workers", "/list_workers", "/get_weight_version", "/weight_version",
        ]).Select(route => new FuzzTarget("GET", route)),
        .. ((string[])[
            "/update_weights_from_tensor", "/update_weights_from_ipc", "/load_lora_adapter", "/unload_lora_adapter",
            "/load_lora_adapter_from_tensors", "/open_session", "/close_session", "/get_weights_by_name", "/weights_checker", "/pull_weights", "/post_process_weights",
        ]).SelectMany(route => (FuzzTarget[])[new("GET", route), new("POST", route, """{"a": 1}""")]),
        new("POST", "/init_weights_update_group", """{"master_address": "a", "rank_offset": 1, "world_size": 2, "group_name": "g"}"""), new("POST", "/destroy_weights_update_group", """{"group_name": "g"}"""),
        new("POST", "/update_weights_from_distributed", """{"names": ["a"], "shapes": [[1]], "group_name": "g", "flush_cache": false, "weight_version": "7"}"""),
        new("POST", "/add_worker", Query: "url=http://127.0.0.1:9"), new("POST", "/remove_worker", Query: "url=http://127.0.0.1:9"),
        new("POST", "/workers", """{"url": "http://127.0.0.1:9"}"""), new("PUT", "/workers/{id}", "{}"), new("DELETE", "/workers/{id}"),
        new("POST", "/v1/engine/flush_cache"), new("POST", "/v1/engine/pause", HoldsEngine: true), new("POST", "/v1/engine/resume", HoldsEngine: true),
        new("POST", "/v1/engine/release_memory", """{"tags": ["kv_cache", "weights"]}""", HoldsEngine: true), new("POST", "/v1/engine/resume_memory", """{"tags": ["weights"]}""", HoldsEngine: true),
    ];
}
