using System.Security.Cryptography;
using System.Text;
using AgentRollout.Environments.Capture;
using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway.Capture;

/// <summary>An open session, and when it was used.</summary>
/// <param name="capture">What it records.</param>
/// <param name="rollout">The rollout that it is of.</param>
/// <param name="accepted">What was asked for.</param>
/// <param name="openedAt">When.</param>
/// <param name="now">The time.</param>
internal sealed class LiveSession(CaptureSession capture, LiveRollout rollout, AcceptedSessions accepted, DateTimeOffset openedAt, DateTimeOffset now)
{
    private long _usedAt = now.UtcTicks;

    public string Id => Capture.Spec.TrajectoryId;

    public CaptureSession Capture => capture;

    public LiveRollout Rollout => rollout;

    /// <summary>Held by whoever ends it.</summary>
    public SemaphoreSlim Ending { get; } = new(1, 1);

    /// <summary>What the agent presents: nobody who does not know the secret can find it out.</summary>
    public string Key { get; } = KeyOf(accepted.Secret, capture.Spec.TrajectoryId);

    /// <summary>Whether it is the key that a client presented.</summary>
    public bool HasKey(string presented) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(presented)), SHA256.HashData(Encoding.UTF8.GetBytes(Key)));

    /// <summary>Somebody used it.</summary>
    public void Touch(DateTimeOffset at) => Volatile.Write(ref _usedAt, at.UtcTicks);

    /// <summary>Whether its time is up.</summary>
    public bool HasExpired(DateTimeOffset at) =>
        (at - openedAt).TotalSeconds >= accepted.Limits.DeadlineSeconds
        || (capture.Running == 0 && new TimeSpan(at.UtcTicks - Volatile.Read(ref _usedAt)).TotalSeconds >= accepted.Limits.IdleSeconds);

    private static string KeyOf(string secret, string id) =>
        "ars-" + Convert.ToHexStringLower(HMACSHA256.HashData(Convert.FromHexString(secret), Encoding.UTF8.GetBytes(id)))[..40];
}
