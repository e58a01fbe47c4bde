// A reader in Node, with fs.readFileSync: reader TARGET PAUSE_MS; see ../reader.py.
"use strict";
const fs = require("node:fs");

const [target, pause] = process.argv.slice(2);

function outcome() {
  try {
    const data = fs.readFileSync(target);
    return data.length > 1 && data[0] === 0x7b && data[data.length - 1] === 0x7d ? "ok" : "torn";
  } catch (error) {
    return error.code === "ENOENT" ? "missing" : error.code;
  }
}

for (;;) {
  fs.writeSync(1, `${outcome()}\n`); // console.log is asynchronous
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(pause));
}
