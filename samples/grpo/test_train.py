"""The trainer against a real server: it learns, its parity report sees mistakes, and a killed server changes nothing."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "clients/python/tests"))

from serving import Client, Server  # noqa: E402

TRAIN = [sys.executable, str(ROOT / "samples/grpo/train.py")]
SMALL = ["--groups", "4", "--samples", "4", "--held-out", "8"]


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def run(server, folder, *arguments):
    log = folder / "log.jsonl"
    subprocess.run([*TRAIN, "--url", server.url, "--log", str(log), "--ids", str(folder / "ids"), *arguments], check=True, timeout=600)
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_short_run_raises_the_reward_of_both_environments_and_agrees_with_the_server(server, tmp_path):
    steps = run(server, tmp_path, "--steps", "12", "--held-out", "100", "--evaluate-every", "12")
    before, after = steps[0]["held_out"], steps[-1]["held_out"]
    assert after["arithmetic"] >= before["arithmetic"] + 0.05
    assert after["lookup"] >= before["lookup"] + 0.05
    for step in steps[1:]:
        assert step["parity_max"] < 1e-3
        assert step["tokens"] == step["server_tokens"]
        assert step["staleness"] == 0
    ids = (tmp_path / "ids").read_text().split()
    assert len(ids) == len(set(ids)) == 12 * 2 * 16 * 8


def test_a_mask_that_is_off_by_one_shows_in_the_parity_report(server, tmp_path):
    step = run(server, tmp_path, "--steps", "1", "--shift-mask", *SMALL)[-1]
    assert step["parity_max"] > 1
    assert step["parity_mean"] > 0.1


def test_rollouts_go_on_while_the_trainer_trains(server, tmp_path):
    steps = run(server, tmp_path, "--steps", "4", "--staleness", "2", *SMALL)[1:]
    assert [step["staleness"] for step in steps] == [0, 1, 1, 1]
    # The weights changed between sampling and training, so the two no longer agree to the last digits, but the ratio is close to 1.
    assert all(0.9 < step["ratio_mean"] < 1.1 for step in steps)


def test_a_server_that_is_killed_in_the_middle_changes_neither_the_trajectories_nor_the_weights(tmp_path):
    ends = []
    for name in ("undisturbed", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        server = Server(folder)
        server.start()
        killer = threading.Thread(target=kill_thrice, args=(server, folder), daemon=True)
        if name == "killed":
            killer.start()
        steps = run(server, folder, "--steps", "6", "--lease-seconds", "20", *SMALL)
        if name == "killed":
            killer.join()
        ids = (folder / "ids").read_text().split()
        assert len(ids) == len(set(ids)) == 6 * 2 * 4 * 4
        weights = Client(server.url).weights.describe()
        ends.append((weights["version"], weights["checksum"], [step["reward"] for step in steps[1:]], steps[-1]["held_out"]))
        server.stop()
    assert ends[0] == ends[1]


def kill_thrice(server, folder):
    log = folder / "log.jsonl"
    for step in (1, 2, 4):
        while not log.exists() or len(log.read_text().splitlines()) <= step:
            time.sleep(0.01)
        server.kill()
        server.start()


def test_two_ranks_send_their_shards_of_one_model(server):
    client = Client(server.url)
    sent = subprocess.run([sys.executable, str(ROOT / "samples/grpo/two_ranks.py"), "--url", server.url], check=True, capture_output=True, timeout=120)
    report = json.loads(sent.stdout.decode().splitlines()[-1])
    assert report["version"] == 1
    sent_checksum = client.weights.describe()["checksum"]
    from train import Policy
    client.weights.update(Policy(ROOT / "models/tiny-agent").state_dict())
    assert client.weights.describe()["checksum"] == sent_checksum
