// A reader in Node; see README.md. fs.readFileSync is the way that is measured.
"use strict";
const fs = require("node:fs");

const [way, target, pause, seconds] = process.argv.slice(2);
if (seconds === undefined) {
  console.error("usage: reader WAY TARGET PAUSE_MS SECONDS");
  process.exit(2);
}
const say = (text) => fs.writeSync(1, text + "\n"); // console.log is a stream, which not every Windows pipe can be
const sleep = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

const counts = { ok: 0, missing: 0, torn: 0, changes: 0, refused: {} };
let before = Buffer.alloc(0);
say("ready");
fs.readSync(0, Buffer.alloc(16));
const end = Date.now() + Number(seconds) * 1000;
while (Date.now() < end) {
  try {
    const now = fs.readFileSync(target);
    if (now.length < 2 || now[0] !== 0x7b || now[now.length - 1] !== 0x7d) counts.torn++;
    else counts.ok++;
    if (!now.equals(before)) {
      counts.changes++;
      before = now;
    }
  } catch (error) {
    if (error.code === "ENOENT") counts.missing++;
    else counts.refused[error.code] = (counts.refused[error.code] ?? 0) + 1;
  }
  if (Number(pause) > 0) sleep(Number(pause));
}
say(JSON.stringify(counts));
