// Judges the web panel's reader: this file only reads bytes and passes them on, as a web server and fetch do.
import fs from 'node:fs'
import { createInterface } from 'node:readline'

// Beside `conformance` in a checkout, and in site-packages too.
import { SIZE_LIMIT, StatusReader, progress } from '../../../pulse/panel/static/status-reader.js'

const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = fs.constants
const readers = new Map()

// null where there is no regular file; one byte more than the limit where the file is larger, for the module to refuse.
function bytesOf (path) {
  let descriptor
  try {
    descriptor = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) // without waiting for a FIFO's writer (RDR-08)
    if (!fs.fstatSync(descriptor).isFile()) return null
    const bytes = Buffer.alloc(SIZE_LIMIT + 1)
    let length = 0
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = fs.readSync(descriptor, bytes, length, bytes.length - length, null)
    }
    return bytes.subarray(0, length)
  } catch {
    return null
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor)
  }
}

function poll (path) {
  if (!readers.has(path)) readers.set(path, new StatusReader())
  const { status, outcome } = readers.get(path).accept(bytesOf(path))
  return { status, fresh: outcome === 'ok' }
}

const operations = {
  start: () => ({ protocol: 1, name: 'panel reader', version: '1', language: 'javascript' }),
  read: ({ path }) => ({ status: new StatusReader().accept(bytesOf(path)).status }),
  poll: ({ path }) => poll(path),
  progress: ({ status }) => ({ progress: progress(status) }),
  stop: () => ({})
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...fields } = JSON.parse(line)
  const answer = Object.hasOwn(operations, op)
    ? { id, ok: true, ...operations[op](fields) }
    : { id, ok: false, error: 'unsupported', message: `no operation ${op}` }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
  if (op === 'stop') break
}
process.stdin.destroy() // an open pipe would keep the process alive after `stop`
