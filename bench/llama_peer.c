/* Drives llama.cpp with the loads of `agentrollout bench engine`, by token ids, so that bench/engine.py can measure both side by side.

   usage: llama_peer MODEL.gguf decode BATCH CONTEXT STEPS
                                prefill TOKENS ROUNDS
                                groups PROMPTS SAMPLES PREFIX NEW OBSERVED TURNS
   environment: GGML_DIR   folder of the backend libraries
                THREADS    default 2
                FLASH      1 for flash attention, default 0
                UNIFIED    1 for one cache of shared cells, default 0: a stream per sequence

   Prints one JSON object. "groups" reuses sequences as a careful caller would: the samples of a prompt copy its sequence, and every turn
   goes on where the last one ended. Tokens are not sampled, which favours this side.

   build: gcc -O2 -I src/include -I src/ggml/include llama_peer.c -o llama_peer -L LIBS -l:libllama.so … -lm (see bench/engine.py) */
#include "ggml-backend.h"
#include "llama.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_BATCH = 2048, N_UBATCH = 512, MOST_SEQUENCES = 256, WARM_UP_STEPS = 2 };

static struct llama_model *model;
static struct llama_context *context;
static struct llama_batch batch;
static int vocabulary;

static void fail(const char *what) { fprintf(stderr, "llama_peer: %s\n", what); exit(1); }

static void silent(enum ggml_log_level level, const char *text, void *data) { (void)level; (void)text; (void)data; }

static int setting(const char *name, int otherwise) { const char *text = getenv(name); return text ? atoi(text) : otherwise; }

static double clock_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }

static double median(double *values, int count) { qsort(values, count, sizeof *values, ascending); return values[count / 2]; }

static int token_at(int position, int salt) { return (int)((position * 7919L + salt * 131L) % vocabulary); }

static void open_context(int cells, int sequences)
{
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = cells;
    p.n_batch = N_BATCH;
    p.n_ubatch = N_UBATCH;
    p.n_seq_max = sequences;
    p.n_threads = p.n_threads_batch = setting("THREADS", 2);
    p.flash_attn_type = setting("FLASH", 0) ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    p.kv_unified = setting("UNIFIED", 0);
    p.no_perf = true;
    context = llama_init_from_model(model, p);
    if (!context) fail("no context of that size");
}

static void add(int token, int position, int sequence, int wants_logits)
{
    int i = batch.n_tokens++;
    batch.token[i] = token;
    batch.pos[i] = position;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = sequence;
    batch.logits[i] = wants_logits;
}

static void run(void)
{
    if (llama_decode(context, batch)) fail("llama_decode failed");
    llama_synchronize(context);
    batch.n_tokens = 0;
}

/* Adds known tokens of a sequence, running the batch whenever it is full. */
static void add_known(int first, int count, int sequence, int salt)
{
    for (int i = 0; i < count; i++) {
        if (batch.n_tokens == N_BATCH) run();
        add(token_at(first + i, salt), first + i, sequence, i == count - 1);
    }
}

static int padded(int tokens) { return (tokens + 255) / 256 * 256; }

static void share(int from, int to) { llama_memory_seq_cp(llama_get_memory(context), from, to, -1, -1); }

static void decode(int sequences, int length, int steps)
{
    double times[4096];
    open_context(padded(length + steps + WARM_UP_STEPS + 1) * sequences, sequences);
    add_known(0, length, 0, 0);
    run();
    for (int s = 1; s < sequences; s++) share(0, s);
    double cpu = 0;
    for (int step = 0; step < steps + WARM_UP_STEPS; step++) {
        for (int s = 0; s < sequences; s++) add(token_at(length + step, s), length + step, s, 1);
        if (step == WARM_UP_STEPS) cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
        double started = clock_seconds(CLOCK_MONOTONIC);
        run();
        if (step >= WARM_UP_STEPS) times[step - WARM_UP_STEPS] = clock_seconds(CLOCK_MONOTONIC) - started;
    }
    cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double step = median(times, steps);
    printf("{\"tokens_per_second\":%.4f,\"tokens_per_processor_second\":%.4f,\"step_ms\":%.4f}\n",
           sequences / step, sequences * steps / cpu, step * 1e3);
}

static void prefill(int tokens, int rounds)
{
    double times[4096], cpu = 0;
    open_context(padded(tokens + 1), 1);
    for (int round = 0; round <= rounds; round++) {
        llama_memory_clear(llama_get_memory(context), true);
        if (round == 1) cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
        double started = clock_seconds(CLOCK_MONOTONIC);
        add_known(0, tokens, 0, round);
        run();
        if (round > 0) times[round - 1] = clock_seconds(CLOCK_MONOTONIC) - started;
    }
    cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double prompt = median(times, rounds);
    printf("{\"tokens_per_second\":%.4f,\"tokens_per_processor_second\":%.4f}\n", tokens / prompt, (double)tokens * rounds / cpu);
}

static void groups(int prompts, int samples, int prefix, int new_tokens, int observed, int turns)
{
    int sequences = prompts * samples, length = prefix + turns * new_tokens + (turns - 1) * observed;
    int cells = setting("UNIFIED", 0) ? prompts * prefix + sequences * (length - prefix) + 512 : padded(length + 1) * sequences;
    open_context(cells, sequences);
    double started = clock_seconds(CLOCK_MONOTONIC), cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int p = 0; p < prompts; p++) add_known(0, prefix, p * samples, p);
    run();
    for (int s = 0; s < sequences; s++)
        if (s % samples) share(s / samples * samples, s);

    int position = prefix;
    for (int turn = 0; turn < turns; turn++) {
        if (turn > 0) {
            /* The last sampled token was not computed yet; it goes with what answers it. */
            for (int s = 0; s < sequences; s++) add_known(position, observed + 1, s, s + turn);
            run();
            position += observed + 1;
        }
        /* The first of the new tokens comes from what was computed already. */
        for (int i = 1; i < new_tokens; i++, position++) {
            for (int s = 0; s < sequences; s++) add(token_at(position, s), position, s, 1);
            run();
        }
    }
    double seconds = clock_seconds(CLOCK_MONOTONIC) - started, sampled = (double)sequences * new_tokens * turns;
    printf("{\"tokens_per_second\":%.4f,\"tokens_per_processor_second\":%.4f,\"seconds\":%.4f}\n",
           sampled / seconds, sampled / (clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu), seconds);
}

int main(int argc, char **argv)
{
    if (argc < 3) fail("usage: llama_peer MODEL.gguf decode BATCH CONTEXT STEPS | prefill TOKENS ROUNDS | groups PROMPTS SAMPLES PREFIX NEW OBSERVED TURNS");
    llama_log_set(silent, NULL);
    ggml_backend_load_all_from_path(getenv("GGML_DIR"));
    llama_backend_init();
    model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) fail("the model cannot be loaded; is GGML_DIR the folder of the backend libraries?");
    vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    batch = llama_batch_init(N_BATCH, 0, 1);

    int n[6] = {0};
    for (int i = 0; i < 6 && i + 3 < argc; i++) n[i] = atoi(argv[i + 3]);
    if (!strcmp(argv[2], "decode") && argc == 6 && n[0] <= MOST_SEQUENCES && n[2] <= 4096) decode(n[0], n[1], n[2]);
    else if (!strcmp(argv[2], "prefill") && argc == 5 && n[1] <= 4096) prefill(n[0], n[1]);
    else if (!strcmp(argv[2], "groups") && argc == 9 && n[0] * n[1] <= MOST_SEQUENCES) groups(n[0], n[1], n[2], n[3], n[4], n[5]);
    else fail("unknown load, or a number too many, too few or too large");
    return 0;
}
