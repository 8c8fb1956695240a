"""The requests of slime, AReaL and verl to SGLang servers, in their order and with the fields that they read, by Python's standard library alone.

usage: sglang.py URL MODEL_FOLDER slime|slime-colocated|areal|verl
"""
import concurrent.futures
import json
import sys
import urllib.error
import urllib.request

URL, MODEL, WHO = sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3]


def call(method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.status, response.read()


def post(path, body=None, headers=None):
    status, data = call("POST", path, body, headers)
    assert status == 200, (path, status)
    return json.loads(data)


def get(path):
    return json.loads(call("GET", path)[1])


def flush_until_idle(tries=60):
    for _ in range(tries):
        try:
            if call("GET", "/flush_cache")[0] == 200:
                return
        except urllib.error.HTTPError as error:
            assert error.code == 400, error.code
    raise AssertionError("the cache could not be flushed")


def read_tokens(answer):
    """As the trainers rebuild a sample: tokens and log-probabilities from the triples alone."""
    meta = answer["meta_info"]
    tokens = [item[1] for item in meta["output_token_logprobs"]]
    logprobs = [item[0] for item in meta["output_token_logprobs"]]
    assert tokens == answer["output_ids"], "triples and ids differ"
    assert all(isinstance(value, float) and value <= 0 for value in logprobs)
    assert meta["finish_reason"]["type"] in ("stop", "length", "abort")
    return tokens, logprobs, meta


def update(version, path=None):
    answer = post("/update_weights_from_disk", {"model_path": path or MODEL, "load_format": None, "weight_version": version, "flush_cache": True,
                                                "abort_all_requests": False, "is_async": False, "token_step": 0})
    assert answer["success"] is True and isinstance(answer["message"], str) and answer["num_paused_requests"] == 0, answer


def slime():
    assert call("GET", "/health_generate")[0] == 200
    assert get("/get_model_info")["is_generation"] is True
    assert get("/workers")["workers"][0]["is_healthy"] is True
    params = {"max_new_tokens": 32, "temperature": 1.0, "top_p": 1.0, "top_k": -1, "stop": None, "stop_token_ids": None, "skip_special_tokens": False,
              "no_stop_trim": True, "spaces_between_special_tokens": False}

    def sample(i):
        return post("/generate", {"rid": f"slime-{i}", "input_ids": [5, 6, 7 + i], "sampling_params": params, "return_logprob": True}, {"X-SMG-Routing-Key": f"s{i}"})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for tokens, logprobs, meta in pool.map(lambda i: read_tokens(sample(i)), range(16)):
            assert meta["prompt_tokens"] == 3 and meta["weight_version"] == "0" and "cached_tokens" in meta
        loads = get("/v1/loads?include=core")["loads"]
        assert sum(load["num_reqs"] for load in loads) >= 0
        # Partial rollouts: abort what runs, keep its tokens, go on from them.
        running = pool.submit(post, "/generate", {"rid": "slime-long", "input_ids": [5, 6], "sampling_params": {**params, "max_new_tokens": 900, "ignore_eos": True}, "return_logprob": True})
        while not running.done():
            call("POST", "/abort_request", {"abort_all": True})
        tokens, _, meta = read_tokens(running.result())
        assert meta["finish_reason"]["type"] in ("abort", "length")
        read_tokens(post("/generate", {"input_ids": [5, 6] + tokens, "sampling_params": {**params, "max_new_tokens": 4}, "return_logprob": True}))
    assert post("/pause_generation", {})["status"] == "ok"
    flush_until_idle()
    update("1")
    assert post("/continue_generation", {})["status"] == "ok"
    assert read_tokens(post("/generate", {"input_ids": [5], "sampling_params": params, "return_logprob": True}))[2]["weight_version"] == "1"


def slime_colocated():
    for tags in (["kv_cache", "weights", "cuda_graph"],):
        assert isinstance(post("/release_memory_occupation", {"tags": tags}), dict)
    assert isinstance(post("/resume_memory_occupation", {"tags": ["weights"]}), dict)
    update("7")
    assert isinstance(post("/resume_memory_occupation", {"tags": ["kv_cache", "cuda_graph"]}), dict)
    assert read_tokens(post("/generate", {"input_ids": [5], "sampling_params": {"max_new_tokens": 4}, "return_logprob": True}))[2]["weight_version"] == "7"


def areal():
    assert call("GET", "/health")[0] == 200
    body = {"input_ids": [5, 6, 7], "image_data": [], "sampling_params": {"top_p": 1.0, "top_k": int(1e8), "max_new_tokens": 24, "temperature": 1.0, "stop_token_ids": [3],
            "ignore_eos": False, "skip_special_tokens": False, "frequency_penalty": 0.0}, "return_logprob": True, "stream": False}
    read_tokens(post("/generate", body))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        # Waits while the engine is paused, is aborted, and comes back before its prefill.
        assert post("/pause_generation", {"mode": "in_place"})["status"] == "ok"
        waiting = pool.submit(post, "/generate", body)
        while get("/get_load")[0]["num_waiting_reqs"] == 0:
            assert not waiting.done()
        assert post("/pause_generation", {"mode": "abort"})["status"] == "ok"
        finish = waiting.result()["meta_info"]["finish_reason"]
        assert finish["type"] == "abort" and finish["message"].startswith("Abort before prefill"), finish
    update("3")
    assert post("/continue_generation", {})["status"] == "ok"
    assert get("/get_weight_version")["weight_version"] == "3"
    named = post("/update_weight_version", {"new_version": "4", "abort_all_requests": False})
    assert named["success"] is True and named["new_version"] == "4"
    assert read_tokens(post("/generate", body))[2]["weight_version"] == "4"


def verl():
    body = {"rid": "verl-1", "input_ids": [5, 6, 7], "sampling_params": {"max_new_tokens": 16, "temperature": 1.0, "top_k": -1, "top_p": 1.0, "repetition_penalty": 1.0}, "return_logprob": True,
            "logprob_start_len": 0, "top_logprobs_num": 1, "token_ids_logprob": None, "image_data": None, "return_routed_experts": False}
    tokens, logprobs, meta = read_tokens(post("/generate", body))
    assert meta["id"] == "verl-1" and [item[1] for item in meta["input_token_logprobs"]] == [5, 6, 7] and meta["input_token_logprobs"][0][0] is None
    assert len(meta["output_top_logprobs"]) == len(tokens)
    # A second turn, whose beginning the cache has.
    longer = post("/generate", {**body, "rid": "verl-2", "input_ids": ([5, 6, 7] + tokens) * 4, "logprob_start_len": -1})
    read_tokens(longer)
    call("POST", "/abort_request", {"rid": "verl"})
    flush_until_idle()


{"slime": slime, "slime-colocated": slime_colocated, "areal": areal, "verl": verl}[WHO]()
