// Reads pulse v1 status documents: the strict parser, the last valid status, progress, and the state of a run.
// A module without imports that runs in browsers, in Node and in web views. Clause ids are those of the contract.

export const SIZE_LIMIT = 1024 * 1024
export const MEMBERS = ['status', 'epoch', 'total_epochs', 'loss', 'message', 'timestamp']
export const STATUSES = ['idle', 'running', 'done', 'error']
export const STALLED_AFTER = 60
export const STATES = ['done', 'idle', 'running', 'stalled', 'error', 'unreadable'] // the worst last

const LONE_SURROGATE = /\p{Surrogate}/u

/** A document that the contract does not allow; the message says why. */
export class InvalidStatus extends Error {}

function insist (condition, text) {
  if (!condition) throw new InvalidStatus(text)
}

/**
 * Check a status that is a JavaScript object already, such as one that a host program hands over.
 * Returns a new object with exactly the six members; throws InvalidStatus.
 */
export function validate (status) {
  insist(status !== null && typeof status === 'object' && !Array.isArray(status), 'not a JSON object')
  const names = Object.keys(status)
  const unknown = names.find(name => !MEMBERS.includes(name))
  insist(unknown === undefined, `unknown member ${JSON.stringify(unknown)}: pulse v1 has only ${MEMBERS.join(', ')}`)
  const missing = MEMBERS.find(name => !names.includes(name))
  insist(missing === undefined, `the member ${missing} is missing`)
  const { epoch, total_epochs: total, loss, message, timestamp } = status
  insist(STATUSES.includes(status.status), `status must be one of ${STATUSES.join(', ')}`)
  insist([epoch, total, loss].every(Number.isFinite), 'epoch, total_epochs and loss must be finite numbers')
  insist(epoch >= 0 && total >= 0, 'epoch and total_epochs must not be negative')
  insist(typeof message === 'string' && !LONE_SURROGATE.test(message), 'message must be a string of valid Unicode')
  insist(Number.isSafeInteger(timestamp) && timestamp >= 0, 'timestamp must be an integer from 0 to 2^53-1')
  return { status: status.status, epoch, total_epochs: total, loss, message, timestamp }
}

/**
 * Parse one document (RDR-01, RDR-03 to RDR-07): a string, or UTF-8 in an ArrayBuffer or a typed array.
 * Returns the status; throws InvalidStatus for anything that is not exactly one valid document.
 *
 * JSON.parse alone would not do: it keeps the last of two equal members, and cannot tell 1.0 from 1.
 * A member is a string or a number, so nothing nests, and nothing can overflow the stack.
 */
export function parse (document) {
  const text = textOf(document)
  let position = 0
  const take = (pattern, what) => {
    pattern.lastIndex = position
    const found = pattern.exec(text)
    insist(found !== null, `not a JSON document: ${what} expected at character ${position}`)
    position = pattern.lastIndex
    return found[0]
  }
  const takeString = () => {
    take(/[ \t\n\r]*(?=")/y, 'a string')
    let end = position + 1
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
    const token = text.slice(position, end + 1)
    position = end + 1
    try {
      return JSON.parse(token) // it refuses control characters, unknown escapes and a string without an end
    } catch {
      throw new InvalidStatus('not a JSON document: a malformed or unfinished string')
    }
  }
  const takeNumber = name => {
    const token = take(/[ \t\n\r]*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y, 'a number').trim()
    insist(name !== 'timestamp' || /^[0-9]+$/.test(token), 'timestamp must be an integer (whole seconds)')
    return Number(token)
  }
  const found = new Map()
  take(/[ \t\n\r]*\{/y, 'an object')
  while (found.size < MEMBERS.length) {
    if (found.size > 0) take(/[ \t\n\r]*,/y, 'another member')
    const name = takeString()
    insist(MEMBERS.includes(name), `unknown member: pulse v1 has only ${MEMBERS.join(', ')}`)
    insist(!found.has(name), 'a member occurs twice')
    take(/[ \t\n\r]*:/y, 'a colon')
    found.set(name, name === 'status' || name === 'message' ? takeString() : takeNumber(name))
  }
  take(/[ \t\n\r]*\}[ \t\n\r]*$/y, 'the end of the document')
  return validate(Object.fromEntries(found))
}

function textOf (document) {
  if (typeof document === 'string') {
    insist(document.length <= SIZE_LIMIT, `more than ${SIZE_LIMIT} bytes`)
    return document
  }
  insist(document.byteLength <= SIZE_LIMIT, `more than ${SIZE_LIMIT} bytes`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(document)
  } catch {
    throw new InvalidStatus('not a JSON document: not UTF-8')
  }
}

/** Progress in percent, from 0 to 100; 0 where total_epochs is 0 (RDR-13). */
export function progress ({ epoch, total_epochs: total }) {
  return total > 0 ? Math.min(100, Math.max(0, epoch / total * 100)) : 0
}

/**
 * Follows one file of which someone else gets the bytes; keeps the last valid status (RDR-09, RDR-10).
 *
 * The states are those of pulse.liveness, which defines them: a run is stalled when it says "running" and its document
 * has not changed for more than stalledAfter seconds of this reader's own clock. Only the age at first sight comes from
 * wall clocks: the document's timestamp, or the file's modification time where that is nearer.
 */
export class StatusReader {
  /** stalledAfter in seconds; clock() in seconds, never set back; wall() in seconds since 1970. */
  constructor ({ stalledAfter = STALLED_AFTER, clock = monotonic, wall = () => Date.now() / 1000 } = {}) {
    Object.assign(this, { stalledAfter, clock, wall })
    this.status = null
    this.changed = 0
    this.evidence = null
    this.unreadableSince = null
  }

  /**
   * Take what one read gave: a document, a status object, or null for no file.
   * modified: when the file was last modified, in seconds since 1970. detail: why there is no document.
   * Returns what is known now: the members of a file in /api/status but for path, name, rate and eta_seconds.
   */
  accept (document, { modified = null, detail = 'no such file' } = {}) {
    const now = this.clock()
    let outcome = 'ok'
    try {
      if (document === null || document === undefined) {
        outcome = 'missing'
        this.unreadableSince ??= now
      } else {
        const isBytes = document instanceof ArrayBuffer || ArrayBuffer.isView(document)
        this.#observe(typeof document === 'string' || isBytes ? parse(document) : validate(document), now, modified)
        detail = ''
      }
    } catch (error) {
      if (!(error instanceof InvalidStatus)) throw error
      outcome = 'invalid'
      detail = error.message
      this.unreadableSince ??= now
    }
    return { ...this.assess(now), outcome, detail }
  }

  /** What is known at a moment of the reader's clock, without another read. */
  assess (now = this.clock()) {
    const { status } = this
    const unchanged = status === null ? null : now - this.changed
    let liveness = 'fresh'
    if (status === null || this.unreadableSince !== null) liveness = 'unreadable'
    else if (status.status === 'done' || status.status === 'error') liveness = 'ended'
    else if (status.status === 'running' && unchanged > this.stalledAfter) liveness = 'stalled'
    const state = liveness === 'unreadable' || liveness === 'stalled' ? liveness : status.status
    return {
      status: status === null ? null : { ...status },
      liveness,
      state,
      severity: STATES.indexOf(state),
      unchanged_seconds: unchanged,
      evidence: this.evidence,
      unreadable_seconds: this.unreadableSince === null ? null : now - this.unreadableSince,
      progress: status === null ? 0 : progress(status)
    }
  }

  #observe (status, now, modified) {
    this.unreadableSince = null
    if (this.status === null) {
      const byTimestamp = Math.abs(this.wall() - status.timestamp)
      const byFile = modified === null ? Infinity : Math.abs(this.wall() - modified)
      this.evidence = byFile < byTimestamp ? 'modified' : 'timestamp'
      this.changed = now - Math.min(byFile, byTimestamp)
    } else if (MEMBERS.some(name => status[name] !== this.status[name])) {
      this.evidence = 'observed'
      this.changed = now
    }
    this.status = status
  }
}

function monotonic () {
  return performance.now() / 1000
}
