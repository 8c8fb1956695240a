"""What can go wrong, as exceptions."""


class ServerError(Exception):
    """The server refused a request.

    Attributes:
        status: HTTP status.
        code: the server's stable code, such as ``invalid_value``; empty where something else answered.
        detail: one sentence that names what was wrong.
    """

    def __init__(self, status: int, code: str, detail: str):
        super().__init__(f"{detail} ({status} {code})")
        self.status, self.code, self.detail = status, code, detail


class ConnectionLost(Exception):
    """The server did not answer, or broke off in the middle."""


class LeaseLost(Exception):
    """A lease had expired when it was acknowledged, and others have some of its trajectories.

    Attributes:
        acknowledged: how many were still this lease's.
        lost: how many were not: what was trained on them will be trained on again.
    """

    def __init__(self, lease_id: str, acknowledged: int, lost: int):
        super().__init__(f"Lease {lease_id} had expired: {lost} of its {acknowledged + lost} trajectories went to others.")
        self.acknowledged, self.lost = acknowledged, lost
