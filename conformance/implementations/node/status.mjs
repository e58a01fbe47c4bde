// A reader and a writer of the status file of a training run, in one file without packages. Clause ids, such as RDR-04,
// are those of SPEC.md.
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * @typedef {object} Status
 * @property {'idle' | 'running' | 'done' | 'error'} status
 * @property {number} epoch epochs completed, ≥ 0; a fraction is a part of an epoch
 * @property {number} total_epochs epochs planned, ≥ 0; 0 when unknown
 * @property {number} loss any finite number
 * @property {string} message any text without lone surrogates
 * @property {number} timestamp when it was written: whole seconds since 1970 (UTC)
 */

/** The size of the largest document that is written or read, in bytes. */
export const SIZE_LIMIT = 1024 * 1024

/** How often a status file is usually polled, in milliseconds. */
export const INTERVAL = 2000

const MEMBERS = ['status', 'epoch', 'total_epochs', 'loss', 'message', 'timestamp']
const STATUSES = ['idle', 'running', 'done', 'error']
const LONE_SURROGATE = /\p{Surrogate}/u
const IS_WINDOWS = process.platform === 'win32'

/** A value or a document that the contract does not allow; the message says which. */
export class InvalidStatus extends Error {}

function insist (condition, text) {
  if (!condition) throw new InvalidStatus(text)
}

function refusal (code, reason, file) {
  return Object.assign(new Error(`${code}: ${reason}, '${file}'`), { code, path: file })
}

// The document ---------------------------------------------------------------------------------------------------------

/**
 * The progress in percent, from 0 to 100; 0 when total_epochs is 0 (RDR-13).
 *
 * @param {Status} status
 */
export function progress ({ epoch, total_epochs: total }) {
  return total > 0 ? Math.min(100, Math.max(0, epoch / total * 100)) : 0
}

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

/**
 * The status in a document, given as bytes: exactly the six members, each once, in UTF-8 without a byte-order mark, and
 * nothing after them. Throws InvalidStatus. JSON.parse alone takes members twice, lone surrogates and any number.
 *
 * @param {Uint8Array} bytes
 * @returns {Status}
 */
export function parse (bytes) {
  insist(bytes.length <= SIZE_LIMIT, `more than ${SIZE_LIMIT} bytes`)
  try {
    return parseText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    // TypeError: not UTF-8. SyntaxError: a string that JSON.parse refuses.
    if (error instanceof TypeError || error instanceof SyntaxError) throw new InvalidStatus(error.message)
    throw error
  }
}

// Members can only be strings and numbers, so nothing nests and nothing recurses (RDR-06).
function parseText (text) {
  let position = 0
  const take = pattern => {
    pattern.lastIndex = position
    const found = pattern.exec(text)
    if (found === null) throw new InvalidStatus(`not a document, from character ${position}`)
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
    insist(name !== 'timestamp' || /^[0-9]+$/.test(token), 'timestamp must be an integer')
    return Number(token)
  }
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
}

// The writer -----------------------------------------------------------------------------------------------------------

/**
 * Write a status: readers see the old document or the new one, through crashes, full disks and power cuts.
 *
 * A symbolic link is followed. Mode, owner and group of an existing file are kept as far as the system permits; its
 * access list is not, because Node has no call for it. The folder must exist, and only a regular file is replaced.
 *
 * After InvalidStatus nothing was touched. After any other error the file is as it was, and no temp is left; only when
 * syncing the folder fails, at the very end, the new document is there and may not survive a power cut (PWR-02).
 *
 * @param {string} file
 * @param {Partial<Status> & Pick<Status, 'status'>} status absent members are 0, '' and now
 */
export function writeStatus (file, status) {
  const bytes = Buffer.from(serialise(validate(status)), 'utf8')
  insist(bytes.length <= SIZE_LIMIT, `${bytes.length} bytes are more than ${SIZE_LIMIT}: shorten the message`)
  insist(!LONE_SURROGATE.test(file) && !file.includes('\0'), 'no file can have this path')
  const { target, kept } = resolve(file)
  const folder = folderOf(target)
  // Short whatever the target is called (MET-05), and new: 'wx' never opens a file that exists (VIS-03).
  const temp = `${folder}.${randomBytes(16).toString('hex')}.tmp`
  const descriptor = fs.openSync(temp, 'wx', creationMode(kept))
  try {
    fill(descriptor, bytes, kept)
    patiently(2000, () => fs.renameSync(temp, target))
  } catch (error) {
    attempt(() => patiently(500, () => fs.unlinkSync(temp))) // must not hide the first error (FLT-08)
    throw error
  }
  if (!IS_WINDOWS) syncFolder(folder) // Windows has no such call, and NTFS journals the rename
}

// A failed sync or close is never retried: the kernel may have dropped the bytes (FLT-04, FLT-05).
function fill (descriptor, bytes, kept) {
  try {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done)
    if (kept && !IS_WINDOWS) keepAttributes(descriptor, kept)
    fs.fsyncSync(descriptor)
  } catch (error) {
    attempt(() => fs.closeSync(descriptor))
    throw error
  }
  fs.closeSync(descriptor)
}

// Never more open than the target will be: the temp's group is not the target's yet (MET-02, MET-11).
function creationMode (kept) {
  if (!kept || IS_WINDOWS) return 0o666
  const mode = kept.mode & 0o777
  return (mode >> 3 & 0o7) === (mode & 0o7) ? mode : mode & 0o700
}

// Last, because a write clears the set-user-id bits (MET-01). What the system refuses, such as an owner when not root,
// stays as it is; but then nothing that would let others read the file because of it is set either.
function keepAttributes (descriptor, kept) {
  const now = fs.fstatSync(descriptor)
  let mode = kept.mode & 0o7777
  if (now.gid !== kept.gid && !attempt(() => fs.fchownSync(descriptor, now.uid, kept.gid))) {
    mode = (mode & ~0o2070) | (mode & (mode & 0o007) << 3) // to the target the temp's group is like all others
  }
  if (now.uid !== kept.uid && !attempt(() => fs.fchownSync(descriptor, kept.uid, fs.fstatSync(descriptor).gid))) {
    mode &= ~0o4000
  }
  if ((now.mode & 0o7777) !== mode) attempt(() => fs.fchmodSync(descriptor, mode))
}

function attempt (action) {
  try {
    action()
    return true
  } catch {
    return false
  }
}

// An acknowledged write should survive a power cut; some file systems cannot sync a folder (PWR-02).
function syncFolder (folder) {
  try {
    const descriptor = fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
    try {
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EACCES'].includes(error.code)) throw error
  }
}

// The file behind the symbolic links at a path (MET-04), and what it is if it exists.
function resolve (file) {
  let target = absolute(file)
  for (let links = 0; links < 40; links++) {
    const found = fs.lstatSync(target, { throwIfNoEntry: false })
    if (found === undefined) return { target }
    if (found.isFile()) {
      if (IS_WINDOWS && !(found.mode & 0o200)) throw refusal('EPERM', 'the file has the read-only attribute', file)
      return { target, kept: found }
    }
    if (!found.isSymbolicLink()) throw refusal('EINVAL', 'not a regular file', file)
    const link = fs.readlinkSync(target)
    target = path.isAbsolute(link) ? link : folderOf(target) + link // not lexical: ".." may follow a symbolic link
  }
  throw refusal('ELOOP', 'too many symbolic links', file)
}

function folderOf (target) {
  return target.slice(0, target.length - path.basename(target).length)
}

// Windows takes some names for another file, a device or a stream (WIN-06).
function absolute (file) {
  if (!IS_WINDOWS) return file.startsWith('/') ? file : `${process.cwd()}/${file}`
  const name = path.basename(file)
  const isDevice = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)/i.test(name)
  if (isDevice || /[. ]$|:/.test(name)) throw refusal('EINVAL', 'Windows takes this name for another file', file)
  return path.resolve(file)
}

// On Windows programs that do not share delete, and virus scanners, stand in the way for a moment (WIN-01, WIN-03).
function patiently (milliseconds, action) {
  const deadline = performance.now() + (IS_WINDOWS ? milliseconds : 0)
  let first
  do {
    try {
      return action()
    } catch (error) {
      first ??= error
      if (!IS_WINDOWS || !['EPERM', 'EACCES', 'EBUSY'].includes(error.code)) throw error
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1) // a millisecond
  } while (performance.now() < deadline)
  throw first
}

// The reader -----------------------------------------------------------------------------------------------------------

/**
 * Read a status, strictly. It never blocks, whatever is there, and keeps no handle. Throws InvalidStatus, or the
 * system's error.
 *
 * @param {string} file
 * @returns {Status}
 */
export function readStatus (file) {
  return parse(readBytes(file).bytes)
}

function readBytes (file) {
  // Without waiting for the writer of a FIFO (RDR-08). Windows has neither flag.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = fs.constants
  const descriptor = patiently(250, () => fs.openSync(absolute(file), O_RDONLY | O_NONBLOCK | O_NOCTTY))
  try {
    const found = fs.fstatSync(descriptor)
    if (!found.isFile()) throw refusal('EINVAL', 'not a regular file', file)
    if (found.size > SIZE_LIMIT) throw refusal('EFBIG', `more than ${SIZE_LIMIT} bytes`, file)
    const chunks = []
    let length = 0
    for (let count = -1; count !== 0 && length <= SIZE_LIMIT; length += count) { // it may grow while it is read
      const chunk = Buffer.allocUnsafe(Math.max(found.size, 4096) + 1)
      count = fs.readSync(descriptor, chunk)
      chunks.push(chunk.subarray(0, count))
    }
    return { bytes: Buffer.concat(chunks), modified: found.mtimeMs / 1000 }
  } finally {
    fs.closeSync(descriptor)
  }
}

/**
 * @typedef {object} Polled
 * @property {Status | null} status the last valid status; null when there never was one
 * @property {boolean} fresh whether status is what the file holds now
 * @property {Error | null} problem why this read gave no status; null when it did
 * @property {number} unchangedSeconds for how long the status has not changed; 0 when there never was one
 */

/**
 * Polls one file and keeps its last valid status (RDR-09, RDR-10).
 *
 * unchangedSeconds is measured by the process's monotonic clock. Until the status was seen to change, its age at first
 * sight is added: that of its timestamp or of the file, whichever is nearer to the wall clock.
 */
export class StatusReader {
  #file
  #last = null
  #seen = 0 // milliseconds
  #age = 0 // seconds, when it was seen

  /** @param {string} file it need not exist; a relative path is taken from the present working folder */
  constructor (file) {
    this.#file = path.isAbsolute(file) ? file : process.cwd() + path.sep + file
  }

  /**
   * Read once. When the file cannot be used: the last valid status, which is then not fresh.
   *
   * @returns {Polled}
   */
  poll () {
    let problem = null
    try {
      const { bytes, modified } = readBytes(this.#file)
      const status = parse(bytes)
      if (this.#last === null || MEMBERS.some(name => status[name] !== this.#last[name])) {
        this.#age = this.#last === null ? ageAtFirstSight(status, modified) : 0
        this.#last = status
        this.#seen = performance.now()
      }
    } catch (error) {
      problem = error
    }
    // A copy, so that a caller that changes its result does not change what is remembered.
    const status = this.#last && { ...this.#last }
    const unchangedSeconds = status === null ? 0 : this.#age + (performance.now() - this.#seen) / 1000
    return { status, fresh: problem === null, problem, unchangedSeconds }
  }
}

// The nearer of its two times counts: a dead run, where both are old, is stalled at once, and a live one whose clock is
// wrong is not. A time ahead of the wall clock counts as just as far behind it.
function ageAtFirstSight (status, modified) {
  const now = Date.now() / 1000
  return Math.min(Math.abs(now - status.timestamp), Math.abs(now - modified))
}

/**
 * Poll at once and then every `interval` milliseconds, for ever or until `signal` aborts. A file that cannot be read is
 * logged once for each reason, and once when it can be read again.
 *
 * @param {string} file
 * @param {{ interval?: number, log?: (text: string) => void, signal?: AbortSignal }} [options]
 * @returns {AsyncGenerator<Polled>}
 */
export async function * follow (file, { interval = INTERVAL, log = console.warn, signal } = {}) {
  const reader = new StatusReader(file)
  let logged = null
  while (!signal?.aborted) {
    const polled = reader.poll()
    const problem = polled.problem && polled.problem.message
    if (problem !== logged) {
      const known = polled.status === null ? 'no valid status yet' : 'keeping the last valid status'
      log(problem ? `${file}: ${problem}; ${known}` : `${file}: readable again`)
      logged = problem
    }
    yield polled
    await pause(interval, undefined, { signal }).catch(error => {
      if (error.name !== 'AbortError') throw error
    })
  }
}
