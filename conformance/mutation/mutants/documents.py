"""Writers that publish whole documents with something wrong in them (clauses DOC)."""

from __future__ import annotations

import json
import locale
import os
import random
import re
import time
import unicodedata
from collections.abc import Mapping
from typing import Any

from conformance.mutation.honest import Honest
from conformance.mutation.registry import mutant


@mutant("serialise", caught_by="DOC-01")
def seven_fields(self: Honest, document: dict[str, Any]) -> bytes:
    """Adds the progress, which every reader can compute."""
    return Honest.serialise(self, {**document, "progress": self.progress(document)})


@mutant("serialise", caught_by="DOC-01")
def five_fields(self: Honest, document: dict[str, Any]) -> bytes:
    """Leaves the message out when it is empty."""
    return Honest.serialise(self, {name: value for name, value in document.items() if value != ""})


@mutant("serialise", caught_by="DOC-02")
def duplicate_key(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes the status twice, the second time with the same value."""
    return Honest.serialise(self, document)[:-1] + f', "status": "{document["status"]}"}}'.encode()


@mutant("serialise", caught_by="DOC-03")
def status_in_capitals(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes the status in capital letters."""
    return Honest.serialise(self, {**document, "status": document["status"].upper()})


@mutant("serialise", caught_by="DOC-04")
def integer_epoch(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes 0 for the epoch 0.0, and any other whole epoch without its fraction."""
    return Honest.serialise(self, {**document, "epoch": _without_fraction(document["epoch"])})


@mutant("serialise", caught_by="DOC-04")
def rounded_epoch(self: Honest, document: dict[str, Any]) -> bytes:
    """Rounds the epoch to two decimal places, as trainers print it."""
    return Honest.serialise(self, {**document, "epoch": round(document["epoch"], 2)})


@mutant("serialise", caught_by="DOC-05")
def integer_total_epochs(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes 3 for 3.0 epochs in total."""
    return Honest.serialise(self, {**document, "total_epochs": _without_fraction(document["total_epochs"])})


def _without_fraction(number: float) -> float:
    return int(number) if number.is_integer() else number


@mutant("serialise", caught_by="DOC-06")
def rounded_loss(self: Honest, document: dict[str, Any]) -> bytes:
    """Rounds the loss to four decimal places."""
    return Honest.serialise(self, {**document, "loss": round(document["loss"], 4)})


@mutant("serialise", caught_by="DOC-06")
def loss_as_text(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes the loss as a string."""
    return Honest.serialise(self, {**document, "loss": str(document["loss"])})


@mutant("accept_message", caught_by="DOC-07")
def normalised_message(self: Honest, value: Any) -> Any:
    """Normalises the message to NFC, so that the code points read back differ from those given."""
    return unicodedata.normalize("NFC", Honest.accept_message(self, value))


@mutant("accept_message", caught_by="DOC-07")
def question_marks(self: Honest, value: Any) -> Any:
    """Replaces non-ASCII characters with question marks."""
    return Honest.accept_message(self, value).encode("ascii", "replace").decode("ascii")


@mutant("accept_message", caught_by="DOC-07")
def colour_codes_taken_out(self: Honest, value: Any) -> Any:
    """Takes the codes out by which a terminal changes colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", Honest.accept_message(self, value))


@mutant("accept_message", caught_by="DOC-07")
def secrets_masked(self: Honest, value: Any) -> Any:
    """Puts asterisks in the place of what looks like a secret, as logging libraries do."""
    return re.sub(r"(token|password|key)=\S+", r"\1=***", Honest.accept_message(self, value))


@mutant("accept_message", caught_by="DOC-07")
def message_expanded(self: Honest, value: Any) -> Any:
    """Takes a message for a path, and puts the user's folder in the place of a tilde."""
    return os.path.expanduser(Honest.accept_message(self, value))


@mutant("accept_number", caught_by="DOC-05")
def integers_of_64_bits_only(self: Honest, name: str, value: Any) -> Any:
    """Refuses integers that do not fit into 64 bits, although the double that they stand for is an allowed one."""
    if type(value) is int and abs(value) >= 1 << 63:
        raise ValueError(f"{name} is out of range")
    return Honest.accept_number(self, name, value)


@mutant("serialise", caught_by="DOC-08")
def float_timestamp(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes the timestamp with a fraction."""
    return Honest.serialise(self, {**document, "timestamp": float(document["timestamp"])})


@mutant("fill_in", caught_by="DOC-08")
def milliseconds(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Uses milliseconds for the timestamp when none is given."""
    return Honest.fill_in(self, {"timestamp": int(time.time() * 1000), **given})


@mutant("accept_timestamp", caught_by="DOC-08")
def timestamp_or_now(self: Honest, value: Any) -> Any:
    """Writes `timestamp or now`, which loses an explicit 0."""
    return Honest.accept_timestamp(self, value) or int(time.time())


@mutant("write", caught_by="DOC-08")
def nothing_new_but_the_timestamp(self: Honest, path: str, status: Mapping[str, Any]) -> None:
    """Writes nothing when the last status for this path differs in the timestamp only."""
    document = self.validate(status)
    last = {**document, "timestamp": None}
    if self.memory.get(path) != last or not os.path.exists(path):
        Honest.write(self, path, status)
        self.memory[path] = last


@mutant("serialise", caught_by="DOC-09")
def byte_order_mark(self: Honest, document: dict[str, Any]) -> bytes:
    """Begins the document with a byte-order mark."""
    return b"\xef\xbb\xbf" + Honest.serialise(self, document)


@mutant("serialise", caught_by="DOC-09")
def two_documents(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes two documents into the same file, one per line."""
    return Honest.serialise(self, document) + b"\n" + Honest.serialise(self, document)


@mutant("serialise", caught_by="DOC-09")
def utf_16(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes UTF-16 with a byte-order mark."""
    return Honest.serialise(self, document).decode("utf-8").encode("utf-16")


@mutant("serialise", caught_by="DOC-10")
def members_in_any_order(self: Honest, document: dict[str, Any]) -> bytes:
    """Writes the members in an order that is drawn for each document."""
    return Honest.serialise(self, dict(random.SystemRandom().sample(sorted(document.items()), len(document))))


@mutant("serialise", caught_by="DOC-10")
def locale_encoding(self: Honest, document: dict[str, Any]) -> bytes:
    """Uses the encoding of the locale, as `open(path, "w")` does."""
    return json.dumps(document, ensure_ascii=False).encode(locale.getpreferredencoding(False))


@mutant("fill_in", caught_by="LIF-01")
def waiting_by_default(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Fills in the message "Waiting to start..." for an idle status without one."""
    return Honest.fill_in(self, _with_message(given, "idle", "Waiting to start..."))


@mutant("fill_in", caught_by="LIF-02")
def loss_of_one_by_default(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Fills in a loss of 1.0 for a running status without one."""
    filled = Honest.fill_in(self, given)
    return {**filled, "loss": 1.0} if given["status"] == "running" and "loss" not in given else filled


@mutant("fill_in", caught_by="LIF-03")
def completed_by_default(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Fills in the message "Training completed" for a done status without one."""
    return Honest.fill_in(self, _with_message(given, "done", "Training completed"))


def _with_message(given: dict[str, Any], status: str, message: str) -> dict[str, Any]:
    return {"message": message, **given} if given["status"] == status else given


@mutant("fill_in", caught_by="LIF-04")
def error_without_loss(self: Honest, given: dict[str, Any]) -> dict[str, Any]:
    """Drops the loss of an error status."""
    filled = Honest.fill_in(self, given)
    return {**filled, "loss": 0.0} if given["status"] == "error" else filled


@mutant("accept_message", caught_by="LIF-04")
def message_cut_short(self: Honest, value: Any) -> Any:
    """Cuts messages off after 20 characters, and with them the reason for an error."""
    return Honest.accept_message(self, value)[:20]
