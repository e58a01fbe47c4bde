"""A small, correct writer, from which the tests make broken ones by one change each."""

import contextlib
import json
import os


class Implementation:
    count = 0

    def write(self, path: str, status: dict[str, object]) -> None:
        self.replace(path, json.dumps(status))

    def replace(self, path: str, text: str) -> None:
        Implementation.count += 1
        temp = f"{path}.{os.getpid()}.{self.count}.tmp"
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try:
                rest = text.encode()
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
                raise
            os.close(descriptor)
            os.replace(temp, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temp)
            raise
