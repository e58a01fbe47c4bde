// Lets the conformance kit drive status.mjs: one JSON request per line on stdin, one answer per line on stdout (SPEC.md,
// "Mode serve"). It passes values on as they are. It reads synchronously, because under Wine Node cannot open a pipe as
// a stream (EINVAL).
import { readSync, writeFileSync } from 'node:fs'
import { InvalidStatus, StatusReader, progress, readStatus, writeStatus } from './status.mjs'

const FLOATS = { NaN, Infinity, '-Infinity': -Infinity }
const readers = new Map()

function decoded (status) {
  const value = given => given !== null && typeof given === 'object' && '$float' in given ? FLOATS[given.$float] : given
  return Object.fromEntries(Object.entries(status).map(([name, given]) => [name, value(given)]))
}

function read (path) {
  try {
    return readStatus(path)
  } catch {
    return null
  }
}

function poll (path) {
  if (!readers.has(path)) readers.set(path, new StatusReader(path))
  const { status, fresh } = readers.get(path).poll()
  return { status, fresh }
}

const operations = {
  start: () => ({ protocol: 1, name: 'node', version: '1', language: 'javascript' }),
  write: ({ path, status }) => { writeStatus(path, decoded(status)) },
  read: ({ path }) => ({ status: read(path) }),
  poll: ({ path }) => poll(path),
  progress: ({ status }) => ({ progress: progress(decoded(status)) }),
  stop: () => ({})
}

function answer ({ id, op, ...fields }) {
  if (!Object.hasOwn(operations, op)) return { id, ok: false, error: 'unsupported', message: `no operation ${op}` }
  try {
    return { id, ok: true, ...operations[op](fields) }
  } catch (error) {
    if (error instanceof InvalidStatus) return { id, ok: false, error: 'invalid', message: error.message }
    if (error.code === undefined) throw error // a defect, which ends the process with its stack
    return { id, ok: false, error: 'io', message: error.message }
  }
}

// How many bytes of stdin were read into the buffer; 0 at its end.
function fill (buffer) {
  try {
    return readSync(0, buffer)
  } catch (error) {
    if (error.code === 'EOF') return 0 // how Windows reports that the other end of a pipe is closed
    throw error
  }
}

function * lines () {
  const buffer = Buffer.alloc(65536)
  let begun = []
  for (let size; (size = fill(buffer)) > 0;) {
    const parts = buffer.toString('latin1', 0, size).split('\n') // requests are pure ASCII
    begun.push(parts.shift())
    while (parts.length > 0) {
      yield begun.join('')
      begun = [parts.shift()]
    }
  }
}

for (const line of lines()) {
  const request = JSON.parse(line)
  writeFileSync(1, `${JSON.stringify(answer(request))}\n`)
  if (request.op === 'stop') break
}
