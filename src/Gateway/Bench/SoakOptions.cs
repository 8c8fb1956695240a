using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench;

/// <summary>What <c>bench soak</c> was asked to do.</summary>
/// <param name="Model">The model's folder.</param>
/// <param name="Duration">How long new requests are sent.</param>
/// <param name="Seed">The same seed sends the same requests, though not at the same moments.</param>
/// <param name="Clients">Trajectories that play at once.</param>
/// <param name="KvCacheMiB">Memory for keys and values.</param>
/// <param name="Threads">Threads of the engine; 0 for one per processor.</param>
/// <param name="WeightType">The numbers of matrices.</param>
/// <param name="KvCacheType">The numbers of keys and values.</param>
internal sealed record SoakOptions(string Model, TimeSpan Duration, int Seed, int Clients, int KvCacheMiB, int Threads, WeightType WeightType, KvCacheType KvCacheType);
