// Node loads it at its start in an attributing run: each call that changes files is logged with its stack, before it
// is made. One line of JSON for each: the function, the absolute paths, the frames.
"use strict";

const folder = process.env.PULSE_JUDGE_STACKS;
if (folder) {
  const fs = require("fs");
  const path = require("path");
  const { openSync, writeSync } = fs;
  const log = openSync(path.join(folder, `node-${process.pid}`), "a");
  const TWO_PATHS = new Set(["rename", "link", "symlink", "copyFile", "cp"]);
  const opened = new Map(); // descriptor → path

  const absolute = (value) => {
    if (typeof value === "number") return opened.get(value) || "";
    if (value instanceof URL) return require("url").fileURLToPath(value);
    if (Buffer.isBuffer(value)) value = value.toString();
    return typeof value === "string" ? path.resolve(value) : "";
  };
  const note = (name, values) => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 50;
    const frames = new Error().stack.split("\n").slice(3).map((line) => line.trim());
    Error.stackTraceLimit = limit;
    const paths = values.slice(0, TWO_PATHS.has(name) ? 2 : 1).map(absolute).filter(Boolean);
    writeSync(log, `${JSON.stringify({ name, paths, frames })}\n`);
  };
  const remember = (descriptor, file) => {
    if (typeof descriptor === "number") opened.set(descriptor, absolute(file));
  };

  const names = [
    ...["open", "writeFile", "appendFile", "rename", "unlink", "rm", "copyFile", "cp", "link", "symlink", "truncate"],
    ...["ftruncate", "write", "writev", "fsync", "fdatasync", "close", "chmod", "fchmod", "chown", "fchown", "utimes"],
    ...["futimes", "mkdir", "mkdtemp"],
  ];
  const wrap = (object, name, label) => {
    const original = object[name];
    if (typeof original !== "function") return;
    const wrapped = function (...values) {
      note(label, this && typeof this.fd === "number" ? [this.fd, ...values] : values);
      const callback = values[values.length - 1];
      if (label === "open" && typeof callback === "function") {
        values[values.length - 1] = function (error, descriptor) {
          remember(descriptor, values[0]);
          return callback.apply(this, arguments);
        };
      }
      const result = original.apply(this, values);
      if (label === "open") {
        remember(result, values[0]);
        if (result && typeof result.then === "function") {
          result.then((handle) => remember(handle.fd, values[0]), () => {});
        }
      }
      return result;
    };
    for (const key of Reflect.ownKeys(original)) {
      const property = Object.getOwnPropertyDescriptor(original, key);
      if (Object.getOwnPropertyDescriptor(wrapped, key)?.configurable !== false) {
        Object.defineProperty(wrapped, key, property);
      }
    }
    object[name] = wrapped;
  };
  for (const name of names) {
    wrap(fs, name, name);
    wrap(fs, `${name}Sync`, name);
    wrap(fs.promises, name, name);
  }
  wrap(fs, "createWriteStream", "createWriteStream");
  // The methods of a FileHandle are on a prototype that only a handle shows.
  const { open } = fs.promises;
  let found = false;
  fs.promises.open = function (...values) {
    return open.apply(this, values).then((handle) => {
      if (!found) {
        found = true;
        const prototype = Object.getPrototypeOf(handle);
        for (const name of ["writeFile", "appendFile", "write", "writev", "truncate", "chmod", "chown", "close"]) {
          wrap(prototype, name, name);
        }
        wrap(prototype, "sync", "fsync");
        wrap(prototype, "datasync", "fdatasync");
        wrap(prototype, "createWriteStream", "createWriteStream");
      }
      return handle;
    });
  };
  require("module").syncBuiltinESMExports();
}
