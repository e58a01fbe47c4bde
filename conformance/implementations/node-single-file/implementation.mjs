// A writer and a reader of status files in one file, without packages, for POSIX systems. Clause ids are those of SPEC.md.
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'

const MEMBERS = ['status', 'epoch', 'total_epochs', 'loss', 'message', 'timestamp']
const STATUSES = ['idle', 'running', 'done', 'error']
const LIMIT = 1024 * 1024
const LONE_SURROGATE = /\p{Surrogate}/u

class Invalid extends Error {}

function insist (condition, text) {
  if (!condition) throw new Invalid(text)
}

// The document ---------------------------------------------------------------------------------------------------------

function validate (status) {
  insist(Object.keys(status).every(name => MEMBERS.includes(name)), 'unknown member')
  const { epoch = 0, total_epochs: total = 0, loss = 0, message = '' } = status
  const { timestamp = Math.floor(Date.now() / 1000) } = status
  insist(STATUSES.includes(status.status), `status must be one of ${STATUSES.join(', ')}`)
  insist([epoch, total, loss].every(Number.isFinite), 'epoch, total_epochs and loss must be finite numbers')
  insist(epoch >= 0 && total >= 0, 'epoch and total_epochs must not be negative')
  insist(typeof message === 'string' && !LONE_SURROGATE.test(message), 'message must be valid Unicode')
  insist(Number.isSafeInteger(timestamp) && timestamp >= 0, 'timestamp must be a whole number from 0 to 2^53 - 1')
  return { status: status.status, epoch, total_epochs: total, loss, message, timestamp }
}

// JavaScript prints 2.0 as 2 and -0 as 0; a document needs a fraction or an exponent, and the sign (DOC-04).
function floatToken (value) {
  const text = Object.is(value, -0) ? '-0' : String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

function serialise (status) {
  const token = name => typeof status[name] === 'number' && name !== 'timestamp'
    ? floatToken(status[name])
    : JSON.stringify(status[name])
  return `{${MEMBERS.map(name => `"${name}": ${token(name)}`).join(', ')}}`
}

// Members can only be strings and numbers, so nothing nests and nothing recurses (RDR-06). Returns null for anything else.
function parse (text) {
  let position = 0
  const take = pattern => {
    pattern.lastIndex = position
    const found = pattern.exec(text)
    if (found === null) throw new Invalid('not a document')
    position = pattern.lastIndex
    return found[0]
  }
  const takeString = () => {
    take(/[ \t\n\r]*(?=")/y)
    let end = position + 1
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
    const token = text.slice(position, end + 1)
    position = end + 1
    const value = JSON.parse(token) // refuses control characters, unknown escapes and a string without an end
    insist(!LONE_SURROGATE.test(value), 'a lone surrogate')
    return value
  }
  const takeNumber = name => {
    const token = take(/[ \t\n\r]*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y).trim()
    insist(name === 'timestamp' ? /^[0-9]+$/.test(token) : /[.eE]/.test(token), 'a number of the wrong kind')
    return Number(token)
  }
  try {
    const found = new Map()
    take(/[ \t\n\r]*\{/y)
    for (let first = true; first || found.size < MEMBERS.length; first = false) {
      if (!first) take(/[ \t\n\r]*,/y)
      const name = takeString()
      insist(MEMBERS.includes(name) && !found.has(name), 'a repeated or unknown member')
      take(/[ \t\n\r]*:/y)
      found.set(name, name === 'status' || name === 'message' ? takeString() : takeNumber(name))
    }
    take(/[ \t\n\r]*\}[ \t\n\r]*$/y)
    return validate(Object.fromEntries(found))
  } catch (error) {
    if (error instanceof Invalid || error instanceof SyntaxError) return null
    throw error
  }
}

// The writer -----------------------------------------------------------------------------------------------------------

function write (path, status) {
  const bytes = Buffer.from(serialise(validate(status)), 'utf8')
  insist(bytes.length <= LIMIT, 'the document is longer than 1 MiB')
  const folder = dirname(path)
  // Short whatever the target is called (MET-05), and new: 'wx' never opens a file that exists (VIS-03).
  const temp = `${folder}/.${randomBytes(12).toString('hex')}.tmp`
  const old = fs.lstatSync(path, { throwIfNoEntry: false })
  const kept = old?.isFile() ? old : undefined
  let descriptor = fs.openSync(temp, 'wx', kept ? kept.mode & 0o777 : 0o666)
  try {
    if (kept) keepOwnerAndMode(descriptor, kept)
    for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done)
    // Again: a write clears the set-user-id bits (MET-01). Before the bytes, too, so that the temp is never more open.
    if (kept && (kept.mode & 0o7000)) attempt(() => fs.fchmodSync(descriptor, kept.mode & 0o7777))
    fs.fsyncSync(descriptor)
    const closing = descriptor
    descriptor = undefined // even a close that fails has closed (FLT-05, FLT-07)
    fs.closeSync(closing)
    fs.renameSync(temp, path)
  } catch (error) {
    attempt(() => { if (descriptor !== undefined) fs.closeSync(descriptor) })
    attempt(() => fs.unlinkSync(temp))
    throw error
  }
  syncFolder(folder)
}

// Both are SHOULDs, and both are refused to some users on some file systems (MET-01, MET-03).
function keepOwnerAndMode (descriptor, kept) {
  attempt(() => fs.fchownSync(descriptor, kept.uid, kept.gid))
  attempt(() => fs.fchmodSync(descriptor, kept.mode & 0o7777))
}

function attempt (action) {
  try {
    action()
  } catch {}
}

// An acknowledged write should survive a power cut; some file systems cannot sync a folder (PWR-02).
function syncFolder (folder) {
  const descriptor = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(descriptor)
  } catch (error) {
    if (error.code !== 'EINVAL' && error.code !== 'ENOTSUP') throw error
  } finally {
    fs.closeSync(descriptor)
  }
}

// The reader -----------------------------------------------------------------------------------------------------------

const lastValid = new Map()

function readBytes (path) {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = fs.constants
  const descriptor = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) // without waiting for a FIFO's writer (RDR-08)
  try {
    const found = fs.fstatSync(descriptor)
    insist(found.isFile() && found.size <= LIMIT, 'not a file of at most 1 MiB')
    const bytes = Buffer.alloc(LIMIT + 1)
    let length = 0
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = fs.readSync(descriptor, bytes, length, bytes.length - length, null)
    }
    insist(length <= LIMIT, 'longer than 1 MiB')
    return bytes.subarray(0, length)
  } finally {
    fs.closeSync(descriptor)
  }
}

function read (path) {
  let text
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readBytes(path))
  } catch {
    return null
  }
  return parse(text)
}

function poll (path) {
  const status = read(path)
  if (status !== null) lastValid.set(path, status)
  return { status: lastValid.get(path) ?? null, fresh: status !== null }
}

function progress ({ epoch, total_epochs: total }) {
  return total === 0 ? 0 : Math.min(100, Math.max(0, epoch / total * 100))
}

// The adapter: mode serve ----------------------------------------------------------------------------------------------

const FLOATS = { NaN, Infinity, '-Infinity': -Infinity }

function decoded (status) {
  const value = given => given !== null && typeof given === 'object' && '$float' in given ? FLOATS[given.$float] : given
  return Object.fromEntries(Object.entries(status).map(([name, given]) => [name, value(given)]))
}

const operations = {
  start: () => ({ protocol: 1, name: 'node single file', version: '1', language: 'javascript' }),
  write: ({ path, status }) => { write(path, decoded(status)) },
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
    const kind = error.syscall !== undefined ? 'io' : 'invalid'
    if (kind === 'invalid' && !(error instanceof Invalid) && error.code !== 'ERR_INVALID_ARG_VALUE') throw error
    return { id, ok: false, error: kind, message: error.message }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  process.stdout.write(`${JSON.stringify(answer(request))}\n`)
  if (request.op === 'stop') break
}
process.stdin.destroy() // an open pipe would keep the process alive after `stop`
