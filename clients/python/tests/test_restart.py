from agentrollout import Client


def test_a_trainer_goes_on_over_a_killed_server_and_sees_every_trajectory_once(server):
    client = Client(server.url, reconnect=60)
    rollout = client.rollouts.start(environment="arithmetic", task_set={"count": 40}, samples_per_task=2, seed=3)
    seen, killed = [], False
    for lease in rollout.leases(count=8, seconds=5):
        with lease:
            seen += [trajectory["id"] for trajectory in lease.trajectories]
            if not killed:
                server.kill()
                server.start()
                killed = True
    assert len(seen) == len(set(seen)) == 80
    assert rollout.describe()["state"] == "completed"
