"""What most programs do with a status file: ``open(path, "w")``, ``json.dump``, and ``json.load`` as it comes."""

import json


class Naive:
    """It checks nothing, and knows nothing of temporary files."""

    def write(self, path: str, status: dict[str, object]) -> None:
        with open(path, "w") as file:
            json.dump(status, file)

    def read(self, path: str) -> object:
        with open(path) as file:
            return json.load(file)

    def poll(self, path: str) -> tuple[object, bool]:
        return self.read(path), True

    def progress(self, status: dict[str, float]) -> float:
        return status["epoch"] / status["total_epochs"] * 100
